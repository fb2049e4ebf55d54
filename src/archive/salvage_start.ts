/**
 * Where salvage begins: the keys, where the body begins, and the segment's salt, from whatever is left of header,
 * state, locator and the segment's own start (FORMAT.md, "Salvage").
 */
import type { Bytes, Engine, SuiteId } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { bodyOffset, type Header, type HeaderCopyName } from "../format/header.ts";
import { deriveArchiveId, KEY_BYTES, type SegmentIdentity } from "../format/keys.ts";
import { HEADER_PAGE_COUNTS, MAX_LOCATOR_SCAN, SEGMENT_ALIGNMENT } from "../format/limits.ts";
import { decodeState, type Locator, RECORD_BYTES } from "../format/locator.ts";
import type { OpenOptions } from "./archive.ts";
import { BodySource } from "./body_source.ts";
import { findFrames } from "./frame_search.ts";
import { LOST_HEADER, type OpenedHeader, openHeader } from "./header_reader.ts";
import { openRecord, type RecordKeys } from "./record_cipher.ts";
import { type FoundSegment, openLocator, segmentCipher } from "./segment_tail.ts";
import type { Source } from "./source.ts";

/** What salvage knows before it looks for frames. */
export interface SalvageStart {
  readonly keys: RecordKeys;
  /** The header copy that counts; `undefined` when the header is lost. */
  readonly header: Header | undefined;
  /** Header copies that are damaged or out of date, when one of them is good. */
  readonly badCopies: readonly HeaderCopyName[];
  /** Where the body begins; negative when bytes before it are missing. */
  readonly bodyOffset: number;
  readonly segment: SegmentIdentity;
  /** Where the segment begins, in bytes from the source's start; where the body does, unless given. */
  readonly segmentStart?: number;
  /** Where it ends, in bytes from the source's start, when something is known to follow it. */
  readonly end?: number;
  /** Where the segment's first frame should be, in bytes from the source's start. */
  readonly firstFrame: number;
  /** The segment's locator, from its end or from the state; `undefined` when both are lost. */
  readonly locator: Locator | undefined;
  /** The header as it was opened; `undefined` when it is lost. */
  readonly opened?: OpenedHeader;
  /** Whether there are, or were, further segments that are left out. */
  readonly isPart?: boolean;
  /** The segments that are known, the newest first. */
  readonly known?: readonly FoundSegment[];
  /** Where a locator was found, in bytes from the source's start. */
  readonly locatorAt: number | undefined;
  /** What is wrong so far, as sentences. */
  readonly warnings: readonly string[];
}

const SUITES: readonly SuiteId[] = [1, 2];

/** Bytes in which a frame must turn up for a salt to be believed that nothing authenticates. */
const TRIAL_BYTES = 2 ** 26;

/** A locator and where it ends. */
interface FoundLocator {
  readonly locator: Locator;
  readonly id: Bytes;
  /** From the source's start. */
  readonly at: number;
}

/**
 * Opens what is left.
 *
 * @throws {ArchiveError} as opening a header does; `damaged` when the segment's salt is lost in all its places.
 */
export async function startSalvage(engine: Engine, source: Source, options: OpenOptions): Promise<SalvageStart> {
  let opened: OpenedHeader;
  try {
    const peek = (length: number) => source.read(0, Math.min(length, source.size));
    opened = await openHeader(engine, peek, options.keys, options.kdfLimits ?? {});
  } catch (error) {
    const isLost = error instanceof ArchiveError && error.code !== "newer-version";
    const archiveKeys = options.keys.flatMap((key) => key.kind === "archive-key" ? [key.archiveKey] : []);
    if (!isLost || archiveKeys.length === 0) throw error;
    for (const archiveKey of archiveKeys) {
      const start = await startWithoutHeader(engine, source, archiveKey.slice());
      if (start !== undefined) return start;
    }
    throw new ArchiveError(
      "damaged",
      "Cannot salvage the archive: its header is lost, and neither its end nor its start answers to the archive key",
      {},
      { cause: error },
    );
  }
  return await startWithHeader(source, opened);
}

async function startWithHeader(source: Source, opened: OpenedHeader): Promise<SalvageStart> {
  const { keys, bodyOffset: offset, copy } = opened;
  const { warnings, badCopies } = opened;
  const common = { keys, header: copy.header, badCopies, bodyOffset: offset, firstFrame: offset + KEY_BYTES };
  const plain = openRecord(keys, "state", copy.header.state);
  const state = plain === undefined ? undefined : decodeState(plain);
  const found = await findLocator(source, keys, offset);
  const named = state?.kind === "known" ? { locator: state.locator, id: state.locatorHash } : undefined;
  if (state?.kind === "known" && source instanceof BodySource) {
    // Sealed, where tables of the recovery layer are not.
    source.add({ offset: state.locator.offset, physical: state.physical ?? 0 });
  }
  // An update may not be in the header yet, or the archive be cut to what was before one.
  const known = [named, found].filter((segment) => segment !== undefined)
    .toSorted((a, b) => b.locator.segment.number - a.locator.segment.number);
  const [newest] = known;
  if (newest !== undefined) {
    const { locator } = newest;
    const locatorAt = found?.locator.segment.number === locator.segment.number ? found.at : undefined;
    return { ...common, opened, segment: locator.segment, locator, locatorAt, known, warnings };
  }
  const segment = await segmentAt(source, offset);
  if (segment !== undefined && await hasFrames(source, keys, segment, offset + KEY_BYTES)) {
    return { ...common, segment, locator: undefined, locatorAt: undefined, warnings };
  }
  throw new ArchiveError(
    "damaged",
    "Cannot salvage the archive: the salt that its content needs is damaged where it begins, and nothing else that " +
      "is left repeats it",
    { offset },
  );
}

/** With the archive key alone: by a locator, or by frames behind one of the places where a body can begin. */
async function startWithoutHeader(
  engine: Engine,
  source: Source,
  archiveKey: Bytes,
): Promise<SalvageStart | undefined> {
  const warnings = [LOST_HEADER];
  const id = deriveArchiveId(engine, archiveKey);
  for (const suite of SUITES) {
    const keys = { engine, suite, archiveKey, id };
    const found = await findLocator(source, keys, 0);
    if (found === undefined) continue;
    const { locator, id: locatorId, at } = found;
    const start = at + RECORD_BYTES - (locator.offset + locator.length);
    const isUsual = HEADER_PAGE_COUNTS.some((pages) => bodyOffset(pages) === start);
    const firstFrame = isUsual ? start + KEY_BYTES : 0;
    const segment = locator.segment;
    const common = { keys, header: undefined, badCopies: [], bodyOffset: start };
    const known = [{ locator, id: locatorId }];
    return { ...common, segment, firstFrame, locator, locatorAt: at, known, warnings };
  }
  for (const suite of SUITES) {
    const keys = { engine, suite, archiveKey, id };
    for (const pages of HEADER_PAGE_COUNTS) {
      const offset = bodyOffset(pages);
      const segment = await segmentAt(source, offset);
      if (segment === undefined || !(await hasFrames(source, keys, segment, offset + KEY_BYTES))) continue;
      return {
        keys,
        header: undefined,
        badCopies: [],
        bodyOffset: offset,
        segment,
        firstFrame: offset + KEY_BYTES,
        locator: undefined,
        locatorAt: undefined,
        warnings,
      };
    }
  }
  return undefined;
}

/** The last locator within 16 MiB of the source's end; at the very end first, as bytes may be missing before it. */
async function findLocator(source: Source, keys: RecordKeys, bodyStart: number): Promise<FoundLocator | undefined> {
  const ends = [source.size];
  const last = Math.floor(source.size / SEGMENT_ALIGNMENT) * SEGMENT_ALIGNMENT;
  for (let end = last; end > bodyStart && end > source.size - MAX_LOCATOR_SCAN; end -= SEGMENT_ALIGNMENT) {
    if (end !== source.size) ends.push(end);
  }
  for (const end of ends) {
    const at = end - RECORD_BYTES;
    if (at < bodyStart) continue;
    const found = openLocatorOr(keys, await source.read(at, RECORD_BYTES));
    if (found !== undefined) return { ...found, at };
  }
  return undefined;
}

/** Opens a locator; `undefined` also when it is authentic and malformed. */
export function openLocatorOr(keys: RecordKeys, record: Bytes): FoundSegment | undefined {
  try {
    return openLocator(keys, record);
  } catch (error) {
    if (error instanceof ArchiveError) return undefined;
    throw error;
  }
}

/** The first segment, with the salt that stands where it begins. */
async function segmentAt(source: Source, offset: number): Promise<SegmentIdentity | undefined> {
  const salt = await source.read(offset, KEY_BYTES);
  if (salt.length < KEY_BYTES) return undefined;
  return { salt: salt.slice(), number: 0, link: new Uint8Array(KEY_BYTES) };
}

/** Whether a frame of a segment turns up near where its first one should be. */
async function hasFrames(source: Source, keys: RecordKeys, segment: SegmentIdentity, start: number): Promise<boolean> {
  const cipher = segmentCipher(keys, segment);
  const end = Math.min(source.size, start + TRIAL_BYTES);
  const { places } = await findFrames(source, cipher, { start, end });
  return places.length > 0;
}
