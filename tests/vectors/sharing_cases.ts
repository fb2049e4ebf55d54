/** Vectors about files that share content, and about chunk tables (FORMAT.md, "Deduplication"). */
import type { Bytes } from "../../src/engine/engine.ts";
import { encodeChunkTable } from "../../src/format/chunk_table.ts";
import { FRAME_TYPE } from "../../src/format/frame.ts";
import { SHARED_EXTENTS } from "../../src/format/header.ts";
import { MAX_TABLE_CHUNKS } from "../../src/format/limits.ts";
import type { BlockPlace } from "../../src/format/row.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import type { FrameDraft } from "../archive/archive_builder.ts";
import { type Draft, type ExtentDraft, joined, type PageEntryDraft, sealDraft } from "../archive/archive_draft.ts";
import { editColumns, type RawColumns, setColumn, varint, varints } from "../archive/raw_columns.ts";
import { row, utf8 } from "../archive/sample_tree.ts";
import { type Outcome, smallDraft, type VectorCase } from "./vector_case.ts";

type Outcomes = Outcome | readonly [stream: Outcome, seek: Outcome];

/** Column numbers of a chunk table. */
const TABLE = { blocks: 1, counts: 2, lengths: 3, ids: 4 } as const;
const SHARED_COLUMN = 29;

/**
 * The small tree, and files that share content: `e` is a part of `a/b.txt` with holes around it, `f` has a slice of its
 * own between what it takes from two blocks, one of which holds `f` itself.
 */
export function sharingDraft(change: (draft: Draft) => void = () => {}): Draft {
  const draft = smallDraft();
  const last = draft.blocks.length - 1;
  const block = draft.blocks[last] as Draft["blocks"][number];
  const own = utf8("its own");
  const e = row("e", "file", { size: 400 });
  const f = row("f", "file", { size: 100 + own.length + 20 });
  block.entries.push(
    { row: e, provisional: false, slices: [] },
    {
      row: f,
      provisional: false,
      slices: [{ fileOffset: 100, length: own.length, dataOffset: block.data.length }],
    },
  );
  const entries: PageEntryDraft[] = [
    { row: e, provisional: false, extents: [shared({ fileOffset: 50, length: 200, dataOffset: 20, block: 0 })] },
    {
      row: f,
      provisional: false,
      extents: [
        shared({ fileOffset: 0, length: 100, dataOffset: 0, block: 0 }),
        { fileOffset: 100, length: own.length, dataOffset: block.data.length, block: last },
        // Across slices of several files, its own among them.
        shared({
          fileOffset: 100 + own.length,
          length: 20,
          dataOffset: block.data.length + own.length - 20,
          block: last,
        }),
      ],
    },
  ];
  block.data = joined(block.data, own);
  draft.pages[0]?.entries.push(...entries);
  draft.onHeader = (header) => ({ ...header, readFeatures: SHARED_EXTENTS });
  draft.onTrailer = (trailer) => ({ ...trailer, deduplicated: true });
  change(draft);
  return draft;
}

const shared = (extent: ExtentDraft): ExtentDraft => ({ ...extent, shared: true });

function sharing(name: string, about: string, outcomes: Outcomes, change?: (draft: Draft) => void): VectorCase {
  const [stream, seek] = typeof outcomes === "string" ? [outcomes, outcomes] : outcomes;
  return { name, about, bytes: sealDraft(sharingDraft(change)).bytes, stream, seek };
}

/** Changes the extents of one path in the catalog. */
function onExtents(draft: Draft, path: string, change: (extents: ExtentDraft[]) => ExtentDraft[]): void {
  for (const page of draft.pages) {
    page.entries = page.entries.map((entry) =>
      entry.row.path === path ? { ...entry, extents: change(entry.extents) } : entry
    );
  }
}

/** Changes the columns of the catalog page. */
function onPage(change: (columns: RawColumns) => void): (draft: Draft) => void {
  return (draft) => {
    draft.onFrame = (frame, name) =>
      name === "page" ? { ...frame, raw: editColumns(frame.raw, (columns) => change(columns)) } : frame;
  };
}

function columnOf(columns: RawColumns, number: number): Bytes {
  return columns.find((column) => column.number === number)?.bytes as Bytes;
}

function extentCases(): VectorCase[] {
  return [
    sharing("shared", "Files share content with others, in part and as a whole", "none"),
    sharing("shared_in_later_block", "A file shares content of a later block, and of a file that was broken off", "none", (draft) => {
      const data = utf8("lost");
      draft.blocks.push({
        entries: [{ row: provisionalRow("g", "file"), provisional: true, slices: [{ fileOffset: 0, length: 4, dataOffset: 0 }] }],
        data,
      });
      const block = draft.blocks.length - 1;
      draft.orphans.push({
        entries: [{
          row: provisionalRow("g", "file"),
          provisional: true,
          extents: [{ fileOffset: 0, length: 4, dataOffset: 0, block }],
        }],
        continues: false,
      });
      onExtents(draft, "e", () => [shared({ fileOffset: 3, length: 4, dataOffset: 0, block })]);
    }),
    sharing("shared_without_feature", "Files share content, and the header does not say so", "malformed", (draft) => {
      draft.onHeader = (header) => header;
      draft.onTrailer = (trailer) => trailer;
    }),
    sharing("shared_trailer_without_feature", "The trailer says that files share content, and the header does not", "malformed", (draft) => {
      draft.onHeader = (header) => header;
      for (const path of ["e", "f"]) onExtents(draft, path, () => []);
      draft.blocks = draft.blocks.map((block) => ({ ...block, entries: block.entries.filter(({ row }) => !["e", "f"].includes(row.path)) }));
      draft.pages = draft.pages.map((page) => ({ ...page, entries: page.entries.filter(({ row }) => !["e", "f"].includes(row.path)) }));
      const last = draft.blocks.at(-1) as Draft["blocks"][number];
      last.data = last.data.subarray(0, last.data.length - "its own".length);
    }),
    sharing("shared_feature_without_trailer", "The header says that files share content, and the trailer does not", "inconsistent", (draft) => {
      draft.onTrailer = (trailer) => trailer;
    }),
    sharing("shared_beyond_data", "A shared extent ends behind the data of its block", "inconsistent", (draft) =>
      onExtents(draft, "e", () => [shared({ fileOffset: 50, length: 200, dataOffset: 57, block: 0 })])),
    sharing("shared_beyond_frame", "A shared extent ends behind the largest block", "malformed", (draft) =>
      onExtents(draft, "e", () => [shared({ fileOffset: 50, length: 200, dataOffset: 2 ** 24 - 199, block: 0 })])),
    sharing("shared_beyond_size", "A shared extent ends behind the size of the file", "malformed", (draft) =>
      onExtents(draft, "e", () => [shared({ fileOffset: 201, length: 200, dataOffset: 0, block: 0 })])),
    sharing("shared_in_no_block", "A shared extent lies in a block that is not there", ["inconsistent", "damaged"], (draft) => {
      const { frames } = sealDraft(sharingDraft());
      const place = { ...(frames[0] as BlockPlace), frame: 77 };
      onExtents(draft, "e", () => [shared({ fileOffset: 50, length: 200, dataOffset: 20, block: place })]);
    }),
    sharing("shared_unmarked", "An extent lies in another file's slice, and is not marked as shared", "inconsistent", (draft) =>
      onExtents(draft, "e", (extents) => extents.map(({ shared: _, ...extent }) => extent))),
    sharing("shared_own_slice", "A file's own slice is marked as shared", ["inconsistent", "none"], (draft) =>
      onExtents(draft, "c.txt", (extents) => extents.map(shared))),
    sharing("shared_in_orphan", "A row of an orphan page has a shared extent", ["malformed", "none"], (draft) => {
      const orphan = row("g", "file", { size: 5 });
      (draft.blocks.at(-1) as Draft["blocks"][number]).entries.push({ row: orphan, provisional: false, slices: [] });
      draft.orphans.push({
        entries: [{
          row: orphan,
          provisional: false,
          extents: [shared({ fileOffset: 0, length: 5, dataOffset: 0, block: 0 })],
        }],
        continues: false,
      });
    }),
    sharing("shared_mark", "The mark of a shared extent is 2", "malformed",
      onPage((columns) => setColumn(columns, SHARED_COLUMN, columnOf(columns, SHARED_COLUMN).map((bit) => 2 * bit)))),
    sharing("shared_column_short", "There are fewer marks than extents", "malformed",
      onPage((columns) => setColumn(columns, SHARED_COLUMN, columnOf(columns, SHARED_COLUMN).slice(1)))),
    sharing("shared_column_long", "There are more marks than extents", "malformed",
      onPage((columns) => setColumn(columns, SHARED_COLUMN, joined(columnOf(columns, SHARED_COLUMN), Uint8Array.of(0))))),
  ];
}

const id = (byte: number) => new Uint8Array(16).fill(byte);

/** A case whose chunk table, an honest one of the first two blocks, is changed. */
function table(
  name: string,
  about: string,
  outcomes: Outcomes,
  change: (columns: RawColumns, places: readonly BlockPlace[]) => void = () => {},
  frame: Partial<FrameDraft> = {},
): VectorCase {
  return sharing(name, about, outcomes, (draft) => {
    const places = sealDraft(sharingDraft()).frames;
    const raw = encodeChunkTable([
      { place: places[0] as BlockPlace, lengths: [100, 156], ids: joined(id(1), id(2)) },
      { place: places[1] as BlockPlace, lengths: [44], ids: id(3) },
    ]);
    const type = FRAME_TYPE.chunkTable;
    draft.extra = [{ type, raw: editColumns(raw, (columns) => change(columns, places)), rows: 3, ...frame }];
  });
}

/** A block table of places as they are. */
function blockTable(places: readonly BlockPlace[]): Bytes {
  return encodeChunkTable(places.map((place) => ({ place, lengths: [], ids: new Uint8Array(0) })));
}

function tableCases(): VectorCase[] {
  const bad: Outcomes = ["malformed", "none"];
  const untrue: Outcomes = ["inconsistent", "none"];
  const without = (number: number) => (columns: RawColumns) => {
    columns.splice(columns.findIndex((column) => column.number === number), 1);
  };
  return [
    table("chunks", "A chunk table tells of two blocks", "none"),
    table("chunks_other_ids", "A chunk table has ids that are none: readers leave them alone", "none", (columns) =>
      setColumn(columns, TABLE.ids, joined(id(0), id(0), id(0)))),
    table("chunks_no_blocks", "A chunk table without a block table", bad, without(TABLE.blocks)),
    table("chunks_no_counts", "A chunk table without counts", bad, without(TABLE.counts)),
    table("chunks_no_lengths", "A chunk table without lengths", bad, without(TABLE.lengths)),
    table("chunks_no_ids", "A chunk table without ids", bad, without(TABLE.ids)),
    table("chunks_unknown_column", "A chunk table with a column that is not known", bad, (columns) =>
      setColumn(columns, 5, Uint8Array.of(1))),
    table("chunks_block_without", "A chunk table has a block without chunks", bad, (columns) =>
      setColumn(columns, TABLE.counts, varints(3, 0))),
    table("chunks_fewer", "A chunk table counts fewer chunks than its head says", bad, (columns) => {
      setColumn(columns, TABLE.counts, varints(1, 1));
      setColumn(columns, TABLE.lengths, varints(100, 44));
      setColumn(columns, TABLE.ids, joined(id(1), id(3)));
    }),
    table("chunks_more", "A chunk table counts more chunks than its head says", bad, (columns) => {
      setColumn(columns, TABLE.counts, varints(3, 1));
      setColumn(columns, TABLE.lengths, varints(100, 100, 56, 44));
      setColumn(columns, TABLE.ids, joined(id(1), id(2), id(4), id(3)));
    }),
    table("chunks_none", "A chunk table tells of nothing", bad, (columns) => {
      setColumn(columns, TABLE.blocks, varint(0));
      for (const column of [TABLE.counts, TABLE.lengths, TABLE.ids]) setColumn(columns, column, new Uint8Array(0));
    }, { rows: 0 }),
    table("chunks_empty", "A chunk has no bytes", bad, (columns) => setColumn(columns, TABLE.lengths, varints(0, 156, 44))),
    table("chunks_too_long", "A chunk has 16,385 bytes", bad, (columns) =>
      setColumn(columns, TABLE.lengths, varints(16_385, 156, 44))),
    table("chunks_id_cut", "The last id of a chunk table is cut", bad, (columns) =>
      setColumn(columns, TABLE.ids, joined(id(1), id(2), id(3).subarray(1)))),
    table("chunks_id_left_over", "A chunk table has an id too many", bad, (columns) =>
      setColumn(columns, TABLE.ids, joined(id(1), id(2), id(3), id(4)))),
    table("chunks_falling", "The blocks of a chunk table do not rise", bad, (columns, places) => {
      setColumn(columns, TABLE.blocks, blocksOf([places[1], places[0]]));
      setColumn(columns, TABLE.counts, varints(1, 2));
      setColumn(columns, TABLE.lengths, varints(44, 100, 156));
    }),
    table("chunks_beyond_data", "Chunks go on behind the data of their block", untrue, (columns) =>
      setColumn(columns, TABLE.lengths, varints(101, 156, 44))),
    table("chunks_in_no_block", "A chunk table names a block that is not there", untrue, (columns, places) =>
      setColumn(columns, TABLE.blocks, blocksOf([places[0], { ...(places[1] as BlockPlace), frameBytes: 48 }]))),
    table("chunks_over_limit", "A chunk table of over 131,072 chunks", ["limit", "none"], () => {}, {
      rows: MAX_TABLE_CHUNKS + 1,
    }),
  ];
}

/** The bytes of a block table, taken out of a chunk table. */
function blocksOf(places: readonly (BlockPlace | undefined)[]): Bytes {
  let bytes: Bytes = new Uint8Array(0);
  editColumns(blockTable(places as BlockPlace[]), (columns) => {
    bytes = columnOf(columns, TABLE.blocks);
  });
  return bytes;
}

/** All of them. */
export function sharingCases(): VectorCase[] {
  return [...extentCases(), ...tableCases()];
}
