/**
 * Finds the newest segment: by the header's state, or by the locator at the end (FORMAT.md, "Finding the newest
 * segment").
 */
import type { Bytes } from "../engine/engine.ts";
import { isZero } from "../format/bytes.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_OVERHEAD, FRAME_TYPE, type FrameHead, frameLength } from "../format/frame.ts";
import { SEVERAL_SEGMENTS } from "../format/header.ts";
import { deriveSegmentKey, KEY_BYTES, type SegmentIdentity } from "../format/keys.ts";
import { MAX_LOCATOR_SCAN, MAX_SEGMENTS, SEGMENT_ALIGNMENT } from "../format/limits.ts";
import { decodeLocator, encodeLocator, type Locator, RECORD_BYTES, type State } from "../format/locator.ts";
import type { ListedSegment } from "../format/segment_table.ts";
import { BodySource, physicalPlace } from "./body_source.ts";
import { FrameCipher } from "./frame_cipher.ts";
import type { OpenedHeader } from "./header_reader.ts";
import { openState } from "./header_state.ts";
import { openRecord, type RecordKeys } from "./record_cipher.ts";
import type { Source } from "./source.ts";

/** A segment, found and checked. Its id is SHA-256 of its locator as it stands. */
export type FoundSegment = ListedSegment;

/** The newest segment, and how it stands with what the header says. */
export interface NewestSegment extends FoundSegment {
  /**
   * `known`: the header's state says the same. `streamed`: it says nothing yet. `ahead`: the segment is one newer,
   * since its update was interrupted before the header was written. `behind`: the archive was cut, and that was
   * accepted.
   */
  readonly state: "known" | "streamed" | "ahead" | "behind";
  /** Bytes of the file behind it that are no whole segment: an update was interrupted. */
  readonly tail: number;
}

/** Whether an archive that is older than its header says is opened all the same. */
export interface FindOptions {
  readonly acceptRollback?: boolean;
}

/**
 * Finds the newest segment of an archive with random access.
 *
 * @throws {ArchiveError} `truncated`, `trailing-data`, `damaged`, `inconsistent` or `malformed`.
 */
export async function findSegment(
  source: Source,
  header: OpenedHeader,
  options: FindOptions = {},
): Promise<NewestSegment> {
  const bodyBytes = source.size - header.bodyOffset;
  const state = openState(header);
  if (state.kind === "known") return await findKnown(source, header, state, bodyBytes, options);
  const found = bodyBytes < RECORD_BYTES ? undefined : await locatorEndingAt(source, header, bodyBytes);
  // A locator of another length was put there, or belongs to what was: the walk says which.
  if (found?.locator.length === bodyBytes) {
    return { ...checkFound(header, found), state: "streamed", tail: 0 };
  }
  throw await diagnose(source, header, bodyBytes);
}

async function findKnown(
  source: Source,
  header: OpenedHeader,
  { locator, locatorHash }: State & { kind: "known" },
  bodyBytes: number,
  { acceptRollback = false }: FindOptions,
): Promise<NewestSegment> {
  const { keys } = header;
  const end = locator.offset + locator.length;
  const behind = bytesBehind(source, header, locator);
  if (behind < 0) {
    const older = acceptRollback ? await lastSegment(source, header) : undefined;
    if (older === undefined) throw truncated(`it should be ${-behind} bytes longer`);
    return { ...older, state: "behind", tail: bytesBehind(source, header, older.locator) };
  }
  const record = await source.read(header.bodyOffset + end - RECORD_BYTES, RECORD_BYTES);
  const held = record.length === RECORD_BYTES && keys.engine.equal(keys.engine.sha256(record), locatorHash);
  if (!held) {
    throw new ArchiveError("damaged", "Cannot open the archive: its last 256 bytes are damaged; see coffer repair");
  }
  const sealed = openRecord(keys, "locator", record);
  if (sealed === undefined || !keys.engine.equal(sealed, encodeLocator(locator))) {
    throw new ArchiveError("inconsistent", "Cannot accept the archive: its header and its end disagree");
  }
  const found = checkFound(header, { locator, id: locatorHash });
  if (bodyBytes === end) return { ...found, state: "known", tail: 0 };
  const next = await locatorEndingAt(source, header, bodyBytes);
  if (next !== undefined && follows(keys, found, next, bodyBytes)) {
    checkGeneration(next.locator, header.copy.header.generation);
    return { ...next, state: "ahead", tail: 0 };
  }
  const follow = await whatFollows(source, header, found, bodyBytes);
  if (follow === "foreign") throw trailing(behind);
  if (follow === "ended" && !acceptRollback) {
    throw new ArchiveError(
      "damaged",
      "Cannot open the archive: an update stands at its end whose last 256 bytes are damaged; coffer repair mends that",
      { offset: header.bodyOffset + end },
    );
  }
  return { ...found, state: "known", tail: behind };
}

/**
 * Bytes of the file behind a segment, with the recovery data that belongs to it; below 0 when some of it is missing.
 */
function bytesBehind(source: Source, { bodyOffset }: OpenedHeader, locator: Locator): number {
  const place = physicalPlace(source, locator);
  if (place === undefined) throw new RangeError("Cannot find a segment whose place in the file is not known");
  return (source instanceof BodySource ? source.file.size : source.size) - bodyOffset - place.end;
}

/** Whether a segment goes on where another ends. */
function follows(
  keys: RecordKeys,
  { locator, id }: FoundSegment,
  { locator: next }: FoundSegment,
  end: number,
): boolean {
  return next.segment.number === locator.segment.number + 1 && next.segment.number < MAX_SEGMENTS &&
    next.offset === locator.offset + locator.length && next.offset + next.length === end &&
    next.snapshots === locator.snapshots + 1 && keys.engine.equal(next.segment.link, id);
}

/** The last segment of an archive that was cut. */
async function lastSegment(source: Source, header: OpenedHeader): Promise<FoundSegment | undefined> {
  if (!(source instanceof BodySource)) return await lastLocator(source, header);
  // Where segments begin in the file, only the recovery layer itself says now.
  const { openRemains } = await import("./recovery_record.ts");
  const remains = await openRemains(header.keys.engine, source.file);
  const found = await lastLocator(remains, header);
  const place = found === undefined ? undefined : physicalPlace(remains, found.locator);
  if (found === undefined || place === undefined) return undefined;
  source.add({ offset: found.locator.offset, physical: place.start });
  return found;
}

/** The last locator that fits its place. */
async function lastLocator(source: Source, header: OpenedHeader): Promise<FoundSegment | undefined> {
  const bodyBytes = source.size - header.bodyOffset;
  const last = Math.floor(bodyBytes / SEGMENT_ALIGNMENT) * SEGMENT_ALIGNMENT;
  for (let end = last; end > 0 && end >= bodyBytes - MAX_LOCATOR_SCAN; end -= SEGMENT_ALIGNMENT) {
    const found = await locatorEndingAt(source, header, end);
    if (found !== undefined && found.locator.offset + found.locator.length === end) return checkFound(header, found);
  }
  return undefined;
}

function truncated(why: string): ArchiveError {
  return new ArchiveError("truncated", `Cannot open the archive: it is cut off; ${why}`);
}

function trailing(bytes: number): ArchiveError {
  return new ArchiveError(
    "trailing-data",
    `Cannot accept the archive: ${bytes} bytes follow it that do not belong to it`,
  );
}

/** Checks what a locator says of itself: a first segment has nothing before it, and others need the feature. */
function checkFound({ copy }: OpenedHeader, found: FoundSegment): FoundSegment {
  checkGeneration(found.locator, copy.header.generation);
  const { segment, offset, snapshots } = found.locator;
  const several = copy.header.readFeatures % (2 * SEVERAL_SEGMENTS) === SEVERAL_SEGMENTS;
  const fits = segment.number === 0
    ? offset === 0 && isZero(segment.link)
    : offset > 0 && several && segment.number < MAX_SEGMENTS;
  if (fits && snapshots === segment.number + 1) return found;
  throw new ArchiveError("malformed", "Cannot accept the archive: its locator does not fit its place");
}

/**
 * Checks that a header is not older than what was written under it.
 *
 * @throws {ArchiveError} `rolled-back`.
 */
export function checkGeneration(locator: Locator, generation: number): void {
  if (locator.generation <= generation) return;
  throw new ArchiveError("rolled-back", "Cannot accept the archive: its header is older than what it holds");
}

async function locatorEndingAt(source: Source, header: OpenedHeader, end: number): Promise<FoundSegment | undefined> {
  const record = await source.read(header.bodyOffset + end - RECORD_BYTES, RECORD_BYTES);
  return openLocator(header.keys, record);
}

/** Opens a locator; `undefined` when it does not authenticate. */
export function openLocator(keys: RecordKeys, record: Bytes): FoundSegment | undefined {
  if (record.length < RECORD_BYTES) return undefined;
  const plain = openRecord(keys, "locator", record);
  return plain === undefined ? undefined : { locator: decodeLocator(plain), id: keys.engine.sha256(record) };
}

/** What a walk over the frames of a segment found. */
interface Walk {
  /** Where it stopped, from the body's start. */
  readonly offset: number;
  /** Whether it stopped behind an `end` frame. */
  readonly ended: boolean;
  /** Why it stopped, when a frame did not open. */
  readonly fault?: { readonly error: ArchiveError; readonly frame: number };
}

/** Walks the frames of the segment that begins at an offset: their heads, and no content. */
async function walkFrames(
  source: Source,
  header: OpenedHeader,
  start: number,
  segment: Omit<SegmentIdentity, "salt">,
  bodyBytes: number,
): Promise<Walk> {
  const salt = (await source.read(header.bodyOffset + start, KEY_BYTES)).slice();
  const cipher = segmentCipher(header.keys, { ...segment, salt });
  let offset = start + KEY_BYTES;
  for (let frame = 0; offset + FRAME_OVERHEAD <= bodyBytes; frame++) {
    let head: FrameHead;
    try {
      head = cipher.openHead(frame, await source.read(header.bodyOffset + offset, FRAME_OVERHEAD));
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      return { offset, ended: false, fault: { error, frame } };
    }
    offset += frameLength(head.stored);
    if (head.type === FRAME_TYPE.end) return { offset, ended: true };
  }
  return { offset, ended: false };
}

/**
 * What the bytes behind a segment are: a further one up to its `end` frame, one that was interrupted, or nothing of
 * this archive. What a disk had not written when it stopped reads as zeros, and too few bytes say nothing.
 */
async function whatFollows(
  source: Source,
  header: OpenedHeader,
  { locator, id }: FoundSegment,
  bodyBytes: number,
): Promise<"ended" | "torn" | "foreign"> {
  const start = locator.offset + locator.length;
  const firstPage = await source.read(header.bodyOffset + start, Math.min(SEGMENT_ALIGNMENT, bodyBytes - start));
  if (firstPage.length < KEY_BYTES + FRAME_OVERHEAD || isZero(firstPage)) return "torn";
  const segment = { number: locator.segment.number + 1, link: id };
  const { ended, offset, fault } = await walkFrames(source, header, start, segment, bodyBytes);
  if (ended && offset <= bodyBytes) return "ended";
  return fault?.frame === 0 ? "foreign" : "torn";
}

/**
 * Says what is wrong with an archive that was written to a pipe and does not end in a locator: something follows it,
 * it was cut, or its end is damaged. Looks back 16 MiB for a locator, then walks the frames from the start.
 */
async function diagnose(source: Source, header: OpenedHeader, bodyBytes: number): Promise<ArchiveError> {
  const last = Math.floor(bodyBytes / SEGMENT_ALIGNMENT) * SEGMENT_ALIGNMENT;
  for (let end = last; end > 0 && end >= bodyBytes - MAX_LOCATOR_SCAN; end -= SEGMENT_ALIGNMENT) {
    const found = await locatorEndingAt(source, header, end);
    if (found?.locator.length === end) return trailing(bodyBytes - end);
  }
  if (bodyBytes < KEY_BYTES) return truncated("nothing follows its header");
  const first = { number: 0, link: new Uint8Array(KEY_BYTES) };
  const { offset, ended, fault } = await walkFrames(source, header, 0, first, bodyBytes);
  if (fault !== undefined) {
    const at = header.bodyOffset + offset;
    const message = `Cannot open the archive: it is damaged at byte ${at}`;
    return new ArchiveError("damaged", message, { offset: at, frame: fault.frame }, { cause: fault.error });
  }
  return ended ? await behindEnd(source, header, offset, bodyBytes) : truncated("it ends within its data");
}

/** What is wrong behind the `end` frame, where the locator should end the archive. */
async function behindEnd(
  source: Source,
  header: OpenedHeader,
  offset: number,
  bodyBytes: number,
): Promise<ArchiveError> {
  const end = offset + RECORD_BYTES;
  if (end > bodyBytes) return truncated("its last 256 bytes are incomplete");
  const found = await locatorEndingAt(source, header, end);
  if (found === undefined) {
    return new ArchiveError("damaged", "Cannot open the archive: the 256 bytes that end it are damaged", {
      offset: header.bodyOffset + offset,
    });
  }
  if (found.locator.length === end) return trailing(bodyBytes - end);
  return new ArchiveError("malformed", "Cannot accept the archive: its locator does not fit its place");
}

/** The cipher of one segment's frames. */
export function segmentCipher(keys: RecordKeys, segment: SegmentIdentity): FrameCipher {
  const { engine, suite, archiveKey, id } = keys;
  return new FrameCipher(engine, suite, deriveSegmentKey(engine, archiveKey, suite, id, segment));
}
