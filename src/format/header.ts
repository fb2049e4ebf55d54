/**
 * The header (FORMAT.md, "Header"): two copies at the archive's start, each with its own magic so that either is
 * found without the other.
 */
import type { Bytes, Engine, SuiteId } from "../engine/engine.ts";
import { ByteReader, ByteWriter, isZero } from "./bytes.ts";
import { ArchiveError } from "./errors.ts";
import { KEY_BYTES } from "./keys.ts";
import { HEADER_PAGE_BYTES, HEADER_PAGE_COUNTS, MAX_RECOVERY_PERCENT, MIN_RECOVERY_PERCENT } from "./limits.ts";
import { RECORD_BYTES } from "./locator.ts";
import { decodeSlots, type Slot, slotBytes, type SlotLimits } from "./slots.ts";

/** Which of the two copies. */
export type HeaderCopyName = "A" | "B";

/** The format's version. */
export const FORMAT_VERSION = 1;

const MAGICS: Readonly<Record<HeaderCopyName, Bytes>> = {
  A: Uint8Array.of(0x89, 0x43, 0x4f, 0x46, 0x46, 0x45, 0x52, 0x0a),
  B: Uint8Array.of(0x8a, 0x43, 0x4f, 0x46, 0x46, 0x45, 0x52, 0x0a),
};
/** Bytes of a copy's magic. */
export const MAGIC_BYTES = 8;
const SLOTS_OFFSET = 32 + RECORD_BYTES;
const SEALS_BYTES = 2 * KEY_BYTES;
/** The feature needed to read an archive of several segments. */
export const SEVERAL_SEGMENTS = 1;
/** The feature needed to read an archive with a recovery layer; its percentage stands in bits 8 to 13. */
const RECOVERY_LAYER = 2;
/** The feature needed to read an archive whose files share content. */
export const SHARED_EXTENTS = 4;
const PERCENT_SHIFT = 2 ** 8;
const PERCENT_BITS = 0x3f;

/** What a header says. */
export interface Header {
  /** Pages of one copy: 1, 4 or 16. */
  readonly pages: number;
  /** The suite of everything sealed in the archive. */
  readonly suite: SuiteId;
  /** Rises by one at each rewrite of the header. */
  readonly generation: number;
  /** Features a reader must know. */
  readonly readFeatures: number;
  /** Features a writer must know. */
  readonly writeFeatures: number;
  /** Features that may be ignored. */
  readonly ignorableFeatures: number;
  /** The sealed state record; 256 bytes. */
  readonly state: Bytes;
  /** The key slots. */
  readonly slots: readonly Slot[];
}

/** One header copy that could be decoded; whether it counts is decided by its MAC, which needs the archive key. */
export interface HeaderCopy {
  readonly name: HeaderCopyName;
  readonly header: Header;
  /** The copy's bytes under its MAC. */
  readonly covered: Bytes;
  /** Its MAC; 32 bytes. */
  readonly mac: Bytes;
  /** Whether the unkeyed SHA-256 holds. It tells tearing, not forgery. */
  readonly intact: boolean;
}

/** Bytes of both copies: where the body starts. */
export function bodyOffset(pages: number): number {
  return 2 * pages * HEADER_PAGE_BYTES;
}

/** Bytes that slots may take in a header of so many pages. */
export function slotRoom(pages: number): number {
  return pages * HEADER_PAGE_BYTES - SLOTS_OFFSET - SEALS_BYTES;
}

/** Whether the bytes begin with a copy's magic. */
export function hasMagic(bytes: Bytes, name: HeaderCopyName): boolean {
  return bytes.length >= MAGIC_BYTES && MAGICS[name].every((byte, i) => bytes[i] === byte);
}

/** The percentage of an archive's recovery layer; 0 when it has none. */
export function recoveryPercent({ readFeatures }: Pick<Header, "readFeatures">): number {
  if ((readFeatures & RECOVERY_LAYER) === 0) return 0;
  return Math.floor(readFeatures / PERCENT_SHIFT) & PERCENT_BITS;
}

/** Features needed to read, with a recovery layer of this percentage, or without one when it is 0. */
export function withRecovery(readFeatures: number, percent: number): number {
  const others = readFeatures - recoveryPercent({ readFeatures }) * PERCENT_SHIFT - (readFeatures & RECOVERY_LAYER);
  return percent === 0 ? others : others + RECOVERY_LAYER + percent * PERCENT_SHIFT;
}

/** Whether files of an archive share content. */
export function isDeduplicated({ readFeatures }: Pick<Header, "readFeatures">): boolean {
  return (readFeatures & SHARED_EXTENTS) !== 0;
}

/** Features needed to read, with that of several segments. */
export function withSeveral(readFeatures: number): number {
  return (readFeatures & SEVERAL_SEGMENTS) === 0 ? readFeatures + SEVERAL_SEGMENTS : readFeatures;
}

function areFeaturesKnown(readFeatures: number): boolean {
  return (withRecovery(readFeatures, 0) & ~(SEVERAL_SEGMENTS | SHARED_EXTENTS)) === 0;
}

/** Encodes one copy. `headerKey` makes its MAC. */
export function encodeHeaderCopy(engine: Engine, header: Header, name: HeaderCopyName, headerKey: Bytes): Bytes {
  const slots = header.slots.map(slotBytes);
  const slotsLength = slots.reduce((sum, slot) => sum + slot.length, 0);
  if (slotsLength > slotRoom(header.pages)) {
    throw new RangeError("Cannot encode the header: it has no room for its slots");
  }
  const out = new ByteWriter(header.pages * HEADER_PAGE_BYTES);
  out.bytes(MAGICS[name]);
  out.u16(FORMAT_VERSION);
  out.u8(header.pages);
  out.u8(header.suite);
  out.u32(header.generation);
  out.u32(header.readFeatures);
  out.u32(header.writeFeatures);
  out.u32(header.ignorableFeatures);
  out.u16(slots.length);
  out.u16(slotsLength);
  out.bytes(header.state);
  for (const slot of slots) out.bytes(slot);
  out.zeros(slotRoom(header.pages) - slotsLength);
  out.bytes(engine.hmacSha256(headerKey, out.view()));
  out.bytes(engine.sha256(out.view()));
  return out.finish();
}

/**
 * Decodes one copy. `bytes` begins where the copy begins and may go on behind it. Limits on slots are kept unless the
 * header is only to be shown.
 *
 * @throws {ArchiveError} `not-an-archive` without the magic, `truncated` when it is cut, `newer-version`, `limit`,
 * or `malformed`.
 */
export function decodeHeaderCopy(
  engine: Engine,
  bytes: Bytes,
  name: HeaderCopyName,
  limits: SlotLimits = "kept",
): HeaderCopy {
  if (!hasMagic(bytes, name)) throw new ArchiveError("not-an-archive", `Cannot find header copy ${name}`);
  const what = `header copy ${name}`;
  if (bytes.length < HEADER_PAGE_BYTES) throw new ArchiveError("truncated", `Cannot read ${what}: it is cut`);
  const reader = new ByteReader(bytes, what);
  reader.bytes(MAGIC_BYTES);
  const version = reader.u16();
  const pages = reader.u8();
  if (version !== FORMAT_VERSION) {
    throw new ArchiveError("newer-version", `Cannot read the archive: it has format version ${version}`);
  }
  if (!HEADER_PAGE_COUNTS.includes(pages)) throw new ArchiveError("malformed", `Cannot accept ${what}: ${pages} pages`);
  const length = pages * HEADER_PAGE_BYTES;
  if (bytes.length < length) throw new ArchiveError("truncated", `Cannot read ${what}: it is cut`);
  const macOffset = length - SEALS_BYTES;
  const sha = engine.sha256(bytes.subarray(0, macOffset + KEY_BYTES));
  const intact = engine.equal(sha, bytes.subarray(macOffset + KEY_BYTES, length));
  const suite = reader.u8();
  const generation = reader.u32();
  const readFeatures = reader.u32();
  const writeFeatures = reader.u32();
  const ignorableFeatures = reader.u32();
  if (suite !== 1 && suite !== 2) {
    throw new ArchiveError("newer-version", `Cannot read the archive: unknown suite ${suite}`);
  }
  if (!areFeaturesKnown(readFeatures)) {
    throw new ArchiveError(
      "newer-version",
      `Cannot read the archive: it needs features 0x${readFeatures.toString(16)}`,
    );
  }
  const percent = recoveryPercent({ readFeatures });
  const hasLayer = (readFeatures & RECOVERY_LAYER) !== 0;
  if (hasLayer && (percent < MIN_RECOVERY_PERCENT || percent > MAX_RECOVERY_PERCENT)) {
    throw new ArchiveError("malformed", `Cannot accept ${what}: a recovery record of ${percent} %`);
  }
  const slotCount = reader.u16();
  const slotsLength = reader.u16();
  const state = reader.bytes(RECORD_BYTES).slice();
  if (slotsLength > slotRoom(pages)) {
    throw new ArchiveError("malformed", `Cannot accept ${what}: its slots overflow it`);
  }
  const slots = decodeSlots(reader.bytes(slotsLength), slotCount, limits);
  if (!isZero(bytes.subarray(SLOTS_OFFSET + slotsLength, macOffset))) {
    throw new ArchiveError("malformed", `Cannot accept ${what}: its fill is not zero`);
  }
  return {
    name,
    header: { pages, suite, generation, readFeatures, writeFeatures, ignorableFeatures, state, slots },
    covered: bytes.slice(0, macOffset),
    mac: bytes.slice(macOffset, macOffset + KEY_BYTES),
    intact,
  };
}
