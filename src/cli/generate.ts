/** Passphrases made by the program. */
import { wordlist } from "@scure/bip39/wordlists/english.js";

/**
 * Words of a generated passphrase: 7 × 11 = 77 bits. At 2^17 rounds of scrypt for each guess, trying half of them
 * costs about 2^76 times a tenth of a second of one core.
 */
const WORDS = 7;

/**
 * A random passphrase: words of the published BIP-39 English list (2,048 of them, told apart by their first four
 * letters), each drawn on its own, with hyphens between.
 */
export function generatePassphrase(
  random: (length: number) => Uint16Array = (length) => crypto.getRandomValues(new Uint16Array(length)),
): string {
  // 65,536 is a multiple of the list's length, so the remainder favours no word.
  return Array.from(random(WORDS), (value) => wordlist[value % wordlist.length]).join("-");
}
