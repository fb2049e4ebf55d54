/**
 * Appends a snapshot to an archive: what changed, as a further segment, and then the header that knows of it. A crash at
 * any moment leaves the archive with its last complete snapshot and all its keys (FORMAT.md, "Writing").
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import type { PageEntry } from "../format/block.ts";
import { ArchiveError } from "../format/errors.ts";
import { isDeduplicated, withSeveral } from "../format/header.ts";
import { KEY_BYTES } from "../format/keys.ts";
import { MAX_RUNS, MAX_SEGMENTS } from "../format/limits.ts";
import { knownState } from "../format/locator.ts";
import { firstListed, type SegmentTable } from "../format/segment_table.ts";
import { listedSnapshot, type SnapshotTable } from "../format/snapshot_table.ts";
import type { Totals } from "../format/tables.ts";
import type { Archive } from "./archive.ts";
import { blockTools, inlineBuilder } from "./block_builder.ts";
import { BodyAppender } from "./body_sink.ts";
import { ChunkIndex } from "./chunk_index.ts";
import { loadChunks } from "./chunk_tables.ts";
import { type EntryCursor, ListCursor, MergedCursor, takeWhole } from "./catalog_cursor.ts";
import type { CatalogRun } from "./catalog_run.ts";
import type { ChangeFinder } from "./changes.ts";
import { storeEntries, type StoreOptions } from "./create.ts";
import { checkWritable, rewriteHeader, type WritableSource } from "./header_rewrite.ts";
import type { OpenedHeader } from "./header_reader.ts";
import type { PlannedEntry } from "./planner.ts";
import type { SegmentEnd } from "./segments.ts";
import { checkSegmentOptions, type Inheritance, type SegmentOptions, SegmentWriter } from "./segment_writer.ts";

/** An archive that can be changed where it is, and grow. */
export interface AppendableSource extends WritableSource {
  /** Bytes now. */
  readonly size: number;
  /** Writes all of the bytes at the end. I/O errors reject. */
  append(bytes: Bytes): Promise<void>;
  /** Makes it shorter. */
  truncate(length: number): Promise<void>;
}

/** What finds out what a new snapshot has that the newest one has not: see {@linkcode ChangeFinder}. */
export type Changes = Pick<ChangeFinder, "counts" | "rows" | "totals" | "couldNotStore" | "changes">;

/** How a snapshot is appended. */
export interface UpdateOptions extends Omit<SegmentOptions, "dedup">, StoreOptions {
  /** Appends a snapshot even when nothing has changed. */
  readonly always?: boolean;
}

/** A snapshot that was appended. */
export interface WrittenUpdate {
  /** Its id: SHA-256 of its locator. */
  readonly id: Bytes;
  /** Its number, counted from 1. */
  readonly number: number;
  /** Bytes that it added. */
  readonly addedBytes: number;
  /** Bytes of the whole archive. */
  readonly length: number;
  /** What its catalog holds. */
  readonly totals: Totals;
}

/** A run this much larger than what would be merged with it is left as it is. */
const TIER_FACTOR = 4;

/**
 * Appends what a finder finds among entries, to the archive it compares them with. That archive was opened at its newest
 * snapshot, from this very target, under the lock. Returns `undefined` when nothing has changed and nothing was written.
 *
 * When it rejects, the archive is as it was, but for the remains of an interrupted update, which are gone, and for a
 * segment whose header could not be written: that snapshot is there and counts.
 *
 * @throws {ArchiveError} `newer-version`, `limit`, or what is wrong with the archive. I/O errors pass through.
 */
export async function updateArchive(
  engine: Engine,
  target: AppendableSource,
  archive: Archive,
  finder: Changes,
  found: AsyncIterable<PlannedEntry> | Iterable<PlannedEntry>,
  options: UpdateOptions,
): Promise<WrittenUpdate | undefined> {
  const random = options.random ?? ((length: number) => engine.randomBytes(length));
  checkSegmentOptions(options);
  checkWritable(archive.header);
  const { newest } = archive;
  const number = newest.locator.segment.number + 1;
  if (newest.state === "behind") throw new RangeError("Cannot update an archive that was put back to an earlier state");
  if (number >= MAX_SEGMENTS) {
    throw new ArchiveError("limit", `Cannot update the archive: it has ${MAX_SEGMENTS} snapshots; make a copy`);
  }
  const opened = await settle(target, archive, random);
  const end = newest.locator.offset + newest.locator.length;
  const { fileEnd } = archive;
  const physical = fileEnd - opened.bodyOffset;
  const { recovery } = archive.setting;
  const place = {
    segment: { salt: random(KEY_BYTES), number, link: newest.id },
    offset: end,
    generation: opened.copy.header.generation,
  };
  const appender = recovery === 0 ? undefined : new BodyAppender(engine, target, recovery, { offset: end, physical });
  const sink = appender ?? { write: (bytes: Bytes) => target.append(bytes), sync: () => target.sync() };
  const dedup = isDeduplicated(opened.copy.header);
  const writer = new SegmentWriter(opened.keys, place, sink, { ...options, dedup }, random);
  let written;
  try {
    const builder = options.builder?.(writer.setting) ??
      inlineBuilder(blockTools(engine, writer.setting, options.access));
    await storeEntries(finder.changes(found), builder, writer, options, async () => {
      const index = new ChunkIndex();
      await loadChunks(archive.segments, index);
      return index;
    });
    options.signal?.throwIfAborted();
    const { kept, gone } = finder.counts;
    if (!writer.begun && kept + gone === 0 && options.always !== true) return undefined;
    for (const path of writer.failed) await finder.couldNotStore(path);
    if (options.isPartial?.()) writer.markPartial();
    written = await writer.finish(inherit(archive, await archive.segments.newestEnd(), finder));
    await appender?.end();
  } catch (error) {
    writer.abandon();
    await removeAttempt(target, fileEnd);
    throw writer.failure === undefined ? error : writer.failure.error;
  }
  const { id, locator, totals } = written;
  await rewriteHeader(
    target,
    opened,
    {
      state: knownState(id, locator, physical),
      readFeatures: withSeveral(opened.copy.header.readFeatures),
    },
    random,
  );
  return { id, number: number + 1, addedBytes: target.size - fileEnd, length: target.size, totals };
}

/** Whatever could not be written is met here too, and matters less than why. */
async function removeAttempt(target: AppendableSource, length: number): Promise<void> {
  try {
    if (target.size > length) await target.truncate(length);
  } catch {
    // An interrupted update at the end harms nothing: the next one removes it.
  }
}

/**
 * Brings an archive to where the header knows the newest segment and nothing follows that: what an interrupted update
 * left is finished, or removed.
 */
async function settle(
  target: AppendableSource,
  archive: Archive,
  random: (length: number) => Bytes,
): Promise<OpenedHeader> {
  const { newest, opened, segments } = archive;
  const { locator, id } = newest;
  if (newest.tail > 0) {
    await target.truncate(archive.fileEnd);
    await target.sync();
  }
  if (newest.state === "known") return opened;
  const features = opened.copy.header.readFeatures;
  const header = await rewriteHeader(
    target,
    opened,
    {
      state: knownState(id, locator, segments.startOf(locator).physical),
      readFeatures: locator.segment.number > 0 ? withSeveral(features) : features,
    },
    random,
  );
  return { ...opened, copy: { ...opened.copy, header } };
}

/** What the snapshots so far add to the end of the next. */
function inherit(archive: Archive, end: SegmentEnd, finder: Changes): Inheritance {
  const { stored, kept, gone } = finder.counts;
  const merged = mergedRuns(archive.runs, stored + kept + gone);
  const below = archive.runs.slice(merged);
  return {
    ...tablesBehind(archive, end),
    runs: below.map((run) => run.segment),
    entries: () => inheritedEntries(finder, archive.runs.slice(0, merged), below.length === 0),
    totals: finder.totals,
    hasFile: async (path) => {
      for await (const { row } of archive.find(path)) return row.kind === "file";
      return false;
    },
  };
}

/** How many of the newest runs are merged with so many new rows: as many as are of their size, and as there must be. */
function mergedRuns(runs: readonly CatalogRun[], rows: number): number {
  let count = 0;
  let sum = rows;
  for (const run of runs) {
    const height = 1 + runs.length - count;
    if (height <= MAX_RUNS && run.rows >= TIER_FACTOR * sum) break;
    sum += run.rows;
    count++;
  }
  return count;
}

async function* inheritedEntries(
  finder: Changes,
  runs: readonly CatalogRun[],
  isWhole: boolean,
): AsyncGenerator<PageEntry> {
  const cursors: EntryCursor[] = [new ListCursor(finder.rows.entries()), ...runs.map((run) => run.cursor())];
  const cursor = new MergedCursor(cursors);
  await cursor.advance();
  while (cursor.current !== undefined) {
    const { row, extents, mark } = await takeWhole(cursor);
    // Below the lowest run there is nothing that a path could be gone from.
    if (mark === "gone" && isWhole) continue;
    yield { row, provisional: false, extents, mark: mark ?? "kept" };
  }
}

/** The tables of the segment behind the newest one. */
function tablesBehind(
  { newest, segments }: Archive,
  { segmentTable, snapshotTable, tablePlaces, trailer }: SegmentEnd,
): { readonly segmentTable: SegmentTable; readonly snapshotTable: SnapshotTable } {
  const { number, salt, link } = segments.newest.locator.segment;
  const listed = { locator: newest.locator, id: newest.id };
  const snapshot = listedSnapshot(trailer);
  if (firstListed(number) === firstListed(number + 1)) {
    return {
      segmentTable: { pages: segmentTable.pages, rows: [...segmentTable.rows, listed] },
      snapshotTable: { pages: snapshotTable.pages, rows: [...snapshotTable.rows, snapshot] },
    };
  }
  // The newest segment's tables are full: from here on they are referred to.
  return {
    segmentTable: { pages: [...segmentTable.pages, { salt, link, place: tablePlaces.segments }], rows: [listed] },
    snapshotTable: { pages: [...snapshotTable.pages, tablePlaces.snapshots], rows: [snapshot] },
  };
}
