/** The recovery record of an archive: where it is, and what it says of the rest. It takes no key. */
import type { Engine } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { bodyOffset, type Header, recoveryPercent } from "../format/header.ts";
import { HEADER_PAGE_COUNTS } from "../format/limits.ts";
import { logicalLength, regionBytes } from "../recovery/geometry.ts";
import { findLastRegion, type PlacedRegion, placedRegions, regionsThrough } from "../recovery/layout.ts";
import { RegionExaminer, type RegionFindings } from "../recovery/region_mender.ts";
import { bodyOf, cutBodyOf } from "./body_source.ts";
import { findCopies } from "./header_reader.ts";
import { pauseEvery } from "./pause.ts";
import type { Source } from "./source.ts";

/** Where the recovery record of an archive is. */
export interface RecoveryRecord {
  /** Its percentage. */
  readonly percent: number;
  /** Where the body begins. */
  readonly bodyOffset: number;
  /** Its regions in their order. */
  readonly regions: readonly PlacedRegion[];
  /** Bytes of the whole archive, as it should be. */
  readonly fileBytes: number;
  /** Logical bytes of the body. */
  readonly bodyBytes: number;
}

/** What was found in one region. */
export interface ExaminedRegion extends RegionFindings {
  /** The region's number, from 0. */
  readonly number: number;
  /** Where it begins in the file. */
  readonly offset: number;
  /** Its bytes. */
  readonly length: number;
}

/** A header copy that holds together, by its checksum alone; `undefined` when there is none. */
async function someHeader(engine: Engine, source: Source): Promise<Header | undefined> {
  try {
    const peek = (length: number) => source.read(0, Math.min(length, source.size));
    const { copies } = await findCopies(engine, peek, "shown");
    return copies.find(({ intact }) => intact)?.header;
  } catch (error) {
    if (error instanceof ArchiveError && error.code !== "newer-version") return undefined;
    throw error;
  }
}

/**
 * What is left of an archive, as everything above the recovery layer sees it: the segments without the parity between
 * them, also of an archive that is cut off.
 */
export async function openRemains(engine: Engine, source: Source): Promise<Source> {
  const record = await findRecoveryRecord(engine, source);
  if (record !== undefined) return bodyOf(source, record.bodyOffset, record.percent);
  const header = await someHeader(engine, source);
  const percent = header === undefined ? 0 : recoveryPercent(header);
  return header === undefined || percent === 0 ? source : cutBodyOf(source, bodyOffset(header.pages), percent);
}

/**
 * Finds the recovery record of an archive: by its header and its length, or else by the record's own tables.
 * `undefined` when it has none, or nothing of it can be found.
 *
 * @throws {ArchiveError} `newer-version`.
 */
export async function findRecoveryRecord(engine: Engine, source: Source): Promise<RecoveryRecord | undefined> {
  const header = await someHeader(engine, source);
  const percent = header === undefined ? undefined : recoveryPercent(header);
  if (percent === 0) return undefined;
  const starts = header === undefined ? HEADER_PAGE_COUNTS.map(bodyOffset) : [bodyOffset(header.pages)];
  const last = await findLastRegion(engine, (offset, length) => source.read(offset, length), source.size, starts);
  if (last !== undefined && (percent === undefined || percent === last.identity.percent)) {
    return recordOf(last.identity.percent, last.bodyOffset, [...regionsThrough(last)]);
  }
  const [start] = starts;
  if (percent === undefined || start === undefined) return undefined;
  // No table is left at its end; its length alone says what it was, when nothing was cut off.
  const { length, rest } = logicalLength(percent, Math.max(0, source.size - start));
  if (rest !== 0 || length === 0) return undefined;
  return recordOf(percent, start, [...placedRegions(percent, { offset: 0, physical: 0 }, length)]);
}

function recordOf(percent: number, start: number, regions: readonly PlacedRegion[]): RecoveryRecord {
  const fileBytes = regions.reduce((sum, { shape }) => sum + regionBytes(shape), start);
  return {
    percent,
    bodyOffset: start,
    regions,
    fileBytes,
    bodyBytes: logicalLength(percent, fileBytes - start).length,
  };
}

/** How a recovery record is gone through. */
export interface ExamineOptions {
  /** Ends the work early. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of each region that was examined. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Examines all regions in turn. Its memory is that of one region's parity, and of what is mended in it.
 */
export async function* examineRecovery(
  engine: Engine,
  source: Source,
  { percent, bodyOffset: start, regions }: RecoveryRecord,
  { signal, onProgress }: ExamineOptions = {},
): AsyncGenerator<ExaminedRegion, void, undefined> {
  const examiner = new RegionExaminer(engine, percent);
  const pause = pauseEvery();
  for (const [number, { identity, shape, offset }] of regions.entries()) {
    const at = start + offset;
    const findings = await examiner.examine(identity, shape, async (inside, length) => {
      await pause();
      signal?.throwIfAborted();
      return await source.read(at + inside, Math.max(0, Math.min(length, source.size - at - inside)));
    });
    const length = regionBytes(shape);
    onProgress?.(length);
    yield { ...findings, number, offset: at, length };
  }
}
