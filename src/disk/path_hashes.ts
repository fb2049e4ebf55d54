/**
 * Remembering millions of paths in a few bytes each: keyed 52-bit hashes instead of strings. The key is random, so
 * that nobody can choose paths which look alike.
 */

/** HalfSipHash-2-4 (J.-P. Aumasson and D. J. Bernstein) over UTF-16 units, 52 of its 64 bits kept. */
export class PathHasher {
  readonly #key0: number;
  readonly #key1: number;

  /** Takes a 64-bit key as two unsigned numbers; without it, a random one. */
  constructor(key: ArrayLike<number> = crypto.getRandomValues(new Uint32Array(2))) {
    this.#key0 = (key[0] ?? 0) | 0;
    this.#key1 = (key[1] ?? 0) | 0;
  }

  /** The hash of a path: an integer from 0 to 2^52 - 1. */
  hash(path: string): number {
    let v0 = this.#key0;
    let v1 = this.#key1 ^ 0xee;
    let v2 = this.#key0 ^ 0x6c796765;
    let v3 = this.#key1 ^ 0x74656462;
    const round = () => {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    };
    const absorb = (word: number) => {
      v3 ^= word;
      round();
      round();
      v0 ^= word;
    };
    const pairs = path.length - path.length % 2;
    for (let i = 0; i < pairs; i += 2) absorb(path.charCodeAt(i) | (path.charCodeAt(i + 1) << 16));
    // As in the original, the last word carries the length, here in bytes of UTF-16.
    absorb((((path.length * 2) & 0xff) << 24) | (pairs < path.length ? path.charCodeAt(pairs) : 0));
    v2 ^= 0xee;
    for (let i = 0; i < 4; i++) round();
    const low = (v1 ^ v3) >>> 0;
    v1 ^= 0xdd;
    for (let i = 0; i < 4; i++) round();
    const high = (v1 ^ v3) >>> 0;
    return low + (high % 2 ** 20) * 2 ** 32;
  }
}

/** A set of such hashes: 8 bytes each in an open-addressing table that is at most two thirds full. */
export class HashSet {
  #table: Float64Array = new Float64Array(1024);
  #size = 0;

  /** Members. */
  get size(): number {
    return this.#size;
  }

  /** Adds a hash; adding it again changes nothing. */
  add(hash: number): void {
    if (this.#size * 3 >= this.#table.length * 2) this.#grow();
    if (insert(this.#table, hash)) this.#size++;
  }

  /** Whether a hash was added. */
  has(hash: number): boolean {
    const table = this.#table;
    const wanted = hash + 1;
    for (let i = hash % table.length;; i = i + 1 === table.length ? 0 : i + 1) {
      const found = table[i];
      if (found === wanted) return true;
      if (found === 0) return false;
    }
  }

  #grow(): void {
    const larger = new Float64Array(this.#table.length * 2);
    for (const stored of this.#table) if (stored !== 0) insert(larger, stored - 1);
    this.#table = larger;
  }
}

/** Hashes are stored plus one: 0 is an empty place. */
function insert(table: Float64Array, hash: number): boolean {
  for (let i = hash % table.length;; i = i + 1 === table.length ? 0 : i + 1) {
    const found = table[i];
    if (found === hash + 1) return false;
    if (found === 0) {
      table[i] = hash + 1;
      return true;
    }
  }
}
