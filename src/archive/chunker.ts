/**
 * Cuts content where the content itself says so, so that equal stretches give equal chunks wherever they lie and
 * whatever was inserted before them (FORMAT.md, "Deduplication").
 *
 * The method is FastCDC's (Xia et al., USENIX ATC 2016): a gear hash over the last 32 bytes, and two masks, a strict
 * one before the normal length and a loose one behind it, which draw the lengths together. The gear table comes from
 * the archive key, so that nobody else can tell, or arrange, where a file is cut.
 */
import type { Bytes } from "../engine/engine.ts";
import { MAX_CHUNK_LENGTH } from "../format/chunk_table.ts";

/** No chunk but the last of a file, or one before a run of zeros, is shorter. */
export const MIN_CHUNK_LENGTH = 1024;
/** Where the mask changes; lengths gather around it. */
const NORMAL_CHUNK_LENGTH = 4096;
/** A run of at least so many zeros is cut out and not stored at all. */
export const ZERO_RUN_LENGTH = 4096;
/**
 * How much {@linkcode Chunker.next} has to see beyond a chunk's start to say where it ends, unless the content ends
 * before.
 */
export const CHUNKER_LOOKAHEAD = MAX_CHUNK_LENGTH + ZERO_RUN_LENGTH;

/** Top bits of the hash: they depend on all 32 bytes of its window, the low ones on the last few alone. */
const STRICT_MASK = 0xfff00000 | 0;
const LOOSE_MASK = 0xffe00000 | 0;
/** A run of {@linkcode ZERO_RUN_LENGTH} zeros cannot pass between two probes. */
const PROBE_STEP = ZERO_RUN_LENGTH;

/** A stretch of content: so many bytes, and whether it is a run of zeros, which need no storing. */
export interface Cut {
  readonly length: number;
  readonly zeros: boolean;
}

/** Cuts the content of one file after another. */
export class Chunker {
  readonly #gear: Int32Array;
  #inZeros = false;

  /** Takes the table of {@linkcode deriveGearTable}. */
  constructor(gear: Uint32Array) {
    if (gear.length !== 256) throw new RangeError("Cannot cut content: the gear table must have 256 values");
    this.#gear = Int32Array.from(gear);
  }

  /** Begins with another file. */
  reset(): void {
    this.#inZeros = false;
  }

  /**
   * The stretch at the start of `bytes`, which is what follows the stretch before it. There must be
   * {@linkcode CHUNKER_LOOKAHEAD} bytes, unless the content ends with them. A run of zeros may come in pieces.
   */
  next(bytes: Bytes): Cut {
    const zeros = zeroRun(bytes, 0);
    // How a long run is divided between calls must not decide what becomes of its end.
    const endsRun = this.#inZeros && zeros > 0;
    if (endsRun || zeros >= ZERO_RUN_LENGTH) {
      this.#inZeros = zeros === bytes.length;
      return { length: zeros, zeros: true };
    }
    this.#inZeros = false;
    return { length: this.#upToZeros(bytes, this.#cut(bytes)), zeros: false };
  }

  #cut(bytes: Bytes): number {
    const gear = this.#gear;
    const end = Math.min(bytes.length, MAX_CHUNK_LENGTH);
    const normal = Math.min(end, NORMAL_CHUNK_LENGTH);
    let hash = 0;
    let i = MIN_CHUNK_LENGTH;
    while (i < normal) {
      hash = ((hash << 1) + (gear[bytes[i++] as number] as number)) | 0;
      if ((hash & STRICT_MASK) === 0) return i;
    }
    while (i < end) {
      hash = ((hash << 1) + (gear[bytes[i++] as number] as number)) | 0;
      if ((hash & LOOSE_MASK) === 0) return i;
    }
    return end;
  }

  /** Ends a chunk where a run of zeros begins that is long enough to be left out. */
  #upToZeros(bytes: Bytes, length: number): number {
    for (let probe = PROBE_STEP; probe < length; probe += PROBE_STEP) {
      if (bytes[probe] !== 0) continue;
      let start = probe;
      while (bytes[start - 1] === 0) start--;
      if (probe - start + zeroRun(bytes, probe) >= ZERO_RUN_LENGTH) return start;
    }
    return length;
  }
}

/** How many zeros there are from some place on. */
function zeroRun(bytes: Bytes, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] === 0) at++;
  return at - from;
}
