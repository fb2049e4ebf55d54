/**
 * Locators and state records (FORMAT.md, "Locator and state"): where the newest segment is and what its keys need.
 * A locator ends each segment; the state stands in the header and is a floor: an archive that ends before it has
 * been cut.
 */
import type { Bytes } from "../engine/engine.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { ArchiveError } from "./errors.ts";
import { KEY_BYTES, type SegmentIdentity } from "./keys.ts";
import { MAX_BODY_BYTES, MAX_FRAMES, SEGMENT_ALIGNMENT, TAG_BYTES } from "./limits.ts";

/** Bytes of a record before it is sealed. */
export const RECORD_PLAIN_BYTES = 208;
/** Bytes of a record as it stands in the archive: salt, sealed bytes, tag. */
export const RECORD_BYTES = KEY_BYTES + RECORD_PLAIN_BYTES + TAG_BYTES;

const KIND = { streamed: 0, locator: 1, state: 2 } as const;

/** Where a frame is. */
export interface FramePlace {
  /** Byte offset from the body's start. */
  readonly offset: number;
  /** Its number. */
  readonly frame: number;
}

/** What a locator says. */
export interface Locator {
  /** Generation of the header when the segment was written. */
  readonly generation: number;
  /** What the segment's keys are made from. */
  readonly segment: SegmentIdentity;
  /** Byte offset of the segment from the body's start. */
  readonly offset: number;
  /** Bytes of the segment, its locator included. */
  readonly length: number;
  /** Where its catalog index is. */
  readonly index: FramePlace;
  /** Where its trailer is. */
  readonly trailer: FramePlace;
  /** Bytes of the trailer's whole frame. */
  readonly trailerBytes: number;
  /** Snapshots in the archive up to this segment. */
  readonly snapshots: number;
}

/** What a state record says: nothing yet when the archive was written to a pipe. */
export type State = { readonly kind: "streamed"; readonly generation: number } | {
  readonly kind: "known";
  /** SHA-256 of the newest segment's locator: the newest snapshot's id. */
  readonly locatorHash: Bytes;
  /** The newest segment's locator. */
  readonly locator: Locator;
  /** Where it begins in the file, from the body's start, in an archive with a recovery layer; 0 unless given. */
  readonly physical?: number;
};

/** A state that knows the newest segment, which stands at a physical offset in the file, from the body's start. */
export function knownState(locatorHash: Bytes, locator: Locator, physical: number): State & { readonly kind: "known" } {
  return { kind: "known", locatorHash, locator, ...(physical === locator.offset ? {} : { physical }) };
}

function encodeFields(kind: number, generation: number, locator?: Locator, hash?: Bytes, physical = 0): Bytes {
  const out = new ByteWriter(RECORD_PLAIN_BYTES);
  out.u8(kind);
  out.zeros(3);
  out.u32(generation);
  if (locator !== undefined) {
    out.u64(locator.segment.number);
    out.u64(locator.offset);
    out.u64(locator.length);
    out.bytes(locator.segment.salt);
    out.bytes(locator.segment.link);
    out.u64(locator.index.offset);
    out.u64(locator.index.frame);
    out.u64(locator.trailer.offset);
    out.u64(locator.trailer.frame);
    out.u64(locator.trailerBytes);
    out.u64(locator.snapshots);
    if (hash !== undefined) {
      out.bytes(hash);
      out.u64(physical);
    }
  }
  out.zeros(RECORD_PLAIN_BYTES - out.length);
  return out.finish();
}

/** Encodes a locator's 208 bytes. */
export function encodeLocator(locator: Locator): Bytes {
  return encodeFields(KIND.locator, locator.generation, locator);
}

/** Encodes a state record's 208 bytes. */
export function encodeState(state: State): Bytes {
  if (state.kind === "streamed") return encodeFields(KIND.streamed, state.generation);
  const { locator, locatorHash, physical } = state;
  return encodeFields(KIND.state, locator.generation, locator, locatorHash, physical);
}

/**
 * Decodes a locator that has been opened.
 *
 * @throws {ArchiveError} `malformed`.
 */
export function decodeLocator(bytes: Bytes): Locator {
  const reader = new ByteReader(bytes, "a locator");
  if (reader.u8() !== KIND.locator) throw new ArchiveError("malformed", "Cannot decode a locator: it is no locator");
  const locator = decodeFields(reader);
  reader.zeros(reader.remaining);
  return locator;
}

/**
 * Decodes a state record that has been opened.
 *
 * @throws {ArchiveError} `malformed`.
 */
export function decodeState(bytes: Bytes): State {
  const reader = new ByteReader(bytes, "the state record");
  const kind = reader.u8();
  if (kind === KIND.streamed) {
    reader.zeros(3);
    const generation = reader.u32();
    reader.zeros(reader.remaining);
    return { kind: "streamed", generation };
  }
  if (kind !== KIND.state) throw new ArchiveError("malformed", "Cannot decode the state record: unknown kind");
  const locator = decodeFields(reader);
  const locatorHash = reader.bytes(KEY_BYTES).slice();
  const physical = reader.u64();
  reader.zeros(reader.remaining);
  // Parity is only ever added, before a segment as behind it, and in whole cells.
  if (physical === 0 || (physical > locator.offset && locator.offset > 0 && isPhysical(physical))) {
    return { kind: "known", locatorHash, locator, ...(physical === 0 ? {} : { physical }) };
  }
  throw new ArchiveError("malformed", "Cannot accept the state record: the newest segment cannot stand there");
}

function isPhysical(offset: number): boolean {
  return offset % SEGMENT_ALIGNMENT === 0 && offset <= MAX_BODY_BYTES;
}

function decodeFields(reader: ByteReader): Locator {
  reader.zeros(3);
  const generation = reader.u32();
  const number = reader.u64();
  const offset = reader.u64();
  const length = reader.u64();
  const salt = reader.bytes(KEY_BYTES).slice();
  const link = reader.bytes(KEY_BYTES).slice();
  const locator: Locator = {
    generation,
    segment: { number, salt, link },
    offset,
    length,
    index: { offset: reader.u64(), frame: reader.u64() },
    trailer: { offset: reader.u64(), frame: reader.u64() },
    trailerBytes: reader.u64(),
    snapshots: reader.u64(),
  };
  if (isSoundLocator(locator)) return locator;
  throw new ArchiveError("malformed", `Cannot accept ${reader.what}: a place is out of range`);
}

/** Whether the places of a locator can be: aligned, in order, and within the body. */
export function isSoundLocator(locator: Locator): boolean {
  const { offset, length, index, trailer, trailerBytes } = locator;
  const end = offset + length;
  return offset % SEGMENT_ALIGNMENT === 0 && length % SEGMENT_ALIGNMENT === 0 && length > 0 && end <= MAX_BODY_BYTES &&
    index.offset > offset && index.offset < trailer.offset && trailer.offset + trailerBytes <= end &&
    index.frame < trailer.frame && trailer.frame <= MAX_FRAMES && locator.snapshots > 0;
}
