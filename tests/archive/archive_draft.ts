/**
 * An archive as a value that tests change before it is sealed: blocks, pages, and a hook for each part that follows
 * from others. Untouched, it seals to an honest archive.
 */
import type { Bytes } from "../../src/engine/engine.ts";
import { type BlockEntry, encodeBlockRows } from "../../src/format/block.ts";
import { encodeIndex, type PagePlace } from "../../src/format/catalog_index.ts";
import { FRAME_TYPE, storedForFrameLength } from "../../src/format/frame.ts";
import { type Header, type HeaderCopyName, SEVERAL_SEGMENTS } from "../../src/format/header.ts";
import { encodeLocator, encodeState, type Locator, RECORD_BYTES, type State } from "../../src/format/locator.ts";
import { encodePage, type PageEntry } from "../../src/format/page.ts";
import type { BlockPlace, Row, Slice } from "../../src/format/row.ts";
import { provisionalRow, type RowMark } from "../../src/format/rows.ts";
import { encodeSegmentTable, type SegmentTable } from "../../src/format/segment_table.ts";
import type { Slot } from "../../src/format/slots.ts";
import { encodeSnapshotTable, listedSnapshot, type SnapshotTable } from "../../src/format/snapshot_table.ts";
import { emptyTally, encodeTrailer, tally, type Trailer } from "../../src/format/tables.ts";
import { ArchiveBuilder, type BuilderOptions, type FrameDraft, type SealedFrame } from "./archive_builder.ts";

const PAGE = 4096;
const EMPTY: Bytes = new Uint8Array(0);

/** A block before it is encoded. */
export interface BlockDraft {
  entries: BlockEntry[];
  data: Bytes;
  /** Leaves room for a frame of so many bytes, to be sealed when it is read, instead of sealing it. */
  frameBytes?: number;
}

/** A block of an earlier segment, by its position among that one's. */
export interface EarlierBlock {
  readonly segment: number;
  readonly position: number;
}

/** An extent whose block may be told by its position among the draft's blocks. */
export interface ExtentDraft extends Slice {
  readonly block: number | BlockPlace | EarlierBlock;
  readonly shared?: true;
}

/** An entry of a page before its blocks have places. */
export interface PageEntryDraft {
  row: Row;
  provisional: boolean;
  extents: ExtentDraft[];
  mark?: RowMark;
}

/** A page before its blocks have places. */
export interface PageDraft {
  entries: PageEntryDraft[];
  continues: boolean;
}

/** The name of a frame's type in FORMAT.md, with `extra` for those that may be passed over. */
export type FrameName = keyof typeof FRAME_TYPE | "extra";

/**
 * An archive to be sealed. All of it may be changed; a hook gets what is honest and gives what is to be said instead.
 */
export interface Draft {
  options: BuilderOptions;
  /** Pages of a header copy. */
  headerPages: number;
  slots: Slot[];
  /** Whether the header knows its segment, as in a file, or not, as in what was written to a pipe. */
  state: "known" | "streamed";
  /** zstd level of blocks and pages; stored when `undefined`. */
  level: number | undefined;
  blocks: BlockDraft[];
  pages: PageDraft[];
  orphans: PageDraft[];
  /** Frames between the snapshot table and the trailer. */
  extra: FrameDraft[];
  /** Padding frames instead of the one that fits. */
  padding: FrameDraft[] | undefined;
  onFrame: (frame: FrameDraft, name: FrameName, index: number) => FrameDraft | readonly FrameDraft[];
  onIndex: (pages: PagePlace[]) => PagePlace[];
  /** The runs below this segment's own, the newest first; none unless it follows another. */
  runs: readonly number[];
  /** What the snapshot holds in all, where that is more than the pages here have. */
  totals: readonly Pick<Row, "kind" | "size">[] | undefined;
  onSegmentTable: (table: SegmentTable) => SegmentTable;
  onSnapshotTable: (table: SnapshotTable) => SnapshotTable;
  onTrailer: (trailer: Trailer) => Trailer;
  onLocator: (locator: Locator) => Locator;
  onState: (state: State) => State;
  onHeader: (header: Header, name: HeaderCopyName) => Header;
  /** Changes the sealed locator. */
  onLocatorRecord: (record: Bytes) => Bytes;
  /** Changes an encoded header copy; the builder makes its seals hold again if asked. */
  onCopy: (copy: Bytes, name: HeaderCopyName, builder: ArchiveBuilder) => Bytes;
}

/** A sealed draft. */
export interface SealedArchive {
  /** The whole archive, with zeros where room was left. */
  readonly bytes: Bytes;
  /** Both header copies. */
  readonly header: Bytes;
  /** Where the body starts. */
  readonly bodyOffset: number;
  /** All frames, with offsets from the body's start. */
  readonly frames: readonly SealedFrame[];
  readonly builder: ArchiveBuilder;
}

/** An entry and its content; what has none is no file. */
export interface Item {
  readonly row: Row;
  readonly content?: Bytes;
}

const same = <T>(value: T): T => value;

/**
 * Makes the draft of an honest archive: items in path order go into blocks of at most `blockBytes` bytes, and a file
 * that does not fit goes on in the next one.
 */
export function draftOf(items: readonly Item[], blockBytes = 4096, options: BuilderOptions = {}): Draft {
  const blocks: BlockDraft[] = [];
  let current: BlockDraft = { entries: [], data: EMPTY };
  const flush = () => {
    if (current.entries.length > 0) blocks.push(current);
    current = { entries: [], data: EMPTY };
  };
  const entries: PageEntryDraft[] = [];
  for (const { row, content } of items) {
    const extents: ExtentDraft[] = [];
    const size = content?.length ?? 0;
    let offset = 0;
    do {
      if (current.data.length >= blockBytes && size > 0) flush();
      const length = Math.min(blockBytes - current.data.length, size - offset);
      const slice = { fileOffset: offset, length, dataOffset: current.data.length };
      offset += length;
      const done = offset === size;
      const slices = length > 0 ? [slice] : [];
      current.entries.push({ row: done ? row : provisionalRow(row.path, row.kind), provisional: !done, slices });
      for (const slice of slices) extents.push({ ...slice, block: blocks.length });
      if (content !== undefined) current.data = joined(current.data, content.subarray(offset - length, offset));
    } while (offset < size);
    entries.push({ row, provisional: false, extents });
  }
  flush();
  return {
    options,
    headerPages: 1,
    slots: [],
    state: "known",
    level: undefined,
    blocks,
    pages: entries.length > 0 ? [{ entries, continues: false }] : [],
    orphans: [],
    extra: [],
    padding: undefined,
    onFrame: same,
    onIndex: same,
    runs: [],
    totals: undefined,
    onSegmentTable: same,
    onSnapshotTable: same,
    onTrailer: same,
    onLocator: same,
    onState: same,
    onHeader: same,
    onLocatorRecord: same,
    onCopy: same,
  };
}

/** Two byte strings, one after the other. */
export function joined(...parts: readonly Bytes[]): Bytes {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Changes every row of one path, in blocks and in pages alike: an archive that agrees with itself about a bad row. */
export function changeRow(draft: Draft, path: string, change: (row: Row) => Row): void {
  let found = 0;
  for (const list of [...draft.blocks, ...draft.pages, ...draft.orphans]) {
    list.entries.forEach((entry: BlockEntry | PageEntryDraft, i) => {
      if (entry.row.path !== path) return;
      found++;
      const row = change(entry.row);
      list.entries[i] = { ...entry, row: entry.provisional ? provisionalRow(row.path, row.kind) : row } as never;
    });
  }
  if (found === 0) throw new Error(`Cannot change "${path}": no such row`);
}

/** The raw bytes of a block. */
export function encodeBlock({ entries, data }: BlockDraft): Bytes {
  return joined(encodeBlockRows(entries), data);
}

/** A segment that was sealed, for those that follow. */
interface SealedSegment {
  readonly builder: ArchiveBuilder;
  readonly blocks: readonly SealedFrame[];
  readonly locator: Locator;
  /** Its locator as it stands. */
  readonly record: Bytes;
  readonly trailer: Trailer;
}

/** Seals a draft. */
export function sealDraft(draft: Draft): SealedArchive {
  return sealDrafts([draft]);
}

/**
 * Seals an archive of several segments, one for each draft. The header is what the last one says, or the one of that
 * number: the others are then behind what the header knows.
 */
export function sealDrafts(drafts: readonly Draft[], known: number = drafts.length - 1): SealedArchive {
  const segments: SealedSegment[] = [];
  for (const draft of drafts) segments.push(sealSegment(draft, segments));
  return sealHeader(drafts[known] as Draft, segments, known);
}

function sealSegment(draft: Draft, before: readonly SealedSegment[]): SealedSegment {
  const last = before.at(-1);
  const number = before.length;
  const link = last === undefined ? undefined : last.builder.engine.sha256(last.record);
  const end = last === undefined ? 0 : last.locator.offset + last.locator.length;
  const builder = new ArchiveBuilder({
    ...draft.options,
    ...(link === undefined ? {} : { seed: number + (draft.options.seed ?? 1), behind: { number, link, offset: end } }),
  });
  const { level } = draft;
  const put = (name: FrameName, index: number, frame: FrameDraft): SealedFrame => {
    const here = { type: frame.type, frame: builder.nextNumber, offset: builder.offset, frameBytes: 0 };
    const changed = draft.onFrame(frame, name, index);
    const places = (Array.isArray(changed) ? changed : [changed]).map((one) => builder.frame(one));
    return places.find((place) => place.type === frame.type) ?? places[0] ?? here;
  };
  const compressed = level === undefined ? {} : { level };
  const blocks = draft.blocks.map((block, i) =>
    block.frameBytes !== undefined
      ? builder.leave(FRAME_TYPE.block, block.frameBytes)
      : put("block", i, { type: FRAME_TYPE.block, raw: encodeBlock(block), rows: block.entries.length, ...compressed })
  );
  const putPages = (name: "page" | "orphanPage", pages: readonly PageDraft[]): PagePlace[] =>
    pages.map((page, i) => {
      const entries = page.entries.map((entry) => resolveEntry(entry, blocks, before, number));
      const raw = encodePage({ entries, continues: page.continues }, number);
      const place = put(name, i, { type: FRAME_TYPE[name], raw, rows: entries.length, ...compressed });
      return { ...place, firstPath: entries[0]?.row.path ?? "", rows: entries.length };
    });
  const pages = putPages("page", draft.pages);
  putPages("orphanPage", draft.orphans);
  const honest = draft.onIndex(pages);
  const index = put("index", 0, { type: FRAME_TYPE.index, raw: encodeIndex(honest), rows: honest.length });
  const listed = before.map(({ builder, locator, record }) => ({ locator, id: builder.engine.sha256(record) }));
  const segmentTable = draft.onSegmentTable({ pages: [], rows: listed });
  const rows = segmentTable.rows.length;
  put("segmentTable", 0, { type: FRAME_TYPE.segmentTable, raw: encodeSegmentTable(segmentTable), rows });
  const snapshotTable = draft.onSnapshotTable({
    pages: [],
    rows: before.map(({ trailer }) => listedSnapshot(trailer)),
  });
  const raw = encodeSnapshotTable(snapshotTable);
  put("snapshotTable", 0, { type: FRAME_TYPE.snapshotTable, raw, rows: snapshotTable.rows.length });
  draft.extra.forEach((frame, i) => put("extra", i, frame));
  const record = draft.onTrailer(trailerOf(draft, index));
  const trailer = put("trailer", 0, { type: FRAME_TYPE.trailer, raw: encodeTrailer(record, number) });
  const padding = draft.padding ?? [paddingFrame(builder.offset)];
  padding.forEach((frame, i) => put("padding", i, frame));
  put("end", 0, { type: FRAME_TYPE.end, raw: EMPTY });
  const locator = draft.onLocator({
    generation: 1,
    segment: builder.segment,
    offset: end,
    length: builder.offset + RECORD_BYTES - end,
    index: { offset: index.offset, frame: index.frame },
    trailer: { offset: trailer.offset, frame: trailer.frame },
    trailerBytes: trailer.frameBytes,
    snapshots: number + 1,
  });
  const locatorRecord = draft.onLocatorRecord(builder.record("locator", encodeLocator(locator)));
  builder.append(locatorRecord);
  return { builder, blocks, locator, record: locatorRecord, trailer: record };
}

function sealHeader(draft: Draft, segments: readonly SealedSegment[], known: number): SealedArchive {
  const { builder, locator, record } = segments[known] as SealedSegment;
  const state: State = draft.state === "streamed"
    ? { kind: "streamed", generation: 1 }
    : { kind: "known", locator, locatorHash: builder.engine.sha256(record) };
  const header: Header = {
    pages: draft.headerPages,
    suite: builder.keys.suite,
    generation: 1,
    readFeatures: known > 0 ? SEVERAL_SEGMENTS : 0,
    writeFeatures: 0,
    ignorableFeatures: 0,
    state: builder.record("state", encodeState(draft.onState(state))),
    slots: draft.slots,
  };
  const copies = (["A", "B"] as const).map((name) =>
    draft.onCopy(builder.headerCopy(draft.onHeader(header, name), name), name, builder)
  );
  const both = joined(...copies);
  return {
    // Made when it is asked for: with room left, it may be larger than memory.
    get bytes() {
      return joined(both, ...segments.map(({ builder }) => builder.body()));
    },
    header: both,
    bodyOffset: both.length,
    frames: segments.flatMap(({ builder }) => builder.frames),
    builder,
  };
}

function resolveEntry(
  { mark, ...entry }: PageEntryDraft,
  blocks: readonly BlockPlace[],
  before: readonly SealedSegment[],
  segment: number,
): PageEntry {
  const extents = entry.extents.map((extent) => {
    const { block } = extent;
    const place = typeof block === "number"
      ? blocks[block]
      : "position" in block
      ? before[block.segment]?.blocks[block.position]
      : block;
    if (place === undefined) throw new Error(`Cannot seal "${entry.row.path}": no such block`);
    const own = typeof block === "number" ? segment : block.segment ?? segment;
    const { frame, offset, frameBytes } = place;
    return { ...extent, block: { ...(own === 0 ? {} : { segment: own }), frame, offset, frameBytes } };
  });
  return mark === undefined ? { ...entry, extents } : { ...entry, extents, mark };
}

function trailerOf(draft: Draft, index: SealedFrame): Trailer {
  const totals = emptyTally();
  const rows = draft.pages.flatMap((page) => page.continues ? page.entries.slice(1) : page.entries);
  for (const row of draft.totals ?? rows.map(({ row }) => row)) tally(totals, row);
  return {
    time: { seconds: 1_700_000_000, nanoseconds: 0 },
    label: "",
    index: { offset: index.offset, frame: index.frame },
    totals,
    blocks: draft.blocks.length,
    pages: draft.pages.length,
    orphanPages: draft.orphans.length,
    partial: draft.orphans.length > 0,
    writer: "",
    ...(draft.runs.length === 0 ? {} : { runs: draft.runs }),
  };
}

/** The padding frame behind which `end` and the locator fill a page. */
export function paddingFrame(offset: number): FrameDraft {
  const tail = 48 + RECORD_BYTES;
  for (let length = Math.ceil((offset + 48 + tail) / PAGE) * PAGE;; length += PAGE) {
    const stored = storedForFrameLength(length - tail - offset);
    if (stored !== undefined) return { type: FRAME_TYPE.padding, raw: new Uint8Array(stored) };
  }
}
