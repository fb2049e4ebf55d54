/** How the text of an option's value becomes a value. Each reader refuses what it cannot take with exit code 2. */
import type { SnapshotChoice } from "../archive/snapshots.ts";
import { pathFault, utf8Length } from "../format/path.ts";
import { UsageError } from "./command_error.ts";

/** Turns the text given to `option` (as typed, such as `--level` or `-C`) into a value, or throws a `UsageError`. */
export type ValueReader<T> = (text: string, option: string) => T;

function refuse(text: string, option: string, expected: string): never {
  throw new UsageError(`Cannot use "${text}" as "${option}": expected ${expected}`);
}

/** A whole number within inclusive limits. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): ValueReader<number> {
  const expected = max === Number.MAX_SAFE_INTEGER
    ? `a whole number, ${min} or more`
    : `a whole number from ${min} to ${max}`;
  return (text, option) => {
    const value = /^[0-9]+$/.test(text) ? Number(text) : NaN;
    // The negated form also refuses NaN.
    if (!(value >= min && value <= max)) refuse(text, option, expected);
    return value;
  };
}

/** One of a few words. */
export function oneOf<const T extends string>(...words: readonly T[]): ValueReader<T> {
  return (text, option) => words.find((word) => word === text) ?? refuse(text, option, words.join(", "));
}

const UNIT_POWERS: Readonly<Record<string, number>> = { "": 0, K: 1, M: 2, G: 3, T: 4 };

/** An amount of bytes, such as `512MiB`; `M` alone is `MiB`, `MB` is a million. At least 1. */
export function sizeInBytes(text: string, option: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?) ?([KMGT]?)(iB|B)?$/i.exec(text);
  const amount = Number(match?.[1] ?? NaN);
  const base = match?.[3]?.toLowerCase() === "b" ? 1000 : 1024;
  const bytes = Math.floor(amount * base ** (UNIT_POWERS[(match?.[2] ?? "").toUpperCase()] ?? NaN));
  if (!(bytes >= 1 && Number.isSafeInteger(bytes))) refuse(text, option, "a size, such as 512MiB or 2GiB");
  return bytes;
}

/** As {@linkcode sizeInBytes}; `none` and 0 are no size at all, which is infinite. */
export function sizeOrNone(text: string, option: string): number {
  return text === "none" || text === "0" ? Infinity : sizeInBytes(text, option);
}

/** A path on this machine. */
export function diskPath(text: string, option: string): string {
  if (text === "") refuse(text, option, "a path");
  // A NUL cannot come from a shell, but would end the name for the system without a word.
  if (text.includes("\0")) throw new UsageError(`Cannot use the path given to "${option}": it holds a NUL`);
  return text;
}

/** A path as it is stored in an archive. */
export function storedPath(text: string, option: string): string {
  const fault = text === "." ? "it is the root" : pathFault(text);
  if (fault !== undefined) throw new UsageError(`Cannot use "${text}" as "${option}": ${fault}`);
  return text;
}

/** Text of at most `maxBytes` bytes of UTF-8. */
export function shortText(maxBytes: number): ValueReader<string> {
  return (text, option) => {
    if (!text.isWellFormed()) throw new UsageError(`Cannot use the text given to "${option}": it is not well-formed`);
    if (utf8Length(text) > maxBytes) {
      throw new UsageError(`Cannot use the text given to "${option}": it is over ${maxBytes} bytes`);
    }
    return text;
  };
}

/** Which snapshot is meant. */
export function snapshotChoice(text: string, option: string): SnapshotChoice {
  if (text === "latest" || text === "first") return { kind: text };
  if (/^[1-9][0-9]{0,4}$/.test(text)) return { kind: "number", number: Number(text) };
  if (/^[0-9a-f]{6,64}$/i.test(text)) return { kind: "id", digits: text.toLowerCase() };
  return refuse(text, option, "first, latest, a number, or the first 6 or more digits of an id");
}

/** A whole snapshot id. */
export function wholeId(text: string, option: string): Uint8Array<ArrayBuffer> {
  if (!/^[0-9a-f]{64}$/i.test(text)) refuse(text, option, "an id of 64 hexadecimal digits");
  return Uint8Array.fromHex(text);
}

/** Any text that is not empty. */
export function someText(text: string, option: string): string {
  if (text === "") refuse(text, option, "some text");
  return text;
}

/**
 * Splits a command into words without a shell: blanks part words, quotes keep them together, a backslash takes the
 * next character as it is (outside single quotes). Nothing is expanded. On Windows, where the backslash parts
 * folders, it only escapes a double quote.
 */
export function commandWords(text: string, option: string, windows: boolean = Deno.build.os === "windows"): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    const next = text.charAt(i + 1);
    const escapes = quote === "'"
      ? false
      : quote === '"' || windows
      ? next === '"' || (!windows && next === "\\")
      : true;
    if (character === "\\" && escapes) {
      if (next === "") throw new UsageError(`Cannot use the command given to "${option}": it ends in a backslash`);
      word = (word ?? "") + next;
      i++;
    } else if (quote !== "") {
      if (character === quote) quote = "";
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + character;
    }
  }
  if (quote !== "") {
    throw new UsageError(`Cannot use the command given to "${option}": a quote (${quote}) is not closed`);
  }
  if (word !== undefined) words.push(word);
  if (words.length === 0) throw new UsageError(`Cannot use the command given to "${option}": it is empty`);
  return words;
}
