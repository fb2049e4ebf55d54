/** The recovery record of an archive: where it is, and what it says of the rest. It takes no key. */
import type { Engine } from "../engine/engine.ts";
import { isZero } from "../format/bytes.ts";
import { ArchiveError } from "../format/errors.ts";
import { bodyOffset, type Header, recoveryPercent } from "../format/header.ts";
import { HEADER_PAGE_COUNTS, RECOVERY_CELL_BYTES } from "../format/limits.ts";
import { fullRegion, logicalLength, physicalLength, regionBytes, type SegmentStart } from "../recovery/geometry.ts";
import { findLayout, type Layout, type PlacedRegion, placedRegions, type PlacedSegment } from "../recovery/layout.ts";
import { RegionExaminer, type RegionFindings } from "../recovery/region_mender.ts";
import { BodySource, cutBodyOf, FIRST_SEGMENT, tailLength } from "./body_source.ts";
import { findCopies } from "./header_reader.ts";
import { pauseEvery } from "./pause.ts";
import type { Source } from "./source.ts";

/** Where the recovery record of an archive is. */
export interface RecoveryRecord {
  /** Its percentage. */
  readonly percent: number;
  /** Where the body begins. */
  readonly bodyOffset: number;
  /** The segments that it covers, in their order. */
  readonly segments: readonly PlacedSegment[];
  /** Its regions in their order. */
  readonly regions: readonly PlacedRegion[];
  /** How many of them there are at least: those behind are taken for what they are only when they can be mended. */
  readonly certainRegions: number;
  /** Where it cannot be told what stood there, by offsets in the file. */
  readonly gaps: readonly { readonly offset: number; readonly length: number }[];
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
  if (record !== undefined) return bodyOfRecord(source, record);
  const header = await someHeader(engine, source);
  const percent = header === undefined ? 0 : recoveryPercent(header);
  return header === undefined || percent === 0 ? source : cutBodyOf(source, bodyOffset(header.pages), percent);
}

/** An archive without its recovery layer, as far as that says where its segments are. */
export function bodyOfRecord(source: Source, record: RecoveryRecord): BodySource {
  const { percent, bodyOffset: start, segments, regions, bodyBytes, fileBytes } = record;
  const end = { offset: bodyBytes, physical: fileBytes - start };
  const last = regions.at(-1) as PlacedRegion;
  const lastBytes = last.shape.data * RECOVERY_CELL_BYTES;
  const left = Math.max(0, Math.min(lastBytes, source.size - start - last.offset));
  const size = source.size < fileBytes
    ? bodyBytes - lastBytes + left
    : bodyBytes + tailLength(percent, source.size - fileBytes);
  // What stands in a gap is looked for as if it were all of one segment.
  const starts = [FIRST_SEGMENT, ...segments.map((segment) => segment.start), end];
  return new BodySource(source, start, percent, size, starts);
}

/**
 * Finds the recovery record of an archive: by the record's own tables, or else by its header and its length.
 * `undefined` when it has none, or nothing of it can be found.
 *
 * @throws {ArchiveError} `newer-version`.
 */
export async function findRecoveryRecord(engine: Engine, source: Source): Promise<RecoveryRecord | undefined> {
  const header = await someHeader(engine, source);
  const percent = header === undefined ? undefined : recoveryPercent(header);
  if (percent === 0) return undefined;
  const starts = header === undefined ? HEADER_PAGE_COUNTS.map(bodyOffset) : [bodyOffset(header.pages)];
  const layout = await findLayout(engine, (offset, length) => source.read(offset, length), source.size, starts);
  if (layout !== undefined && (percent === undefined || percent === layout.percent)) {
    return recordOf(await withEnd(source, layout), recordOf(layout).regions.length);
  }
  const [start] = starts;
  if (percent === undefined || start === undefined) return undefined;
  // No table is left at its end; its length alone says what it was, when nothing was cut off.
  const { length, rest } = logicalLength(percent, Math.max(0, source.size - start));
  if (rest !== 0 || length === 0) return undefined;
  return recordOf({ percent, bodyOffset: start, segments: [{ start: FIRST_SEGMENT, length }], gaps: [] });
}

/**
 * Adds what stands behind the last region that is known when its length is that of a whole segment, or of the rest of
 * one: all of its tables may be lost.
 */
async function withEnd(source: Source, layout: Layout): Promise<Layout> {
  const { percent, bodyOffset: start, segments } = layout;
  const last = segments.at(-1) as PlacedSegment;
  const end = endOf(percent, last);
  const { length, rest } = logicalLength(percent, Math.max(0, source.size - start - end.physical));
  if (length === 0 || rest !== 0) return layout;
  // What a disk had not written yet reads as zeros, and they would be found to be good; ciphertext is none.
  if (isZero(await source.read(start + end.physical, RECOVERY_CELL_BYTES))) return layout;
  const isOpen = last.length % (fullRegion(percent).data * RECOVERY_CELL_BYTES) === 0;
  return {
    ...layout,
    segments: isOpen
      ? [...segments.slice(0, -1), { ...last, length: last.length + length }]
      : [...segments, { start: end, length }],
  };
}

function endOf(percent: number, { start, length }: PlacedSegment): SegmentStart {
  return { offset: start.offset + length, physical: start.physical + physicalLength(percent, length) };
}

function recordOf(layout: Layout, certainRegions?: number): RecoveryRecord {
  const { percent, bodyOffset: start, segments, gaps } = layout;
  const regions = segments.flatMap((segment) => [...placedRegions(percent, segment.start, segment.length)]);
  const end = endOf(percent, segments.at(-1) as PlacedSegment);
  return {
    percent,
    bodyOffset: start,
    segments,
    regions,
    certainRegions: certainRegions ?? regions.length,
    gaps: gaps.map(({ offset, length }) => ({ offset: start + offset, length })),
    fileBytes: start + end.physical,
    bodyBytes: end.offset,
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
