/** Random choices that one number decides, so that every input of the fuzzer can be made again. */
import type { Bytes } from "../../src/engine/engine.ts";

/** A sequence of choices (the generator is sfc32). */
export class Chance {
  readonly #state: Uint32Array;

  /** The same seeds give the same choices. */
  constructor(...seeds: readonly number[]) {
    this.#state = Uint32Array.of(0x9e37_79b9, 0x243f_6a88, 0xb7e1_5162, 1);
    for (const seed of seeds) {
      this.#state[0] = (this.#state[0] as number) ^ seed;
      this.#state[1] = (this.#state[1] as number) ^ Math.floor(seed / 2 ** 32);
      for (let i = 0; i < 12; i++) this.u32();
    }
  }

  /** Any number below 2^32. */
  u32(): number {
    const s = this.#state;
    const [a, b, c, d] = s as unknown as [number, number, number, number];
    // Bits are what this generator is made of; nothing here is a size.
    const result = (a + b + d) >>> 0;
    s[3] = d + 1;
    s[0] = b ^ (b >>> 9);
    s[1] = c + (c << 3);
    s[2] = ((c << 21) | (c >>> 11)) + result;
    return result;
  }

  /** A number from 0 up to and without `end`; 0 when that is none. */
  below(end: number): number {
    return end < 1 ? 0 : this.u32() % end;
  }

  /** Whether something happens that happens one time in so many. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  /** One of the things. */
  pick<T>(things: readonly T[]): T {
    if (things.length === 0) throw new RangeError("Cannot pick one of none");
    return things[this.below(things.length)] as T;
  }

  /** A place in a sequence of this length: any, but more often near its beginning, where lengths and counts stand. */
  place(length: number): number {
    return this.oneIn(2) ? this.below(length) : this.below(Math.min(length, 24));
  }

  /** So many bytes. */
  bytes(length: number): Bytes {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** A number that a format may not have thought of. */
  number(near: number): number {
    switch (this.below(4)) {
      case 0:
        return this.pick(ODD_NUMBERS);
      case 1:
        return Math.max(0, near + this.pick([-16, -2, -1, 1, 2, 16]));
      case 2:
        return this.below(16);
      default:
        return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, this.pick([near * 2, Math.floor(near / 2), near + 4096])));
    }
  }
}

/** Powers of two and their neighbours, the limits of FORMAT.md among them. */
export const ODD_NUMBERS: readonly number[] = [
  ...[1, 4, 7, 8, 12, 14, 16, 18, 24, 30, 31, 32, 40, 52].flatMap((bits) => [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]),
  0,
  2048,
  65_520,
  2 ** 53 - 2 ** 24,
  2 ** 53 - 1,
];
