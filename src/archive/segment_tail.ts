/** Finds the segment: by the header's state, or by the locator at the end (FORMAT.md, "Finding the newest segment"). */
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_OVERHEAD, FRAME_TYPE, type FrameHead, frameLength } from "../format/frame.ts";
import { deriveSegmentKey, KEY_BYTES, type SegmentIdentity } from "../format/keys.ts";
import { MAX_LOCATOR_SCAN, SEGMENT_ALIGNMENT } from "../format/limits.ts";
import { decodeLocator, decodeState, encodeLocator, type Locator, RECORD_BYTES } from "../format/locator.ts";
import { FrameCipher } from "./frame_cipher.ts";
import type { OpenedHeader } from "./header_reader.ts";
import { openRecord, type RecordKeys } from "./record_cipher.ts";
import type { Source } from "./source.ts";

/** The newest segment, found and checked. */
export interface FoundSegment {
  readonly locator: Locator;
  /** SHA-256 of its locator as it stands: the newest snapshot's id. */
  readonly id: Bytes;
}

/**
 * Finds the newest segment of an archive with random access.
 *
 * @throws {ArchiveError} `truncated`, `trailing-data`, `damaged` or `malformed`.
 */
export async function findSegment(source: Source, header: OpenedHeader): Promise<FoundSegment> {
  const { keys } = header;
  const bodyBytes = source.size - header.bodyOffset;
  const plain = openRecord(keys, "state", header.copy.header.state);
  if (plain === undefined) {
    throw new ArchiveError("malformed", "Cannot accept the header: its state does not authenticate");
  }
  const state = decodeState(plain);
  if (state.kind === "known") {
    const { locator, locatorHash } = state;
    const end = locator.offset + locator.length;
    if (bodyBytes < end) throw truncated(`it should be ${end - bodyBytes} bytes longer`);
    if (bodyBytes > end) throw trailing(bodyBytes - end);
    const record = await source.read(header.bodyOffset + end - RECORD_BYTES, RECORD_BYTES);
    const held = record.length === RECORD_BYTES && keys.engine.equal(keys.engine.sha256(record), locatorHash);
    if (!held) throw new ArchiveError("damaged", "Cannot open the archive: its last 256 bytes are damaged");
    const sealed = openRecord(keys, "locator", record);
    if (sealed === undefined || !keys.engine.equal(sealed, encodeLocator(locator))) {
      throw new ArchiveError("inconsistent", "Cannot accept the archive: its header and its end disagree");
    }
    return checkFirst(header, { locator, id: locatorHash }, end);
  }
  const found = bodyBytes < RECORD_BYTES ? undefined : await locatorEndingAt(source, header, bodyBytes);
  // A locator of another length was put there, or belongs to what was: the walk says which.
  if (found?.locator.length === bodyBytes) return checkFirst(header, found, bodyBytes);
  throw await diagnose(source, header, bodyBytes);
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

/** This version has one segment, at the body's start; more need a feature bit that it refuses. */
function checkFirst({ copy }: OpenedHeader, found: FoundSegment, end: number): FoundSegment {
  checkGeneration(found.locator, copy.header.generation);
  const { segment, offset, length, snapshots } = found.locator;
  const first = segment.number === 0 && offset === 0 && length === end && snapshots === 1 &&
    segment.link.every((byte) => byte === 0);
  if (!first) throw new ArchiveError("malformed", "Cannot accept the archive: its locator does not fit its place");
  return found;
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
  const salt = (await source.read(header.bodyOffset, KEY_BYTES)).slice();
  const cipher = segmentCipher(header.keys, { salt, number: 0, link: new Uint8Array(KEY_BYTES) });
  let offset = KEY_BYTES;
  for (let frame = 0; offset + FRAME_OVERHEAD <= bodyBytes; frame++) {
    const at = header.bodyOffset + offset;
    let head: FrameHead;
    try {
      head = cipher.openHead(frame, await source.read(at, FRAME_OVERHEAD));
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      const message = `Cannot open the archive: it is damaged at byte ${at}`;
      return new ArchiveError("damaged", message, { offset: at, frame }, { cause: error });
    }
    offset += frameLength(head.stored);
    if (head.type === FRAME_TYPE.end) return await behindEnd(source, header, offset, bodyBytes);
  }
  return truncated("it ends within its data");
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
