/** Regions for tests: data, what the encoder makes of it, and what an examination finds. */
import type { Bytes, Engine } from "../../src/engine/engine.ts";
import { RegionEncoder } from "../../src/recovery/region_encoder.ts";
import { RegionExaminer, type RegionFindings } from "../../src/recovery/region_mender.ts";
import { regionShape } from "../../src/recovery/geometry.ts";

export const CELL = 4096;

/** Numbers that look random and are the same each time. */
export function sequence(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

export function randomBytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const next = sequence(seed);
  return new Uint8Array(Uint32Array.from({ length: Math.ceil(length / 4) }, next).buffer).subarray(0, length);
}

/** A whole region of so many data cells. */
export function encodedRegion(engine: Engine, percent: number, cells: number, seed = 1): Uint8Array<ArrayBuffer> {
  const data = randomBytes(cells * CELL, seed);
  const encoder = new RegionEncoder(engine, percent);
  // Pieces that fit no cell.
  for (let at = 0; at < data.length; at += 10_007) encoder.add(data.subarray(at, at + 10_007));
  const pieces = [data, ...[...encoder.finishRegion()].map((piece) => piece.slice())];
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

const examiners = new Map<Engine, Map<number, RegionExaminer>>();

export async function examine(engine: Engine, percent: number, cells: number, region: Bytes): Promise<RegionFindings> {
  const known = examiners.get(engine) ?? new Map<number, RegionExaminer>();
  examiners.set(engine, known);
  const examiner = known.get(percent) ?? new RegionExaminer(engine, percent);
  known.set(percent, examiner);
  const identity = { percent, number: 0, segment: { offset: 0, physical: 0 } };
  return await examiner.examine(
    identity,
    regionShape(percent, cells),
    (offset, length) => Promise.resolve(region.subarray(offset, offset + length)),
  );
}

/** The region with what was mended; `undefined` when it could not be. */
export function apply(region: Bytes, { mended }: RegionFindings): Bytes | undefined {
  if (mended === undefined) return undefined;
  const end = Math.max(region.length, ...mended.map(({ offset, bytes }) => offset + bytes.length));
  const whole = new Uint8Array(end);
  whole.set(region);
  for (const { offset, bytes } of mended) whole.set(bytes, offset);
  return whole;
}
