/**
 * Where the segments of an archive end, and what the locators there said, found out from what is left of them
 * (FORMAT.md, "Repair").
 */
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_OVERHEAD, FRAME_TYPE, frameLength } from "../format/frame.ts";
import { KEY_BYTES, type SegmentIdentity } from "../format/keys.ts";
import { MAX_LOCATOR_SCAN, SEGMENT_ALIGNMENT } from "../format/limits.ts";
import { decodeLocator, type Locator, RECORD_BYTES } from "../format/locator.ts";
import { decodeTrailer, type Trailer } from "../format/tables.ts";
import type { FrameCipher } from "./frame_cipher.ts";
import { findFrames, type FrameMap } from "./frame_search.ts";
import type { OpenedHeader } from "./header_reader.ts";
import { openRecord } from "./record_cipher.ts";
import { segmentCipher } from "./segment_tail.ts";
import type { Source } from "./source.ts";

/** A segment whose end has been found, and perhaps more behind it. */
export interface LastSegment {
  readonly locator: Locator;
  /** SHA-256 of its locator as it stands, or as it will; what a next segment has for a link. */
  readonly id: Bytes;
  /** Where it ends, from the source's start. */
  readonly end: number;
}

/** The last locator that is intact and in its place, as far back as is looked for one. */
export async function findLastLocator(
  source: Source,
  { bodyOffset, keys }: OpenedHeader,
): Promise<LastSegment | undefined> {
  const bodyBytes = source.size - bodyOffset;
  const last = Math.floor(bodyBytes / SEGMENT_ALIGNMENT) * SEGMENT_ALIGNMENT;
  for (let end = last; end > 0 && end >= bodyBytes - MAX_LOCATOR_SCAN; end -= SEGMENT_ALIGNMENT) {
    const record = await source.read(bodyOffset + end - RECORD_BYTES, RECORD_BYTES);
    const plain = openRecord(keys, "locator", record);
    if (plain === undefined) continue;
    const locator = decodeLocator(plain);
    if (locator.offset + locator.length !== end) continue;
    return { locator, id: keys.engine.sha256(record), end: bodyOffset + end };
  }
  return undefined;
}

/** What the locator of a segment said whose frames have been found up to the end; `undefined` when some are amiss. */
export async function locatorOf(
  source: Source,
  { bodyOffset, keys, copy }: OpenedHeader,
  map: FrameMap,
  { segment, start, snapshots }: {
    readonly segment: SegmentIdentity;
    /** Where it begins, from the source's start. */
    readonly start: number;
    readonly snapshots: number;
  },
): Promise<Locator | undefined> {
  const index = map.types.indexOf(FRAME_TYPE.index);
  const trailer = map.types.indexOf(FRAME_TYPE.trailer);
  const [indexAt, trailerAt] = [map.places[index], map.places[trailer]];
  if (indexAt === undefined || trailerAt === undefined) return undefined;
  const opening = await openTrailer(source, segmentCipher(keys, segment), segment.number, trailer, trailerAt);
  const length = map.stopped + RECORD_BYTES - start;
  const fits = opening !== undefined && opening.trailer.index.frame === index &&
    opening.trailer.index.offset === indexAt - bodyOffset && length % SEGMENT_ALIGNMENT === 0;
  return fits
    ? {
      generation: copy.header.generation,
      segment,
      offset: start - bodyOffset,
      length,
      index: { offset: indexAt - bodyOffset, frame: index },
      trailer: { offset: trailerAt - bodyOffset, frame: trailer },
      trailerBytes: opening.frameBytes,
      snapshots,
    }
    : undefined;
}

async function openTrailer(
  source: Source,
  cipher: FrameCipher,
  segment: number,
  frame: number,
  at: number,
): Promise<{ readonly trailer: Trailer; readonly frameBytes: number } | undefined> {
  try {
    const head = cipher.openHead(frame, await source.read(at, FRAME_OVERHEAD));
    const frameBytes = frameLength(head.stored);
    const chunks = await source.read(at + FRAME_OVERHEAD, frameBytes - FRAME_OVERHEAD);
    return { trailer: decodeTrailer(cipher.openContent(frame, head, chunks), segment), frameBytes };
  } catch (error) {
    if (error instanceof ArchiveError) return undefined;
    throw error;
  }
}

/** The frames of a segment that follows another; `undefined` when there are none. */
export async function nextFrames(
  source: Source,
  { keys }: OpenedHeader,
  { locator, id, end }: LastSegment,
  signal: AbortSignal | undefined,
): Promise<{ readonly map: FrameMap; readonly segment: SegmentIdentity } | undefined> {
  const salt = (await source.read(end, KEY_BYTES)).slice();
  if (salt.length < KEY_BYTES) return undefined;
  const segment = { salt, number: locator.segment.number + 1, link: id };
  const range = { start: end + KEY_BYTES, end: source.size, signal };
  const map = await findFrames(source, segmentCipher(keys, segment), range);
  return map.places.length === 0 ? undefined : { map, segment };
}
