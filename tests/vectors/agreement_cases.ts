/** Vectors about copies of one fact: blocks and catalog, catalog and index, content and trailer. */
import type { Bytes } from "../../src/engine/engine.ts";
import type { BlockEntry } from "../../src/format/block.ts";
import type { Row, Slice } from "../../src/format/row.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import type { Totals } from "../../src/format/tables.ts";
import { type Draft, draftOf, type PageEntryDraft, type SealedArchive, sealDraft } from "../archive/archive_draft.ts";
import { editColumns, type RawColumns, setColumn, sized, varint, varints, zigzag } from "../archive/raw_columns.ts";
import { directory, file, row, utf8 } from "../archive/sample_tree.ts";
import { joined } from "../archive/archive_draft.ts";
import { changed, type Outcome, type VectorCase } from "./vector_case.ts";

type Outcomes = Outcome | readonly [stream: Outcome, seek: Outcome];

/** Changes the catalog's entry of one path. */
function onPageEntry(draft: Draft, path: string, change: (entry: PageEntryDraft) => PageEntryDraft): void {
  for (const page of [...draft.pages, ...draft.orphans]) {
    page.entries = page.entries.map((entry) => entry.row.path === path ? change(entry) : entry);
  }
}

/** Changes the entries of the blocks that have one path. */
function onBlockEntry(draft: Draft, path: string, change: (entry: BlockEntry) => BlockEntry[]): void {
  for (const block of draft.blocks) {
    block.entries = block.entries.flatMap((entry) => entry.row.path === path ? change(entry) : [entry]);
  }
}

const other = (row: Row): Row => ({ ...row, mode: 0o600 });

function blockCases(): VectorCase[] {
  return [
    changed("disagree_row", "A file's row in its block has another mode than in the catalog", "inconsistent", (draft) =>
      onPageEntry(draft, "c.txt", (entry) => ({ ...entry, row: other(entry.row) }))),
    changed(
      "disagree_row_in_last_block",
      "The row in the last block of a file of two has another mode than in the catalog",
      "inconsistent",
      (draft) => onPageEntry(draft, "a/b.txt", (entry) => ({ ...entry, row: other(entry.row) })),
    ),
    changed(
      "disagree_row_without_content",
      "A directory's row in its block has another mode; random access does not read that block for it",
      ["inconsistent", "none"],
      (draft) => onPageEntry(draft, "a", (entry) => ({ ...entry, row: other(entry.row) })),
    ),
    changed("disagree_slice_of_another", "The catalog gives a file the bytes of another file", "inconsistent", (draft) =>
      onPageEntry(draft, "c.txt", (entry) => ({
        ...entry,
        extents: entry.extents.map((extent) => ({ ...extent, dataOffset: 0 })),
      }))),
    changed("disagree_slice_shorter", "The catalog gives a file fewer bytes than its slice has", "inconsistent", (draft) =>
      onPageEntry(draft, "c.txt", (entry) => ({
        ...entry,
        extents: entry.extents.map((extent) => ({ ...extent, length: extent.length - 1 })),
      }))),
    changed("disagree_slice_moved", "The catalog places a slice later in the file", "inconsistent", (draft) => {
      onPageEntry(draft, "c.txt", (entry) => ({
        ...entry,
        row: { ...entry.row, size: 100 },
        extents: entry.extents.map((extent) => ({ ...extent, fileOffset: 1 })),
      }));
      onBlockEntry(draft, "c.txt", (entry) => [{ ...entry, row: { ...entry.row, size: 100 } }]);
    }),
    changed("disagree_slices_fall", "A file's second slice stands in the block before its first", ["inconsistent", "none"], (draft) => {
      const length = draft.blocks[0]?.data.length as number;
      const begins = (slice: Slice) => ({ ...slice, fileOffset: slice.fileOffset === 0 ? 300 - length : 0 });
      onBlockEntry(draft, "a/b.txt", (entry) => [{ ...entry, slices: entry.slices.map(begins) }]);
      onPageEntry(draft, "a/b.txt", (entry) => ({
        ...entry,
        extents: entry.extents.map((extent) => ({ ...extent, ...begins(extent) })).reverse(),
      }));
    }),
    changed("disagree_extent_dropped", "The catalog lacks a file's first slice", ["inconsistent", "none"], (draft) =>
      onPageEntry(draft, "a/b.txt", (entry) => ({ ...entry, extents: entry.extents.slice(1) }))),
    changed("disagree_not_in_catalog", "A block has an entry that no page has", ["inconsistent", "none"], (draft) => {
      draft.pages = draft.pages.map((page) => ({ ...page, entries: page.entries.filter(({ row }) => row.path !== "d") }));
    }),
    changed("disagree_not_in_blocks", "The catalog has an entry that no block has", ["inconsistent", "none"], (draft) =>
      onBlockEntry(draft, "d", () => [])),
    changed("disagree_twice_in_blocks", "Two blocks have one directory's row", ["inconsistent", "none"], (draft) =>
      draft.blocks[1]?.entries.push({ row: directory("a").row, provisional: false, slices: [] })),
    changed(
      "disagree_row_never_final",
      "No block has the final row of a file",
      ["inconsistent", "none"],
      (draft) =>
        onBlockEntry(draft, "c.txt", (entry) => [{ ...entry, row: provisionalRow("c.txt", "file"), provisional: true }]),
    ),
    changed("provisional_in_catalog", "The catalog has a provisional row", "malformed", (draft) =>
      onPageEntry(draft, "c.txt", (entry) => ({ ...entry, provisional: true }))),
    changed("disagree_block_offset", "An extent names its block with another offset", ["inconsistent", "damaged"], (draft) =>
      elsewhere(draft, (offset, frameBytes) => ({ offset: offset + 16, frameBytes }))),
    changed("disagree_block_length", "An extent names its block with another length", "inconsistent", (draft) =>
      elsewhere(draft, (offset, frameBytes) => ({ offset, frameBytes: frameBytes + 16 }))),
  ];
}

/** Names every block of the page with another place. */
function elsewhere(
  draft: Draft,
  change: (offset: number, frameBytes: number) => { offset: number; frameBytes: number },
): void {
  const { frames } = sealDraft(draft);
  for (const page of draft.pages) {
    page.entries = page.entries.map((entry) => ({
      ...entry,
      extents: entry.extents.map((extent) => {
        const place = frames[extent.block as number];
        if (place === undefined) throw new Error("Cannot place an extent: no such block");
        return { ...extent, block: { frame: place.frame, ...change(place.offset, place.frameBytes) } };
      }),
    }));
  }
}

/** Archives with a file that failed half-way: its first slice is in a block and nowhere in the catalog. */
function orphanCases(): VectorCase[] {
  const orphan = (draft: Draft, path = "gone") => {
    const slices = [{ fileOffset: 0, length: 5, dataOffset: 0 }];
    const block = draft.blocks.length;
    draft.blocks.push({
      entries: [{ row: provisionalRow("gone", "file"), provisional: true, slices }],
      data: utf8("lost!"),
    });
    draft.orphans = [{
      continues: false,
      entries: [{
        row: provisionalRow(path, "file"),
        provisional: true,
        extents: slices.map((slice) => ({ ...slice, block })),
      }],
    }];
  };
  return [
    changed("orphan", "A file's first slice is listed in an orphan page, because the rest could not be read", "none", (draft) =>
      orphan(draft)),
    changed("orphan_unlisted", "A slice is in neither catalog nor orphan page", ["inconsistent", "none"], (draft) => {
      orphan(draft);
      draft.orphans = [];
    }),
    changed("orphan_of_another_path", "An orphan page names a slice by another path", ["inconsistent", "none"], (draft) =>
      orphan(draft, "other")),
    changed("orphan_and_catalog", "An entry stands in the catalog and in an orphan page", ["inconsistent", "none"], (draft) => {
      draft.orphans = [{ continues: false, entries: [{ row: directory("a").row, provisional: false, extents: [] }] }];
    }),
    changed("orphan_without_extents", "A provisional row of an orphan page has no extents", ["malformed", "none"], (draft) => {
      draft.orphans = [{
        continues: false,
        entries: [{ row: provisionalRow("gone", "file"), provisional: true, extents: [] }],
      }];
    }),
    changed("orphan_pages", "Two orphan pages rise", "none", (draft) => twoOrphanPages(draft, ["gone", "lost"])),
    changed("orphan_pages_falling", "The second orphan page begins before the first one ends", ["unsafe", "none"], (draft) =>
      twoOrphanPages(draft, ["lost", "gone"])),
    changed("orphan_page_before_page", "An orphan page stands before the catalog's page", ["malformed", "none"], (draft) => {
      orphan(draft);
      draft.onFrame = (frame, name) =>
        name === "page" ? [{ type: 3, raw: new Uint8Array(0) }, frame] : frame;
    }),
  ];
}

/** Two files that were broken off, each with an orphan page of its own. */
function twoOrphanPages(draft: Draft, paths: readonly string[]): void {
  const lost = utf8("lost!");
  const start = draft.blocks.length;
  for (const path of paths) {
    const slices = [{ fileOffset: 0, length: lost.length, dataOffset: 0 }];
    draft.blocks.push({ entries: [{ row: provisionalRow(path, "file"), provisional: true, slices }], data: lost });
  }
  draft.orphans = paths.map((path, i) => ({
    continues: false,
    entries: [{
      row: provisionalRow(path, "file"),
      provisional: true,
      extents: [{ fileOffset: 0, length: lost.length, dataOffset: 0, block: start + i }],
    }],
  }));
}

/** A file over two blocks whose places fill two pages. */
function continuedDraft(change: (draft: Draft) => void): SealedArchive {
  const draft = draftOf([file("x", "0123456789")], 5);
  draft.state = "streamed";
  const [entry] = draft.pages[0]?.entries ?? [];
  if (entry === undefined) throw new Error("Cannot continue a row: there is none");
  draft.pages = entry.extents.map((extent, i) => ({ continues: i > 0, entries: [{ ...entry, extents: [extent] }] }));
  change(draft);
  return sealDraft(draft);
}

/** Two files in blocks of five bytes, whose entries are put into any blocks: `x0` is the first slice of x. */
function interleaved(name: string, about: string, order: readonly (readonly string[])[]): VectorCase {
  const draft = draftOf([file("x", "0123456789"), file("y", "abcdefghij")], 5);
  draft.state = "streamed";
  const slices = new Map<string, { entry: BlockEntry; data: Bytes; number: number }>();
  draft.blocks.forEach(({ entries: [entry], data }, number) => {
    if (entry !== undefined) slices.set(`${entry.row.path}${number % 2}`, { entry, data, number });
  });
  const places = new Map<number, number>();
  draft.blocks = order.map((names, block) => {
    const chosen = names.flatMap((name) => slices.get(name) ?? []);
    for (const { number } of chosen) places.set(number, block);
    return { entries: chosen.map(({ entry }) => entry), data: joined(...chosen.map(({ data }) => data)) };
  });
  for (const page of draft.pages) {
    page.entries = page.entries.map((entry) => ({
      ...entry,
      extents: entry.extents.map((extent) => ({ ...extent, block: places.get(extent.block as number) as number })),
    }));
  }
  return { name, about, bytes: sealDraft(draft).bytes, stream: "inconsistent", seek: "none" };
}

function continuedCases(): VectorCase[] {
  const make = (
    name: string,
    about: string,
    outcomes: Outcomes,
    change: (draft: Draft) => void = () => {},
    more: Partial<VectorCase> = {},
  ): VectorCase => {
    const [stream, seek] = typeof outcomes === "string" ? [outcomes, outcomes] : outcomes;
    return { name: `continued_${name}`, about, bytes: continuedDraft(change).bytes, stream, seek, ...more };
  };
  const second = (change: (entry: PageEntryDraft) => PageEntryDraft) => (draft: Draft) => {
    const page = draft.pages[1];
    if (page !== undefined) page.entries = page.entries.map(change);
  };
  return [
    make("whole", "One row's places fill two pages", "none"),
    make("and_more", "The last of one row's pages has another row too", "malformed", (draft) => {
      draft.blocks[1]?.entries.push({ ...directory("y"), provisional: false, slices: [] });
      draft.pages[1]?.entries.push({ ...directory("y"), provisional: false, extents: [] });
    }, { released: { seek: utf8("01234") } }),
    make("mid_page", "A row that goes on in the next page is not the only one of its page", "malformed", (draft) => {
      draft.blocks[0]?.entries.unshift({ ...directory("a"), provisional: false, slices: [] });
      draft.pages[0]?.entries.unshift({ ...directory("a"), provisional: false, extents: [] });
    }, { released: { seek: utf8("01234") } }),
    make("unmarked", "The second page of one row does not say that it continues it", "unsafe", (draft) => {
      if (draft.pages[1] !== undefined) draft.pages[1].continues = false;
    }),
    make("other_path", "The second page continues another path", "malformed", second((entry) => ({ ...entry, row: row("y", "file", { size: 10 }) }))),
    make("other_row", "The second page continues the row with another mode", "malformed", second((entry) => ({ ...entry, row: other(entry.row) }))),
    make("overlap", "The second page of one row gives bytes that the first has given", "malformed", (draft) => {
      second((entry) => ({ ...entry, extents: entry.extents.map((extent) => ({ ...extent, fileOffset: 3 })) }))(draft);
      onBlockEntry(draft, "x", (entry) =>
        [entry.provisional ? entry : { ...entry, slices: entry.slices.map((slice) => ({ ...slice, fileOffset: 3 })) }]);
    }, { released: { seek: utf8("01234") } }),
    make("again", "The second page of one row gives its first extent again", ["malformed", "malformed"], (draft) => {
      const [first] = draft.pages;
      if (first !== undefined) draft.pages[1] = { continues: true, entries: first.entries };
    }, { released: { seek: utf8("01234") } }),
  ];
}

function indexCases(): VectorCase[] {
  const index = (name: string, about: string, outcomes: Outcomes, edit: (columns: RawColumns) => void) =>
    changed(`index_${name}`, about, outcomes, (draft) => {
      draft.onFrame = (frame, is) => is === "index" ? { ...frame, raw: editColumns(frame.raw, edit) } : frame;
    });
  return [
    index("first_path", "The index names another first path", "inconsistent", (columns) => setColumn(columns, 1, joined(varint(0), sized(utf8("!"))))),
    index("rows", "The index counts other rows than the page has", "inconsistent", (columns) => setColumn(columns, 4, varint(5))),
    index("rows_0", "The index counts no rows in a page", "malformed", (columns) => setColumn(columns, 4, varint(0))),
    index("length", "The index gives a page another length", "inconsistent", (columns) => setColumn(columns, 3, varint(96))),
    index("frame", "The index gives a page another number", ["inconsistent", "damaged"], (columns) => setColumn(columns, 2, joined(varint(1), columnTail(columns)))),
    index("path_unsafe", "The index has an unsafe first path", "unsafe", (columns) => setColumn(columns, 1, joined(varint(0), sized(utf8("../x"))))),
    index("beyond_body", "The index places a page behind the longest body", "malformed", (columns) => setColumn(columns, 2, varints(2, 2 ** 53 - 1))),
    index("beyond_end", "The index places a page behind the archive's end", "malformed", (columns) => setColumn(columns, 2, varints(2, 2 ** 40))),
    index("no_paths", "The index has no first paths", "malformed", (columns) => columns.splice(0, 1)),
    changed("index_pages_missing", "The index counts no pages", ["inconsistent", "inconsistent"], (draft) => draft.onIndex = () => []),
    changed("index_page_too_many", "The index names a block as a page too", "inconsistent", (draft) => {
      const block = sealDraft(draft).frames[1];
      if (block === undefined) throw new Error("Cannot index a block: there is none");
      draft.onIndex = (pages) => [
        { ...block, firstPath: ".", rows: 6 },
        ...pages.map((page) => ({ ...page, firstPath: "z" })),
      ];
    }),
    changed("index_pages_beyond_end", "The index has two pages behind the archive's end", "malformed", (draft) => {
      draft.onIndex = (pages) =>
        pages.flatMap((page) => [page, { ...page, firstPath: "z" }].map((one) => ({ ...one, offset: 2 ** 40 })));
      draft.onTrailer = (trailer) => ({ ...trailer, pages: 2 });
    }),
  ];
}

/** The page's offset, as it stands behind its number in the start column. */
function columnTail(columns: RawColumns) {
  return columns.find(({ number }) => number === 2)?.bytes.subarray(1) ?? varint(0);
}

function trailerCases(): VectorCase[] {
  const totals = (name: keyof Totals) =>
    changed(`trailer_${name}`, `The trailer counts ${name} wrong`, ["inconsistent", "none"], (draft) =>
      draft.onTrailer = (trailer) => ({ ...trailer, totals: { ...trailer.totals, [name]: trailer.totals[name] + 1 } }));
  const column = (name: string, about: string, edit: (columns: RawColumns) => void) =>
    changed(`trailer_${name}`, about, "malformed", (draft) => {
      draft.onFrame = (frame, is) => is === "trailer" ? { ...frame, raw: editColumns(frame.raw, edit) } : frame;
    });
  return [
    totals("files"),
    totals("directories"),
    totals("symlinks"),
    totals("hardlinks"),
    totals("fifos"),
    totals("bytes"),
    changed("trailer_blocks", "The trailer counts blocks wrong", ["inconsistent", "none"], (draft) =>
      draft.onTrailer = (trailer) => ({ ...trailer, blocks: 3 })),
    changed("trailer_pages", "The trailer counts pages wrong", "inconsistent", (draft) =>
      draft.onTrailer = (trailer) => ({ ...trailer, pages: 2 })),
    changed("trailer_orphan_pages", "The trailer counts orphan pages wrong", ["inconsistent", "none"], (draft) =>
      draft.onTrailer = (trailer) => ({ ...trailer, orphanPages: 1 })),
    changed("trailer_index", "The trailer places the index elsewhere", "inconsistent", (draft) =>
      draft.onTrailer = (trailer) => ({ ...trailer, index: { ...trailer.index, offset: 32 } })),
    changed("trailer_whole", "The trailer has a label of 1024 bytes, a writer of 255 and a time before 1970", "none", (draft) =>
      draft.onTrailer = (trailer) => ({
        ...trailer,
        label: "\u00e9".repeat(512),
        writer: "w".repeat(255),
        time: { seconds: -1, nanoseconds: 999_999_999 },
        partial: true,
      })),
    changed("trailer_label_1025", "The trailer's label has 1025 bytes", "malformed", (draft) =>
      draft.onTrailer = (trailer) => ({ ...trailer, label: "x".repeat(1025) })),
    changed("trailer_writer_256", "The trailer's writer has 256 bytes", "malformed", (draft) =>
      draft.onTrailer = (trailer) => ({ ...trailer, writer: "x".repeat(256) })),
    changed("trailer_nanoseconds", "The trailer's time has 10^9 nanoseconds", "malformed", (draft) =>
      draft.onTrailer = (trailer) => ({ ...trailer, time: { seconds: 0, nanoseconds: 1_000_000_000 } })),
    column("time_too_late", "The trailer's time is in the year 10000", (columns) =>
      setColumn(columns, 1, joined(zigzag(253_402_300_800), varint(0)))),
    column("no_time", "The trailer has no time", (columns) => columns.splice(0, 1)),
    column("flags", "The trailer has an unknown flag", (columns) => setColumn(columns, 6, varint(8))),
    column("unknown", "The trailer has an unknown column that may not be passed over", (columns) =>
      setColumn(columns, 9, varint(2))),
  ];
}

/** All vectors about agreement. */
export function agreementCases(): VectorCase[] {
  const interleavedCases = [
    interleaved("files_interleaved", "A file's blocks stand between another's", [["x0"], ["y0"], ["x1"], ["y1"]]),
    interleaved("file_after_its_full_row", "A slice of a file stands behind its full row", [["x1"], ["x0"], ["y0"], ["y1"]]),
  ];
  return [...interleavedCases, ...blockCases(), ...orphanCases(), ...continuedCases(), ...indexCases(), ...trailerCases()];
}
