/** Places of blocks, each of which has a number in a table (FORMAT.md, "Pages"). */
import type { Bytes } from "../engine/engine.ts";
import { type ByteReader, ByteWriter } from "./bytes.ts";
import { ArchiveError } from "./errors.ts";
import { MAX_BODY_BYTES, MAX_FRAMES } from "./limits.ts";
import type { BlockPlace } from "./row.ts";

/** A table of the places of blocks: each has a number. */
export class BlockTable {
  readonly #numbers = new Map<number, Map<number, number>>();
  readonly #places: BlockPlace[] = [];

  indexOf(place: BlockPlace): number {
    const segment = place.segment ?? 0;
    let numbers = this.#numbers.get(segment);
    if (numbers === undefined) this.#numbers.set(segment, numbers = new Map());
    const known = numbers.get(place.frame);
    if (known !== undefined) return known;
    const index = this.#places.push(place) - 1;
    numbers.set(place.frame, index);
    return index;
  }

  /** How many segments back each block lies; `undefined` when all are in this one. */
  encodeSegments(own: number): Bytes | undefined {
    if (this.#places.every(({ segment = 0 }) => segment === own)) return undefined;
    const out = new ByteWriter(this.#places.length * 2);
    for (const { segment = 0 } of this.#places) out.varint(own - segment);
    return out.finish();
  }

  encode(): Bytes {
    const out = new ByteWriter(this.#places.length * 6 + 8);
    out.varint(this.#places.length);
    let frame = 0;
    let end = 0;
    for (const place of this.#places) {
      out.zigzag(place.frame - frame);
      out.zigzag(place.offset - end);
      out.varint(place.frameBytes);
      frame = place.frame;
      end = place.offset + place.frameBytes;
    }
    return out.finish();
  }
}

/** Decodes what {@linkcode BlockTable} encodes. */
export function decodePlaces(
  reader: ByteReader | undefined,
  segments: ByteReader | undefined,
  own: number,
  what: string,
): BlockPlace[] {
  if (reader === undefined) return [];
  const places: BlockPlace[] = [];
  let frame = 0;
  let end = 0;
  for (let left = reader.count(3); left > 0; left--) {
    frame += reader.zigzag();
    const offset = end + reader.zigzag();
    const frameBytes = reader.varint();
    end = offset + frameBytes;
    if (frame < 0 || frame > MAX_FRAMES || offset < 0 || end > MAX_BODY_BYTES) {
      throw new ArchiveError("malformed", `Cannot decode ${what}: a block's place is out of range`);
    }
    const segment = own - (segments?.varint() ?? 0);
    if (segment < 0) throw new ArchiveError("malformed", `Cannot decode ${what}: a block lies in no segment`);
    places.push(segment === 0 ? { frame, offset, frameBytes } : { segment, frame, offset, frameBytes });
  }
  return places;
}
