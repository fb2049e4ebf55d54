/**
 * Appends a snapshot to an archive: what changed, as a further segment, and then the header that knows of it. A crash
 * at any moment leaves the archive with its last complete snapshot and all its keys (FORMAT.md, "Writing").
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { type Header, isDeduplicated, withSeveral } from "../format/header.ts";
import { KEY_BYTES } from "../format/keys.ts";
import { MAX_RUNS, MAX_SEGMENTS } from "../format/limits.ts";
import { knownState } from "../format/locator.ts";
import type { PageEntry } from "../format/page.ts";
import { firstListed, type SegmentTable } from "../format/segment_table.ts";
import { listedSnapshot, type SnapshotTable } from "../format/snapshot_table.ts";
import { differenceOf, emptyTally, sumOf, type Totals } from "../format/tables.ts";
import { Archive } from "./archive.ts";
import { blockTools, inlineBuilder } from "./block_builder.ts";
import { BodyAppender } from "./body_sink.ts";
import { ChunkIndex } from "./chunk_index.ts";
import { type EntryCursor, ListCursor, MergedCursor, takeWhole } from "./catalog_cursor.ts";
import type { CatalogRun } from "./catalog_run.ts";
import type { ChangeFinder } from "./changes.ts";
import { Additions, CHECKPOINT_SEGMENTS, EntryQueue, replacedTotals } from "./checkpoints.ts";
import { storeEntries, type StoreOptions } from "./create.ts";
import { checkWritable, rewriteHeader, type WritableSource } from "./header_rewrite.ts";
import type { OpenedHeader } from "./header_reader.ts";
import type { PlannedEntry } from "./planner.ts";
import type { SegmentEnd } from "./segments.ts";
import { checkSegmentOptions, type SegmentOptions, spillOf } from "./segment_options.ts";
import { StoredChunks } from "./stored_chunks.ts";
import { type Inheritance, SegmentWriter, type WrittenSegment } from "./segment_writer.ts";

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
  /** New bytes after which what was stored is committed as a checkpoint; never unless given. */
  readonly checkpointBytes?: number;
  /** Told of each checkpoint, when it is on the disk. */
  readonly onCheckpoint?: (checkpoint: WrittenUpdate) => void;
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
 * Appends what a finder finds among entries, to the archive it compares them with. That archive was opened at its
 * newest snapshot, be it a checkpoint, from this very target, under the lock. Returns `undefined` when nothing has
 * changed and nothing was written.
 *
 * When it rejects, the archive is as it was, but for the remains of an interrupted update, which are gone; for
 * checkpoints, which stay; and for a segment whose header could not be written: that snapshot is there and counts.
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
  if (newest.state === "behind") throw new RangeError("Cannot update an archive that was put back to an earlier state");
  if (archive.number < newest.locator.segment.number + 1) {
    throw new RangeError("Cannot update an archive that was opened at an earlier snapshot");
  }
  if (newest.locator.segment.number + 1 >= MAX_SEGMENTS) {
    throw new ArchiveError("limit", `Cannot update the archive: it has ${MAX_SEGMENTS} snapshots; make a copy`);
  }
  const entries = new EntryQueue(finder.changes(found));
  const work: Work = { engine, target, random, finder, options, entries, chunks: chunksOf(engine, archive, options) };
  try {
    let opened = await settle(target, archive, random);
    let stored: Totals = emptyTally();
    for (let base = archive;;) {
      const segment = await appendSegment(work, base, opened, stored);
      if (segment === undefined) return undefined;
      const { written, isCheckpoint, header } = segment;
      if (!isCheckpoint) return written;
      stored = sumOf(stored, segment.stored);
      options.onCheckpoint?.(written);
      const keys = [{ kind: "archive-key", archiveKey: opened.keys.archiveKey } as const];
      base = await Archive.open(engine, target, { keys, snapshot: { kind: "newest" } });
      opened = { ...opened, copy: { ...opened.copy, header } };
    }
  } finally {
    await work.entries.close();
  }
}

/** The chunks of an archive, of which nothing is read before the first is asked for. */
function chunksOf(engine: Engine, { segments }: Archive, options: UpdateOptions): () => StoredChunks {
  let chunks: StoredChunks | undefined;
  return () => chunks ??= new StoredChunks(segments, new ChunkIndex(options.indexedChunks, spillOf(engine, options)));
}

/** An update under way. */
interface Work {
  readonly engine: Engine;
  readonly target: AppendableSource;
  readonly random: (length: number) => Bytes;
  readonly finder: Changes;
  readonly options: UpdateOptions;
  readonly entries: EntryQueue;
  /** What is stored already, chunk by chunk, and gets what this update stores. */
  readonly chunks: () => StoredChunks;
}

/** A segment that was appended. */
interface Appended {
  readonly written: WrittenUpdate;
  readonly isCheckpoint: boolean;
  /** What its blocks added. */
  readonly stored: Totals;
  /** The header that knows it. */
  readonly header: Header;
}

/**
 * Appends a segment: up to the end of the entries, or a checkpoint. `undefined` when there is nothing to be appended.
 * `stored` is what the checkpoints of this update have brought.
 */
async function appendSegment(
  work: Work,
  base: Archive,
  opened: OpenedHeader,
  stored: Totals,
): Promise<Appended | undefined> {
  const { engine, target, random, finder, options } = work;
  const { newest } = base;
  const number = newest.locator.segment.number + 1;
  const end = newest.locator.offset + newest.locator.length;
  const { fileEnd } = base;
  const physical = fileEnd - opened.bodyOffset;
  const { recovery } = base.setting;
  const place = {
    segment: { salt: random(KEY_BYTES), number, link: newest.id },
    offset: end,
    generation: opened.copy.header.generation,
  };
  const appender = recovery === 0 ? undefined : new BodyAppender(engine, target, recovery, { offset: end, physical });
  const sink = appender ?? { write: (bytes: Bytes) => target.append(bytes), sync: () => target.sync() };
  const dedup = isDeduplicated(opened.copy.header);
  const writer = new SegmentWriter(opened.keys, place, sink, { ...options, dedup }, random);
  let written: WrittenSegment;
  let isCheckpoint: boolean;
  try {
    const ending = await writeUpToEnd(work, base, writer);
    options.signal?.throwIfAborted();
    isCheckpoint = ending !== undefined;
    for (const path of writer.failed) await finder.couldNotStore(path);
    const { kept, gone } = finder.counts;
    const goesOn = base.trailer.checkpoint === true;
    if (writer.stored.entries + kept + gone === 0 && options.always !== true && !isCheckpoint && !goesOn) {
      // Blocks may have been written, of what could not be read to its end: there is nothing in them for anybody.
      if (writer.begun) await discard(writer, target, fileEnd);
      return undefined;
    }
    if (options.isPartial?.()) writer.markPartial();
    const tables = tablesBehind(base, await base.segments.newestEnd());
    const inheritance = ending ?? inherit(base, finder, stored, writer.stored.entries);
    written = await writer.finish({ ...inheritance, ...tables }, isCheckpoint);
    await appender?.end();
  } catch (error) {
    writer.abandon();
    await removeAttempt(target, fileEnd);
    throw writer.failure === undefined ? error : writer.failure.error;
  }
  const { id, locator, totals } = written;
  const change = {
    state: knownState(id, locator, physical),
    readFeatures: withSeveral(opened.copy.header.readFeatures),
  };
  const header = await rewriteHeader(target, opened, change, random);
  const update = { id, number: number + 1, addedBytes: target.size - fileEnd, length: target.size, totals };
  return { written: update, isCheckpoint, stored: written.stored, header };
}

/** Writes blocks up to the last entry; or to where a checkpoint is due, and then returns what that inherits. */
async function writeUpToEnd(
  { engine, finder, options, entries, chunks }: Work,
  base: Archive,
  writer: SegmentWriter,
): Promise<InheritedCatalog | undefined> {
  const builder = options.builder?.(writer.setting) ??
    inlineBuilder(blockTools(engine, writer.setting, options.access));
  const { checkpointBytes = Infinity } = options;
  const isLast = base.newest.locator.segment.number + 1 >= CHECKPOINT_SEGMENTS;
  for (let due = isLast ? Infinity : checkpointBytes;; due = writer.bytes + checkpointBytes) {
    const taken = entries.take(() => writer.bytes >= due);
    await storeEntries(taken, builder, writer, options, chunks);
    if (entries.ended) return undefined;
    options.signal?.throwIfAborted();
    const inherited = await inheritForCheckpoint(base, writer, finder);
    if (inherited !== undefined) return inherited;
  }
}

/** Takes back a segment that was begun, and has nothing to say. */
async function discard(writer: SegmentWriter, target: AppendableSource, length: number): Promise<void> {
  writer.abandon();
  if (target.size > length) await target.truncate(length);
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

/** What a segment's catalog inherits; the tables come to it. */
type InheritedCatalog = Omit<Inheritance, "segmentTable" | "snapshotTable">;

/** What the snapshots so far add to the end of the next, `entries` of which lie in its own blocks. */
function inherit(archive: Archive, finder: Changes, stored: Totals, entries: number): InheritedCatalog {
  const { kept, gone } = finder.counts;
  const { merged, below } = split(archive.runs, entries + kept + gone);
  return {
    runs: below.map((run) => run.segment),
    entries: () => inheritedEntries([new ListCursor(finder.rows.entries())], merged, below.length === 0),
    totals: sumOf(finder.totals, stored),
    hasFile: (path) => hasFile(archive, path),
  };
}

/**
 * What the snapshots so far add to the end of a checkpoint. What is gone, was moved or has a new row alone waits for
 * the end: until then, all of it is as it was. `undefined` when the segment's own rows cannot stand on that.
 */
async function inheritForCheckpoint(
  archive: Archive,
  writer: SegmentWriter,
  finder: Changes,
): Promise<InheritedCatalog | undefined> {
  const { merged, below } = split(archive.runs, writer.stored.entries);
  const { totals } = archive.trailer;
  const common = {
    runs: below.map((run) => run.segment),
    entries: () => inheritedEntries([], merged, below.length === 0),
    hasFile: (path: string) => hasFile(archive, path),
  };
  if (!await writer.hasLinkTargets(common.hasFile)) return undefined;
  if (finder instanceof Additions) return { ...common, totals };
  const replaced = await replacedTotals(writer.rows(), archive);
  return replaced && { ...common, totals: differenceOf(totals, replaced) };
}

async function hasFile(archive: Archive, path: string): Promise<boolean> {
  for await (const { row } of archive.find(path)) return row.kind === "file";
  return false;
}

/** The newest runs that are merged with so many rows, and those below. */
function split(runs: readonly CatalogRun[], rows: number): Record<"merged" | "below", readonly CatalogRun[]> {
  const merged = mergedRuns(runs, rows);
  return { merged: runs.slice(0, merged), below: runs.slice(merged) };
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
  above: readonly EntryCursor[],
  runs: readonly CatalogRun[],
  isWhole: boolean,
): AsyncGenerator<PageEntry> {
  const cursor = new MergedCursor([...above, ...runs.map((run) => run.cursor())]);
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
