/**
 * Text that compresses like text. Words follow Zipf's law, some come in set phrases, and lines are indented: zstd
 * makes a quarter to a third of it, as it does of source code and logs. Nothing repeats over long distances, so that
 * no tool wins by a larger window alone.
 */
import { Random } from "./random.ts";

const WORDS = 6000;
const PHRASES = 4000;
/** Entries of the table that turns a uniform number into one that follows Zipf's law. */
const ZIPF_TABLE = 2 ** 16;
const SYLLABLES =
  "ba be bi bo ca ce ci co da de di do en er ex fa fi fo ga ge go ha he in is la le li lo ma me mi mo na ne no on or pa pe po ra re ri ro sa se si so ta te ti to un va ve vi wa we xi ze"
    .split(" ");
const ENDINGS = [" ", " ", " ", " ", " ", ", ", " = ", "(", ").", ": ", "; "];

/** The same language for all texts: what differs is the seed they are written with. */
const LANGUAGE_SEED = 20;

const DIGIT_0 = 0x30;

const encoder = new TextEncoder();

interface Language {
  readonly words: readonly Uint8Array[];
  readonly phrases: readonly Uint8Array[];
  readonly indents: readonly Uint8Array[];
}

/** Ranks 0 to `count` - 1, each as often as its share of 1 / (rank + 1). */
function zipfTable(count: number): Uint16Array {
  let total = 0;
  for (let rank = 0; rank < count; rank++) total += 1 / (rank + 1);
  const table = new Uint16Array(ZIPF_TABLE);
  let rank = 0;
  let share = 1 / total;
  for (let i = 0; i < ZIPF_TABLE; i++) {
    while (i / ZIPF_TABLE >= share && rank < count - 1) share += 1 / (++rank + 1) / total;
    table[i] = rank;
  }
  return table;
}

const wordRanks = zipfTable(WORDS);
const phraseRanks = zipfTable(PHRASES);

function pick<T>(items: readonly T[], random: Random): T {
  return items[random.below(items.length)] as T;
}

function pickRanked<T>(items: readonly T[], ranks: Uint16Array, random: Random): T {
  return items[ranks[random.below(ZIPF_TABLE)] as number] as T;
}

/** A word of one to four syllables. */
export function makeWord(random: Random): string {
  let word = "";
  for (let syllables = 1 + random.below(4); syllables > 0; syllables--) word += pick(SYLLABLES, random);
  return word;
}

function makeLanguage(): Language {
  const random = new Random(LANGUAGE_SEED);
  const words = Array.from({ length: WORDS }, () => makeWord(random));
  const phrases = Array.from({ length: PHRASES }, () => {
    const parts = Array.from({ length: 3 + random.below(5) }, () => pickRanked(words, wordRanks, random));
    return parts.map((word) => word + pick(ENDINGS, random)).join("");
  });
  return {
    words: words.map((word) => encoder.encode(word + pick(ENDINGS, random))),
    phrases: phrases.map((phrase) => encoder.encode(phrase)),
    indents: ["\n", "\n  ", "\n    ", "\n      ", "\n        "].map((indent) => encoder.encode(indent)),
  };
}

let language: Language | undefined;

/** Writes text without end: each call of {@linkcode fill} goes on where the last one stopped. */
export class TextWriter {
  readonly #language: Language = language ??= makeLanguage();
  readonly #random: Random;
  /** Eight digits and the space behind them. */
  readonly #digits = encoder.encode("00000000 ");
  #rest: Uint8Array = new Uint8Array(0);

  /** Starts a text; equal seeds give equal texts. */
  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** Fills `bytes` with text. */
  fill(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#rest.length === 0) this.#rest = this.#next();
      const rest = this.#rest;
      const count = Math.min(rest.length, bytes.length - at);
      // For so few bytes a loop is faster than `set`.
      for (let i = 0; i < count; i++) bytes[at + i] = rest[i] as number;
      at += count;
      this.#rest = rest.subarray(count);
    }
  }

  #next(): Uint8Array {
    const { words, phrases, indents } = this.#language;
    const kind = this.#random.below(100);
    if (kind < 12) return pick(indents, this.#random);
    if (kind < 36) return pickRanked(phrases, phraseRanks, this.#random);
    if (kind < 42) return this.#number();
    return pickRanked(words, wordRanks, this.#random);
  }

  /** One to eight digits, like the sizes, times and ids that logs and sources are full of. */
  #number(): Uint8Array {
    const digits = this.#digits;
    let at = digits.length - 1;
    for (let count = 1 + this.#random.below(8); count > 0; count--) digits[--at] = DIGIT_0 + this.#random.below(10);
    return digits.subarray(at);
  }
}
