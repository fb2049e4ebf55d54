/** The segments of a damaged archive, the newest first, by whatever is left that says where they are. */
import { ArchiveError } from "../format/errors.ts";
import { KEY_BYTES, type SegmentIdentity } from "../format/keys.ts";
import { SEGMENT_ALIGNMENT } from "../format/limits.ts";
import { RECORD_BYTES } from "../format/locator.ts";
import { pauseEvery } from "./pause.ts";
import { openLocatorOr, type SalvageStart } from "./salvage_start.ts";
import type { FoundSegment } from "./segment_tail.ts";
import { Segments } from "./segments.ts";
import type { Source } from "./source.ts";

/** A segment of which the keys are known. */
export interface SegmentRemains {
  readonly identity: SegmentIdentity;
  /** Where it begins, from the body's start. */
  readonly offset: number;
  /** Where it ends, or where what follows it begins. */
  readonly end: number;
  /**
   * What its locator says; `undefined` when that is lost, and then its salt and the locator before it gave its keys.
   */
  readonly found: FoundSegment | undefined;
}

function remainsOf(found: FoundSegment): SegmentRemains {
  const { segment: identity, offset, length } = found.locator;
  return { identity, offset, end: offset + length, found };
}

/**
 * The segments from the newest one that is known down to the second; the first needs nothing but its salt. Each is
 * found by the locator that ends where the next one begins, by the table of the next one, or by the last locator before
 * that.
 */
export async function* segmentsOf(
  source: Source,
  start: SalvageStart,
  signal?: AbortSignal,
): AsyncGenerator<SegmentRemains> {
  let last: FoundSegment | undefined;
  for (const segment of start.known ?? []) {
    if (last?.locator.segment.number === segment.locator.segment.number) continue;
    if (last !== undefined) yield* between(source, start, segment, last);
    yield remainsOf(last = segment);
  }
  while (last !== undefined && last.locator.segment.number > 0) {
    const before: FoundSegment | undefined = await locatorBefore(source, start, last) ??
      await listedBefore(source, start, last) ?? await searchBefore(source, start, last, signal);
    if (before === undefined) return;
    yield* between(source, start, before, last);
    yield remainsOf(last = before);
  }
}

async function locatorBefore(
  source: Source,
  { keys, bodyOffset }: SalvageStart,
  { locator: { segment, offset } }: FoundSegment,
): Promise<FoundSegment | undefined> {
  const found = openLocatorOr(keys, await source.read(bodyOffset + offset - RECORD_BYTES, RECORD_BYTES));
  const fits = found !== undefined && found.locator.segment.number === segment.number - 1 &&
    found.locator.offset + found.locator.length === offset;
  return fits ? found : undefined;
}

/** What the table at a segment's end says of the one before it. */
async function listedBefore(
  source: Source,
  { keys, bodyOffset }: SalvageStart,
  next: FoundSegment,
): Promise<FoundSegment | undefined> {
  try {
    return await new Segments(source, keys, bodyOffset, next, undefined).get(next.locator.segment.number - 1);
  } catch (error) {
    if (error instanceof ArchiveError) return undefined;
    throw error;
  }
}

/** The last locator before a segment that fits its place. */
async function searchBefore(
  source: Source,
  { keys, bodyOffset }: SalvageStart,
  { locator: { segment, offset } }: FoundSegment,
  signal: AbortSignal | undefined,
): Promise<FoundSegment | undefined> {
  const pause = pauseEvery();
  for (let end = offset - SEGMENT_ALIGNMENT; end > 0; end -= SEGMENT_ALIGNMENT) {
    await pause();
    signal?.throwIfAborted();
    const found = openLocatorOr(keys, await source.read(bodyOffset + end - RECORD_BYTES, RECORD_BYTES));
    if (found === undefined || found.locator.segment.number >= segment.number) continue;
    if (found.locator.offset + found.locator.length === end) return found;
  }
  return undefined;
}

/**
 * The segment behind one that is known, when its own locator is lost: it begins with its salt, and its link is known.
 */
async function* between(
  source: Source,
  { bodyOffset }: SalvageStart,
  before: FoundSegment,
  next: FoundSegment,
): AsyncGenerator<SegmentRemains> {
  const number = before.locator.segment.number + 1;
  if (number >= next.locator.segment.number) return;
  const offset = before.locator.offset + before.locator.length;
  const salt = (await source.read(bodyOffset + offset, KEY_BYTES)).slice();
  if (salt.length < KEY_BYTES) return;
  yield { identity: { salt, number, link: before.id }, offset, end: next.locator.offset, found: undefined };
}
