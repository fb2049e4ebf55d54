/**
 * Recovery words: the archive key as 24 words of the published English list of BIP 39, 8 bits of which are a checksum.
 * They are BIP 39's words for 32 bytes of entropy, and nothing else of it: no passphrase, no derivation.
 */
// By its full name: mod.ts is also imported from a checkout by programs that have an import map of their own.
import { entropyToMnemonic, mnemonicToEntropy } from "npm:@scure/bip39@2.4.0";
import { wordlist } from "npm:@scure/bip39@2.4.0/wordlists/english.js";
import type { Bytes } from "../engine/engine.ts";
import { KEY_BYTES } from "../format/keys.ts";

/** How many words there are. */
export const RECOVERY_WORDS = 24;

/** Letters that tell every word of the list from the others. */
const TELLING_LETTERS = 4;

/** The words for an archive key, with blanks between. */
export function encodeRecoveryWords(archiveKey: Bytes): string {
  if (archiveKey.length !== KEY_BYTES) throw new RangeError(`Cannot encode a key of ${archiveKey.length} bytes`);
  return entropyToMnemonic(new Uint8Array(archiveKey), wordlist);
}

/**
 * The archive key in 24 words. Case, numbers and punctuation do not count, and the first four letters of a word are
 * enough.
 *
 * @throws {RangeError} that says which word is none, how many there are, or that the checksum does not hold; it names
 * no word, for they are secret.
 */
export function decodeRecoveryWords(text: string): Bytes {
  const typed = text.toLowerCase().normalize("NFKD").match(/[a-z]+/g) ?? [];
  if (typed.length !== RECOVERY_WORDS) {
    throw new RangeError(`Cannot use the recovery words: there are ${typed.length} of them, not ${RECOVERY_WORDS}`);
  }
  const words = typed.map((word, i) => {
    const known = wordlist.find((candidate) => candidate === word) ??
      wordlist.find((candidate) => word.length >= TELLING_LETTERS && candidate.startsWith(word));
    if (known === undefined) throw new RangeError(`Cannot use the recovery words: word ${i + 1} is not in the list`);
    return known;
  });
  try {
    return mnemonicToEntropy(words.join(" "), wordlist);
  } catch {
    throw new RangeError(
      "Cannot use the recovery words: their checksum does not hold; one is wrong, or two are swapped",
    );
  }
}
