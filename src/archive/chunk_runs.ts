/**
 * Chunks that an index has no room for in memory, in sorted runs on the disk: one short read finds a chunk in a run,
 * and a filter in memory tells, of most chunks that are new, that they are in none.
 */
import type { Bytes } from "../engine/engine.ts";
import { TAG_BYTES } from "../format/limits.ts";
import type { SealedSpill, SpilledPiece } from "./sealed_spill.ts";

/** What is known of a chunk: the four words of its id, its block, its offset there and its length. */
export type ChunkRecord = readonly [number, number, number, number, number, number, number];

/**
 * Buckets of a run go by the first bits of ids, which are as good as random: as many bits as give buckets of some
 * records.
 */
const MAX_BUCKET_BITS = 16;
const BUCKET_RECORDS = 32;
const RECORD_WORDS = 7;
const RECORD_BYTES = 4 * RECORD_WORDS;
/**
 * Bits of the filter: 32 MiB. Of 27 million chunks, some 110 GB, it takes one in a hundred for one that is there; then
 * more.
 */
const FILTER_BITS = 2 ** 28;
const FILTER_HASHES = 4;
/** Buckets that are written together. */
const WRITTEN_TOGETHER = 1024;

/** One run: where its buckets are. */
interface Run {
  /** Bits by which an id is shifted to give its bucket. */
  readonly shift: number;
  readonly first: SpilledPiece;
  /** For each bucket, how many records are before it; and the sum. */
  readonly before: Uint32Array;
}

/** Runs of chunks. */
export class ChunkRuns {
  readonly #spill: SealedSpill;
  readonly #filter = new Uint32Array(FILTER_BITS / 32);
  readonly #runs: Run[] = [];

  /** Keeps them in such a file. */
  constructor(spill: SealedSpill) {
    this.#spill = spill;
  }

  /** Writes a run of `count` chunks; `record` gives each. */
  add(count: number, record: (index: number) => ChunkRecord): void {
    const bits = Math.min(MAX_BUCKET_BITS, Math.max(1, Math.floor(Math.log2(count / BUCKET_RECORDS))));
    const buckets = 2 ** bits;
    const shift = 32 - bits;
    const before = new Uint32Array(buckets + 1);
    for (let i = 0; i < count; i++) {
      const [first, second, third, fourth] = record(i);
      this.#mark(second, third, fourth);
      const bucket = first >>> shift;
      before[bucket + 1] = (before[bucket + 1] as number) + 1;
    }
    for (let bucket = 0; bucket < buckets; bucket++) {
      before[bucket + 1] = (before[bucket + 1] as number) + (before[bucket] as number);
    }
    const order = new Uint32Array(count);
    const next = before.slice(0, buckets);
    for (let i = 0; i < count; i++) {
      const bucket = record(i)[0] >>> shift;
      order[next[bucket] as number] = i;
      next[bucket] = (next[bucket] as number) + 1;
    }
    let first: SpilledPiece | undefined;
    for (let bucket = 0; bucket < buckets; bucket += WRITTEN_TOGETHER) {
      const pieces: Bytes[] = [];
      for (let one = bucket; one < Math.min(buckets, bucket + WRITTEN_TOGETHER); one++) {
        const words = new Uint32Array(((before[one + 1] as number) - (before[one] as number)) * RECORD_WORDS);
        const start = before[one] as number;
        for (let at = start; at < (before[one + 1] as number); at++) {
          words.set(record(order[at] as number), (at - start) * RECORD_WORDS);
        }
        pieces.push(new Uint8Array(words.buffer));
      }
      const put = this.#spill.put(pieces);
      first ??= put;
    }
    this.#runs.push({ shift, first: first as SpilledPiece, before });
  }

  /** What is known of the chunk whose id has these words. */
  find(first: number, second: number, third: number, fourth: number): ChunkRecord | undefined {
    if (!this.#isMarked(second, third, fourth)) return undefined;
    for (const { shift, first: start, before } of this.#runs) {
      const bucket = first >>> shift;
      const from = before[bucket] as number;
      const count = (before[bucket + 1] as number) - from;
      if (count === 0) continue;
      const offset = start.offset + from * RECORD_BYTES + bucket * TAG_BYTES;
      const piece = this.#spill.take({ offset, length: count * RECORD_BYTES, number: start.number + bucket });
      const words = new Uint32Array(piece.buffer as ArrayBuffer);
      for (let at = 0; at < words.length; at += RECORD_WORDS) {
        if (words[at] !== first || words[at + 1] !== second || words[at + 2] !== third || words[at + 3] !== fourth) {
          continue;
        }
        return words.subarray(at, at + RECORD_WORDS) as unknown as ChunkRecord;
      }
    }
    return undefined;
  }

  #mark(second: number, third: number, fourth: number): void {
    for (let i = 0; i < FILTER_HASHES; i++) {
      const bit = hashOf(second, third, fourth, i);
      this.#filter[bit >>> 5] = (this.#filter[bit >>> 5] as number) | (1 << (bit & 31));
    }
  }

  #isMarked(second: number, third: number, fourth: number): boolean {
    for (let i = 0; i < FILTER_HASHES; i++) {
      const bit = hashOf(second, third, fourth, i);
      if (((this.#filter[bit >>> 5] as number) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

/** A bit of the filter; ids are as good as random, so that their own bits do. */
function hashOf(second: number, third: number, fourth: number, i: number): number {
  return ((second + Math.imul(i, third) + Math.imul(i * i, fourth)) >>> 0) % FILTER_BITS;
}
