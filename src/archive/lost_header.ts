/**
 * Archives whose header is lost, opened with the archive key: the locator at the end says how long the body is, and
 * so where it begins (FORMAT.md, "Without the header").
 */
import type { Bytes, Engine, SuiteId } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import {
  bodyOffset,
  encodeHeaderCopy,
  type Header,
  type HeaderCopy,
  SEVERAL_SEGMENTS,
  SHARED_EXTENTS,
  withRecovery,
} from "../format/header.ts";
import { deriveArchiveId, deriveHeaderKey, KEY_BYTES } from "../format/keys.ts";
import { HEADER_PAGE_COUNTS, MAX_GENERATION } from "../format/limits.ts";
import { encodeState, knownState, RECORD_BYTES } from "../format/locator.ts";
import type { Slot } from "../format/slots.ts";
import { physicalPlace } from "./body_source.ts";
import { LOST_HEADER, type OpenedHeader, openHeader, type PeekStart } from "./header_reader.ts";
import { checkRoom, type WritableSource } from "./key_changes.ts";
import { type RecordKeys, sealRecord } from "./record_cipher.ts";
import { bodyOfRecord, findRecoveryRecord } from "./recovery_record.ts";
import { Segments } from "./segments.ts";
import { type FoundSegment, openLocator } from "./segment_tail.ts";
import type { Source } from "./source.ts";
import type { KdfLimits, Key } from "./unlock.ts";

const SUITES: readonly SuiteId[] = [1, 2];

interface FoundBody {
  /** What the body is read from, without a recovery layer. */
  readonly source: Source;
  readonly keys: RecordKeys;
  readonly segment: FoundSegment;
  /** Pages of one header copy. */
  readonly pages: number;
  /** The percentage of the recovery layer; 0 without one. */
  readonly recovery: number;
  /** Where the segment stands in the file, from the body's start. */
  readonly physical: number;
}

/** Where the body is, by the locator at the end; `undefined` when it is none of this archive key. */
async function findBody(engine: Engine, file: Source, archiveKey: Bytes): Promise<FoundBody | undefined> {
  const found = await findPlainBody(engine, file, archiveKey, 0);
  if (found !== undefined) return found;
  const record = await findRecoveryRecord(engine, file);
  if (record === undefined || record.fileBytes !== file.size) return undefined;
  return await findPlainBody(engine, bodyOfRecord(file, record), archiveKey, record.percent);
}

async function findPlainBody(
  engine: Engine,
  source: Source,
  archiveKey: Bytes,
  recovery: number,
): Promise<FoundBody | undefined> {
  if (source.size < RECORD_BYTES) return undefined;
  const record = await source.read(source.size - RECORD_BYTES, RECORD_BYTES);
  for (const suite of SUITES) {
    const keys = { engine, suite, archiveKey, id: deriveArchiveId(engine, archiveKey) };
    const segment = openLocator(keys, record);
    if (segment === undefined) continue;
    const start = source.size - (segment.locator.offset + segment.locator.length);
    const pages = HEADER_PAGE_COUNTS.find((count) => bodyOffset(count) === start);
    if (pages === undefined) {
      throw new ArchiveError("truncated", "Cannot open the archive: bytes are missing from its middle or its start");
    }
    const { offset } = segment.locator;
    const physical = recovery === 0 ? offset : physicalPlace(source, segment.locator)?.start;
    if (physical === undefined) continue;
    return { source, keys, segment, pages, recovery, physical };
  }
  return undefined;
}

/** Whether the newest trailer says that files share content; where it cannot be read, nothing can that they share. */
async function isDeduplicated({ source, keys, segment, pages }: FoundBody): Promise<boolean> {
  try {
    const { trailer } = await new Segments(source, keys, bodyOffset(pages), segment, undefined).newestEnd();
    return trailer.deduplicated === true;
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    return false;
  }
}

/** A header as the archive might have had it: its state is what the locator says. */
function rebuilt(body: FoundBody, generation: number, slots: readonly Slot[], deduplicated: boolean): Header {
  const { keys, segment: { id: locatorHash, locator }, pages, recovery, physical } = body;
  const state = encodeState(knownState(locatorHash, locator, physical));
  const several = locator.segment.number > 0 ? SEVERAL_SEGMENTS : 0;
  return {
    pages,
    suite: keys.suite,
    generation,
    readFeatures: withRecovery(several + (deduplicated ? SHARED_EXTENTS : 0), recovery),
    writeFeatures: 0,
    ignorableFeatures: 0,
    state: sealRecord(keys, "state", state, keys.engine.randomBytes(KEY_BYTES)),
    slots,
  };
}

/**
 * Opens the header of an archive with random access; when it is lost and the archive key was given, goes without it.
 *
 * @throws {ArchiveError} as {@linkcode openHeader}.
 */
export async function openAnyway(
  engine: Engine,
  source: Source,
  keys: readonly Key[],
  limits: KdfLimits,
): Promise<OpenedHeader> {
  const peek: PeekStart = (length) => source.read(0, Math.min(length, source.size));
  try {
    return await openHeader(engine, peek, keys, limits);
  } catch (error) {
    if (!(error instanceof ArchiveError) || error.code === "newer-version") throw error;
    for (const key of keys) {
      if (key.kind !== "archive-key") continue;
      const body = await findBody(engine, source, key.archiveKey.slice());
      if (body === undefined) continue;
      const header = rebuilt(body, body.segment.locator.generation, [], await isDeduplicated(body));
      const { archiveKey, suite, id } = body.keys;
      const bytes = encodeHeaderCopy(engine, header, "A", deriveHeaderKey(engine, archiveKey, suite, id));
      const copy: HeaderCopy = {
        name: "A",
        header,
        covered: bytes.slice(0, bytes.length - 2 * KEY_BYTES),
        mac: bytes.slice(bytes.length - 2 * KEY_BYTES, bytes.length - KEY_BYTES),
        intact: true,
      };
      const warnings = [`${LOST_HEADER}; only the archive key opens it, until it is restored`];
      const badCopies = ["A", "B"] as const;
      return {
        keys: body.keys,
        copy,
        slot: undefined,
        bodyOffset: bodyOffset(body.pages),
        isLost: true,
        badCopies,
        warnings,
      };
    }
    throw error;
  }
}

/**
 * Writes both copies of a lost or damaged header anew, with the slots given.
 *
 * @throws {ArchiveError} `wrong-key` when the archive does not end in a locator of this archive key.
 */
export async function restoreHeader(
  engine: Engine,
  target: WritableSource,
  archiveKey: Bytes,
  slots: readonly Slot[],
  leastGeneration: number,
): Promise<void> {
  const body = await findBody(engine, target, archiveKey);
  if (body === undefined) {
    throw new ArchiveError(
      "wrong-key",
      "Cannot restore the header: it is another archive's, or the end is damaged too",
    );
  }
  const newest = Math.max(
    leastGeneration,
    body.segment.locator.generation,
    await newestGeneration(engine, target, body),
  );
  const header = rebuilt(body, Math.min(newest + 1, MAX_GENERATION), slots, await isDeduplicated(body));
  checkRoom(header, slots);
  const key = deriveHeaderKey(engine, archiveKey, header.suite, body.keys.id);
  const copies = { A: encodeHeaderCopy(engine, header, "A", key), B: encodeHeaderCopy(engine, header, "B", key) };
  await target.write(copies.A.length, copies.B);
  await target.sync();
  await target.write(0, copies.A);
  await target.sync();
}

/** The highest generation of a copy that is there and whose MAC holds; 0 when there is none. */
async function newestGeneration(engine: Engine, target: Source, { keys }: FoundBody): Promise<number> {
  try {
    const peek: PeekStart = (length) => target.read(0, Math.min(length, target.size));
    const own = [{ kind: "archive-key", archiveKey: keys.archiveKey }] as const;
    return (await openHeader(engine, peek, own, {})).copy.header.generation;
  } catch (error) {
    if (error instanceof ArchiveError) return 0;
    throw error;
  }
}

/** The slots of a header copy that was kept as a backup, opened by its own keys. */
export async function openBackup(
  engine: Engine,
  backup: Bytes,
  keys: readonly Key[],
  limits: KdfLimits,
): Promise<OpenedHeader> {
  return await openHeader(engine, (length) => Promise.resolve(backup.subarray(0, length)), keys, limits);
}

/** One header copy as it stands in a backup: copy A, whichever counted. */
export function backupBytes({ keys, copy }: OpenedHeader): Bytes {
  const { engine, archiveKey, suite, id } = keys;
  return encodeHeaderCopy(engine, copy.header, "A", deriveHeaderKey(engine, archiveKey, suite, id));
}
