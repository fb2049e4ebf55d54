/**
 * Remembering millions of paths in a few bytes each: keyed 52-bit hashes instead of strings. The key is random, so
 * that nobody can choose paths which look alike.
 */

/**
 * HalfSipHash-2-4 (J.-P. Aumasson and D. J. Bernstein) over UTF-16 units, 52 of its 64 bits kept. Most paths that come
 * one after the other are of one folder, so it goes on from where the hash was behind the folder.
 */
export class PathHasher {
  readonly #start: Int32Array;
  readonly #state = new Int32Array(4);
  /** An even number of units, and the state behind them. */
  #folder = "";
  readonly #behindFolder: Int32Array;

  /** Takes a 64-bit key as two unsigned numbers; without it, a random one. */
  constructor(key: ArrayLike<number> = crypto.getRandomValues(new Uint32Array(2))) {
    const key0 = key[0] ?? 0;
    const key1 = key[1] ?? 0;
    this.#start = Int32Array.of(key0, key1 ^ 0xee, key0 ^ 0x6c796765, key1 ^ 0x74656462);
    this.#behindFolder = this.#start.slice();
  }

  /** The hash of a path: an integer from 0 to 2^52 - 1. */
  hash(path: string): number {
    const state = this.#state;
    const folderEnd = evenBelow(path.lastIndexOf("/") + 1);
    if (folderEnd !== this.#folder.length || !path.startsWith(this.#folder)) {
      this.#folder = path.slice(0, folderEnd);
      state.set(this.#start);
      absorb(state, path, 0, folderEnd);
      this.#behindFolder.set(state);
    } else {
      state.set(this.#behindFolder);
    }
    const pairsEnd = evenBelow(path.length);
    absorb(state, path, folderEnd, pairsEnd);
    // As in the original, the last word carries the length, here in bytes of UTF-16.
    const last = (((path.length * 2) & 0xff) << 24) | (pairsEnd < path.length ? path.charCodeAt(pairsEnd) : 0);
    absorbWord(state, last);
    state[2]! ^= 0xee;
    mix(state, 4);
    const low = (state[1]! ^ state[3]!) >>> 0;
    state[1]! ^= 0xdd;
    mix(state, 4);
    const high = (state[1]! ^ state[3]!) >>> 0;
    return low + (high & 0xfffff) * 2 ** 32;
  }
}

function evenBelow(length: number): number {
  return length - length % 2;
}

/** Takes in the units from `start` to `end`, two at a time. */
function absorb(state: Int32Array, path: string, start: number, end: number): void {
  for (let i = start; i < end; i += 2) absorbWord(state, path.charCodeAt(i) | (path.charCodeAt(i + 1) << 16));
}

function absorbWord(state: Int32Array, word: number): void {
  state[3]! ^= word;
  mix(state, 2);
  state[0]! ^= word;
}

/** So many rounds. */
function mix(state: Int32Array, rounds: number): void {
  let v0 = state[0]!;
  let v1 = state[1]!;
  let v2 = state[2]!;
  let v3 = state[3]!;
  for (let round = 0; round < rounds; round++) {
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
  }
  state[0] = v0;
  state[1] = v1;
  state[2] = v2;
  state[3] = v3;
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
