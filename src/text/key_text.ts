/**
 * Key files, identities and recipients as lines of text: Bech32m (BIP 350) with a prefix that says what the line is,
 * and a checksum that tells a mistyped line from a wrong one. What is secret is written in capitals.
 */
// By its full name: mod.ts is also imported from a checkout by programs that have an import map of their own.
import { bech32m } from "npm:@scure/base@2.4.0";
import type { Bytes } from "../engine/engine.ts";
import { KEY_BYTES } from "../format/keys.ts";
import { RECIPIENT_BYTES } from "../format/slots.ts";

/** What a line of key text can be. */
export type KeyTextKind = "key-file" | "identity" | "recipient";

interface KeyTextForm {
  /** The human-readable part, which ends where the last `1` of the line stands. */
  readonly prefix: string;
  /** Bytes of the key. */
  readonly bytes: number;
  /** What it is called, with its article. */
  readonly name: string;
  /** What to do with it instead. */
  readonly use: string;
}

const FORMS: Readonly<Record<KeyTextKind, KeyTextForm>> = {
  "key-file": { prefix: "coffer-key-", bytes: KEY_BYTES, name: "a key file", use: "--key-file takes it" },
  "identity": {
    prefix: "coffer-identity-",
    bytes: KEY_BYTES,
    name: "an identity",
    use: "--identity takes it, and it is a secret",
  },
  "recipient": { prefix: "coffer", bytes: RECIPIENT_BYTES, name: "a recipient", use: "--recipient takes it" },
};

/** Key text that cannot be taken, and why: a typo can be mended, a key of another kind belongs elsewhere. */
export class KeyTextError extends Error {
  /** `"KeyTextError"`. */
  override readonly name = "KeyTextError";
  /** What is wrong: `typo` when it was meant to be such a key, `other-kind` when it is another kind of key. */
  readonly reason: "typo" | "other-kind" | "no-key";

  /** Creates an error; `message` goes behind a colon. It never holds any of the text, which may be secret. */
  constructor(reason: KeyTextError["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** One key as a line of text, without a line feed. */
export function encodeKeyText(kind: KeyTextKind, key: Bytes): string {
  const { prefix, bytes } = FORMS[kind];
  if (key.length !== bytes) throw new RangeError(`Cannot encode ${FORMS[kind].name} of ${key.length} bytes`);
  const text = bech32m.encode(prefix, bech32m.toWords(new Uint8Array(key)), false);
  return kind === "recipient" ? text : text.toUpperCase();
}

/**
 * The key in one line of text; blanks around it do not count.
 *
 * @throws {KeyTextError} when it is no such key.
 */
export function decodeKeyText(kind: KeyTextKind, line: string): Bytes {
  const text = line.trim();
  const { prefix, bytes, name } = FORMS[kind];
  const found = kindOf(text);
  if (found === undefined) throw foreign(text, name);
  if (found !== kind) {
    const { name: otherName, use } = FORMS[found];
    throw new KeyTextError("other-kind", `it is ${otherName}, not ${name}; ${use}`);
  }
  let key: Bytes;
  try {
    const decoded = bech32m.decode(text as `${string}1${string}`, false);
    if (decoded.prefix !== prefix) throw new RangeError("another prefix");
    key = bech32m.fromWords(decoded.words);
  } catch {
    throw new KeyTextError("typo", `its checksum does not hold: a character of ${name} is wrong, missing or too many`);
  }
  if (key.length === bytes) return key;
  key.fill(0);
  throw new KeyTextError("no-key", `it is ${name} of a length that this version does not know`);
}

/** Which kind of key a line claims to be by its beginning. */
function kindOf(text: string): KeyTextKind | undefined {
  const lower = text.toLowerCase();
  const kinds = Object.keys(FORMS) as KeyTextKind[];
  return kinds.find((kind) => lower.startsWith(`${FORMS[kind].prefix}1`));
}

function foreign(text: string, name: string): KeyTextError {
  if (text === "") return new KeyTextError("no-key", "it is empty");
  if (/^age/i.test(text)) {
    return new KeyTextError("other-kind", `it is a key of age, not ${name}; coffer keygen makes one`);
  }
  if (/^(?:-----BEGIN|ssh-|ecdsa-)/.test(text)) {
    return new KeyTextError("other-kind", `it is a key of another program, not ${name}; coffer keygen makes one`);
  }
  if (/^coffer/i.test(text)) {
    return new KeyTextError("typo", `its beginning is mistyped: ${name} begins otherwise, or a newer version made it`);
  }
  return new KeyTextError("no-key", `it is not ${name}; coffer keygen makes one`);
}

/** Key text in a file is short; what is longer is something else. */
export const MAX_KEY_FILE_TEXT = 2 ** 20;

/**
 * The keys in a file's text, one a line. Empty lines and lines that begin with `#` are passed over.
 *
 * @throws {KeyTextError} when a line is no such key, or there is none.
 */
export function decodeKeyLines(kind: KeyTextKind, text: string): readonly Bytes[] {
  const lines = text.split("\n").map((line, i) => [line.trim(), i + 1] as const)
    .filter(([line]) => line !== "" && !line.startsWith("#"));
  if (lines.length === 0) throw new KeyTextError("no-key", "no key is in it");
  return lines.map(([line, number]) => {
    try {
      return decodeKeyText(kind, line);
    } catch (error) {
      if (!(error instanceof KeyTextError) || lines.length === 1) throw error;
      throw new KeyTextError(error.reason, `line ${number}: ${error.message}`);
    }
  });
}
