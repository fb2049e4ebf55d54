/** Vectors about paths, rows, column sets, blocks and pages. */
import type { Bytes } from "../../src/engine/engine.ts";
import type { EntryKind, Row } from "../../src/format/row.ts";
import { MAX_DECODED_STRING_BYTES, MAX_PAGE_BYTES, MAX_TIME_SECONDS, MIN_TIME_SECONDS } from "../../src/format/limits.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { type Draft, draftOf, type Item, joined, sealDraft } from "../archive/archive_draft.ts";
import {
  editBlockColumns,
  editColumns,
  joinColumns,
  type RawColumns,
  rawBlock,
  setColumn,
  sized,
  varint,
  varints,
  zigzag,
} from "../archive/raw_columns.ts";
import { directory, file, row, utf8 } from "../archive/sample_tree.ts";
import { changed, type Outcome, type VectorCase } from "./vector_case.ts";

type Outcomes = Outcome | readonly [stream: Outcome, seek: Outcome];

/** Column numbers (FORMAT.md, "Rows", "Blocks" and "Pages"). */
const COLUMN = {
  paths: 1,
  kinds: 2,
  flags: 3,
  modes: 4,
  sizes: 5,
  mtimeSeconds: 6,
  mtimeNanoseconds: 7,
  inodes: 10,
  ownerTable: 11,
  owners: 12,
  links: 13,
  contentHashes: 14,
  sliceCounts: 20,
  slices: 21,
  pageBlocks: 24,
  extentCounts: 25,
  extents: 26,
  continues: 27,
};

/** A case with a tree of its own. */
function tree(
  name: string,
  about: string,
  outcomes: Outcomes,
  items: readonly Item[],
  change: (draft: Draft) => void = () => {},
): VectorCase {
  const draft = draftOf(items);
  draft.state = "streamed";
  change(draft);
  const [stream, seek] = typeof outcomes === "string" ? [outcomes, outcomes] : outcomes;
  return { name, about, bytes: sealDraft(draft).bytes, stream, seek };
}

/** Changes the columns of every block and page, so that the two agree. */
function onRows(edit: (columns: RawColumns) => void): (draft: Draft) => void {
  return (draft) => {
    draft.onFrame = (frame, name) => {
      if (name === "block") return { ...frame, raw: editBlockColumns(frame.raw, edit) };
      return name === "page" ? { ...frame, raw: editColumns(frame.raw, edit) } : frame;
    };
  };
}

const set = (number: number, bytes: Bytes) => onRows((columns) => setColumn(columns, number, bytes));

/** A path of so many bytes, in parts of 100. */
function longPath(length: number): string {
  return `${"p".repeat(99)}/`.repeat(Math.ceil(length / 100)).slice(0, length - 1) + "x";
}

function pathCases(): VectorCase[] {
  const path = (name: string, about: string, outcome: Outcome, path: string) =>
    tree(`path_${name}`, about, outcome, [directory("."), file(path, "x")]);
  return [
    path("parent", "A path is `..`", "unsafe", ".."),
    path("parent_first", "A path begins with `../`", "unsafe", "../x"),
    path("parent_inside", "A path has a part `..`", "unsafe", "a/../b"),
    path("absolute", "A path is absolute", "unsafe", "/etc/passwd"),
    path("empty", "A path is empty", "unsafe", ""),
    path("empty_part", "A path has an empty part", "unsafe", "a//b"),
    path("slash_last", "A path ends in `/`", "unsafe", "a/"),
    path("dot_first", "A path begins with `./`", "unsafe", "./a"),
    path("dot_inside", "A path has a part `.`", "unsafe", "a/./b"),
    path("nul", "A path holds a NUL", "unsafe", "a\0b"),
    path("4096", "A path has 4096 bytes", "none", longPath(4096)),
    path("4097", "A path has 4097 bytes", "malformed", longPath(4097)),
    path("part_255", "A part of a path has 255 bytes", "none", "a/" + "\u00e9".repeat(127) + "x"),
    path("part_256", "A part of a path has 256 bytes", "unsafe", "a/" + "\u00e9".repeat(128)),
    path("controls", "A path has line feeds, quotes, a byte order mark and a right-to-left override", "none", "\ufeffa\n\"'\u202e"),
    path("backslash", "A path has a backslash and a colon", "none", "c:\\windows"),
    tree("path_not_utf8", "A path is not UTF-8", "malformed", [file("x", "x")], set(COLUMN.paths, Uint8Array.of(0, 1, 0xff))),
    tree("path_surrogate", "A path holds an encoded surrogate", "malformed", [file("x", "x")], set(
      COLUMN.paths,
      Uint8Array.of(0, 3, 0xed, 0xa0, 0x80),
    )),
    tree("path_shared_too_long", "A path shares more bytes than the one before has", "malformed", [file("x", "x")], set(
      COLUMN.paths,
      Uint8Array.of(1, 1, 0x79),
    )),
    tree("root_file", "The root is a file", "malformed", [file(".", "x")]),
    tree("root_symlink", "The root is a symlink", "malformed", [{ row: row(".", "symlink", { link: "/" }) }]),
  ];
}

function orderCases(): VectorCase[] {
  const order = (name: string, about: string, outcome: Outcomes, items: readonly Item[], change?: (draft: Draft) => void) =>
    tree(`rows_${name}`, about, outcome, items, change);
  // A path that stands twice in one block is refused for that.
  const twoBlocks = (draft: Draft) => {
    draft.blocks = draft.blocks.flatMap(({ entries, data }) => entries.map((entry) => ({ entries: [entry], data })));
  };
  const twoPages = (draft: Draft, at: number) => {
    const [page] = draft.pages;
    if (page !== undefined) draft.pages.push({ entries: page.entries.splice(at), continues: false });
  };
  return [
    order("falling", "Two rows of the catalog fall", "unsafe", [file("b", "x"), file("a", "y")]),
    order("twice", "A path stands twice in the catalog", "unsafe", [directory("a"), directory("a")], twoBlocks),
    order("twice_in_two_pages", "A path stands twice in the catalog, in two pages", "unsafe", [
      directory("a"),
      directory("a"),
    ], (draft) => {
      twoBlocks(draft);
      twoPages(draft, 1);
    }),
    order("falling_between_pages", "The second page begins before the first one ends", "unsafe", [
      file("a", "x"),
      file("c", "y"),
      file("b", "z"),
    ], (draft) => twoPages(draft, 2)),
    order("falling_first_paths", "The second page begins before the first one", ["unsafe", "malformed"], [
      file("b", "x"),
      file("a", "y"),
    ], (draft) => twoPages(draft, 1)),
    order("slash_is_lowest", "`a/b` comes before `a-b`", "none", [directory("a"), file("a/b", "x"), file("a-b", "y")]),
    order("slash_is_not_2f", "`a-b` stands before `a/b`, as bytes alone would have it", "unsafe", [
      directory("a"),
      file("a-b", "x"),
      file("a/b", "y"),
    ]),
    order("code_points", "U+FF61 comes before U+1F600, unlike in UTF-16", "none", [
      file("\uff61", "x"),
      file("\u{1f600}", "y"),
    ]),
    order("utf_16", "U+1F600 stands before U+FF61, as UTF-16 would have it", "unsafe", [
      file("\u{1f600}", "x"),
      file("\uff61", "y"),
    ]),
    order("root_first", "The root comes before all, `!` included", "none", [directory("."), file("!", "x"), file(".a", "y")]),
    order("root_not_first", "The root stands behind `!`", "unsafe", [file("!", "x"), directory(".")]),
    order("below_file", "A row lies below a file", "unsafe", [file("a", "x"), file("a/b", "y")]),
    order("below_symlink", "A row lies below a symlink", "unsafe", [
      { row: row("a", "symlink", { link: "/tmp" }) },
      file("a/b", "y"),
    ]),
    order("below_hardlink", "A row lies below a hardlink", "unsafe", [
      file("a", "x"),
      { row: row("b", "hardlink", { link: "a" }) },
      file("b/c", "y"),
    ]),
    order("below_fifo_in_next_page", "A row lies below a FIFO at the end of the page before", "unsafe", [
      { row: row("a", "fifo") },
      file("a/b", "y"),
    ], (draft) => twoPages(draft, 1)),
    order("without_parents", "A row's folders have no rows", "none", [file("a/b/c", "x")]),
  ];
}

function fieldCases(): VectorCase[] {
  const field = (name: string, about: string, outcome: Outcome, more: Partial<Row>, kind: EntryKind = "file") =>
    tree(`row_${name}`, about, outcome, [
      kind === "file" ? file("x", "content", more) : { row: row("x", kind, more) },
    ]);
  const raw = (name: string, about: string, outcome: Outcome, number: number, bytes: Bytes) =>
    tree(`row_${name}`, about, outcome, [file("x", "content")], set(number, bytes));
  return [
    field("kind_0", "A row's kind is 0", "malformed", {}, "socket" as EntryKind),
    raw("kind_6", "A row's kind is 6", "malformed", COLUMN.kinds, Uint8Array.of(6)),
    raw("flags_4", "A row has an unknown flag", "malformed", COLUMN.flags, Uint8Array.of(4)),
    field("mode_7777", "A row has all mode bits", "none", { mode: 0o7777 }),
    field("mode_10000", "A row has a mode bit too many", "malformed", { mode: 0o10000 }),
    field("directory_size", "A directory has a size", "malformed", { size: 1 }, "directory"),
    field("link_on_file", "A file has a link target", "malformed", { link: "y" }),
    field("symlink_empty", "A symlink has no target", "malformed", {}, "symlink"),
    field("symlink_nul", "A symlink's target holds a NUL", "malformed", { link: "a\0b" }, "symlink"),
    field("symlink_parent", "A symlink's target leads out of the archive, which is its user's business", "none", {
      link: "../../etc/passwd",
    }, "symlink"),
    field("symlink_4096", "A symlink's target has 4096 bytes", "none", { link: "t".repeat(4096) }, "symlink"),
    field("symlink_4097", "A symlink's target has 4097 bytes", "malformed", { link: "t".repeat(4097) }, "symlink"),
    field("hardlink_self", "A hardlink names itself", "unsafe", { link: "x" }, "hardlink"),
    field("hardlink_parent", "A hardlink's target leads out of the archive", "unsafe", { link: "../y" }, "hardlink"),
    field("hardlink_absolute", "A hardlink's target is absolute", "unsafe", { link: "/etc/passwd" }, "hardlink"),
    field("hardlink_empty", "A hardlink has no target", "unsafe", { link: "" }, "hardlink"),
    field("mtime_earliest", "A modification time is the earliest there is", "none", {
      mtime: { seconds: MIN_TIME_SECONDS, nanoseconds: 0 },
    }),
    field("mtime_too_early", "A modification time is a second too early", "malformed", {
      mtime: { seconds: MIN_TIME_SECONDS - 1, nanoseconds: 0 },
    }),
    field("mtime_latest", "A modification time is the latest there is", "none", {
      mtime: { seconds: MAX_TIME_SECONDS, nanoseconds: 999_999_999 },
    }),
    field("mtime_too_late", "A modification time is a second too late", "malformed", {
      mtime: { seconds: MAX_TIME_SECONDS + 1, nanoseconds: 0 },
    }),
    field("ctime_too_late", "A status change is a second too late", "malformed", { ctime: MAX_TIME_SECONDS + 1 }),
    raw("nanoseconds_too_many", "A time has 10^9 nanoseconds", "malformed", COLUMN.mtimeNanoseconds, varints(9, 1)),
    raw("nanoseconds_exponent", "The exponent of nanoseconds is 10", "malformed", COLUMN.mtimeNanoseconds, varints(10, 0)),
    raw("inode_negative", "An inode is negative", "malformed", COLUMN.inodes, zigzag(-1)),
    raw("size_2_53", "A size is 2^53", "malformed", COLUMN.sizes, Uint8Array.of(128, 128, 128, 128, 128, 128, 128, 16)),
    raw("size_nine_bytes", "A size has nine bytes", "malformed", COLUMN.sizes, varint(7, 9)),
    raw("size_overlong", "A size is not in its shortest form", "malformed", COLUMN.sizes, varint(7, 2)),
    raw("size_too_small", "A file's bytes go beyond its size", "malformed", COLUMN.sizes, varint(6)),
    raw("owner_unknown", "A row has an owner who is not in the table", "malformed", COLUMN.owners, varint(2)),
    raw("owner_name_256", "An owner's name has 256 bytes", "malformed", COLUMN.ownerTable, joined(
      varints(1, 0, 0),
      sized(utf8("u".repeat(256))),
      sized(utf8("")),
    )),
    raw("owners_too_many", "The owner table counts more owners than it has bytes", "malformed", COLUMN.ownerTable, varint(2 ** 40)),
    raw("hash_mark_2", "A content hash is marked 2", "malformed", COLUMN.contentHashes, new Uint8Array(33).fill(2)),
    raw("hash_short", "A content hash has 31 bytes", "malformed", COLUMN.contentHashes, new Uint8Array(32).fill(1)),
    field("hardlink_root", "A hardlink names the root", "unsafe", { link: "." }, "hardlink"),
    tree("row_inode_2_52", "The differences of inodes add up to 2^52", "malformed", [
      file("x", "content", { inode: 2 ** 52 - 1 }),
      file("y", "content", { inode: 2 ** 52 }),
    ]),
    tree("row_inode_largest", "An inode is 2^52 - 1", "none", [file("x", "content", { inode: 2 ** 52 - 1 })]),
    raw("owners_more_than_rows", "The owner table has more owners than there are rows", "malformed", COLUMN.ownerTable, varints(2, 1, 1, 0, 0, 2, 2, 0, 0)),
    tree("row_provisional_mode", "A provisional row has a mode", "malformed", [file("x", "a".repeat(5000))], (draft) => {
      draft.onFrame = (frame, name, index) =>
        name === "block" && index === 0
          ? { ...frame, raw: editBlockColumns(frame.raw, (columns) => setColumn(columns, COLUMN.modes, varint(1))) }
          : frame;
    }),
    tree("row_provisional_directory", "A directory's row is provisional", "malformed", [directory("x")], set(
      COLUMN.flags,
      Uint8Array.of(2),
    )),
  ];
}

function columnCases(): VectorCase[] {
  const column = (name: string, about: string, outcome: Outcomes, edit: (columns: RawColumns) => void) =>
    tree(`columns_${name}`, about, outcome, [file("x", "content")], onRows(edit));
  const skippable = (draft: Draft) => {
    draft.onFrame = (frame, name) => {
      const edit = (columns: RawColumns) => setColumn(columns, 0xfe, utf8("from a later version"));
      if (name === "block") return { ...frame, raw: editBlockColumns(frame.raw, edit) };
      return name === "page" || name === "index" || name === "trailer"
        ? { ...frame, raw: editColumns(frame.raw, edit) }
        : frame;
    };
  };
  return [
    changed("columns_skippable", "Unknown columns that may be passed over stand everywhere", "none", skippable),
    column("unknown", "An unknown column may not be passed over", "malformed", (columns) => setColumn(columns, 30, Uint8Array.of(1))),
    column("falling", "Two columns have changed places", "malformed", (columns) => columns.unshift(...columns.splice(1, 1))),
    column("twice", "A column stands twice", "malformed", (columns) => columns.splice(1, 0, ...columns.slice(0, 1))),
    column("no_paths", "There are no paths", "malformed", (columns) => columns.splice(0, 1)),
    column("no_kinds", "There are no kinds", "malformed", (columns) => columns.splice(1, 1)),
    column("left_over", "A column has a byte too many", "malformed", (columns) => setColumn(columns, COLUMN.modes, varints(420, 0))),
    column("empty", "A column is there and has no bytes", "malformed", (columns) => setColumn(columns, COLUMN.modes, new Uint8Array(0))),
    column("short", "A column is a byte short", "malformed", (columns) => setColumn(columns, COLUMN.modes, Uint8Array.of(0x80))),
    tree("columns_cut", "The last column is longer than the bytes that are left", "malformed", [file("x", "content")], (draft) => {
      draft.onFrame = (frame, name) => name === "page" ? { ...frame, raw: frame.raw.subarray(0, frame.raw.length - 1) } : frame;
    }),
  ];
}

function blockCases(): VectorCase[] {
  const raw = (name: string, about: string, change: (raw: Bytes) => Bytes, rows?: number) =>
    tree(`block_${name}`, about, "malformed", [file("x", "content")], (draft) => {
      draft.onFrame = (frame, is) =>
        is === "block" ? { ...frame, raw: change(frame.raw), rows: rows ?? frame.rows ?? 0 } : frame;
    });
  const slices = (name: string, about: string, ...values: readonly number[]) =>
    raw(name, about, (raw) => editBlockColumns(raw, (columns) => setColumn(columns, COLUMN.slices, varints(...values))));
  return [
    raw("short", "A block has three bytes", () => new Uint8Array(3)),
    raw("rows_too_long", "A block's rows are longer than the block", (raw) => raw.map((byte, i) => i === 0 ? 1 : byte)),
    raw("no_rows_but_data", "A block has data and no rows", () => rawBlock(new Uint8Array(0), utf8("content")), 0),
    raw("data_left_over", "A block has data that belongs to no slice", (raw) => joined(raw, utf8("x"))),
    raw("data_short", "A slice lies outside the block's data", (raw) => raw.subarray(0, raw.length - 1)),
    slices("slice_empty", "A slice has no bytes", 0, 0),
    slices("slice_beyond_size", "A slice goes beyond the file's size", 1, 7),
    slices("slice_beyond_2_53", "A slice ends behind 2^53", 2 ** 53 - 1, 7),
    raw("slices_missing", "A row has a slice that is not there", (raw) =>
      editBlockColumns(raw, (columns) => columns.splice(columns.findIndex(({ number }) => number === COLUMN.slices), 1))),
    raw("slices_of_directory", "A directory has a slice", (raw) =>
      editBlockColumns(raw, (columns) => {
        setColumn(columns, COLUMN.kinds, Uint8Array.of(2));
        columns.splice(columns.findIndex(({ number }) => number === COLUMN.sizes), 1);
      })),
    tree("block_path_twice", "A path stands twice in a block", "malformed", [file("x", "content")], (draft) => {
      const [block] = draft.blocks;
      const [entry] = block?.entries ?? [];
      if (block === undefined || entry === undefined) throw new Error("Cannot double an entry: there is none");
      const slice = { fileOffset: 0, dataOffset: 0 };
      block.entries = [
        { row: provisionalRow("x", "file"), provisional: true, slices: [{ ...slice, length: 3 }] },
        { ...entry, slices: [{ fileOffset: 3, length: 4, dataOffset: 3 }] },
      ];
      for (const page of draft.pages) {
        page.entries = page.entries.map((entry) => ({
          ...entry,
          extents: [{ ...slice, length: 3, block: 0 }, { fileOffset: 3, length: 4, dataOffset: 3, block: 0 }],
        }));
      }
    }),
    tree("block_slices_over_limit", "A block has 65,537 slices", "limit", [file("x", "x", { size: 2 ** 20 })], (draft) => {
      const count = 65_537;
      draft.onFrame = (frame, name) => {
        if (name !== "block") return frame;
        const rows = editBlockColumns(frame.raw, (columns) => {
          setColumn(columns, COLUMN.sliceCounts, varint(count));
          setColumn(columns, COLUMN.slices, new Uint8Array(2 * count).fill(1));
        });
        return { ...frame, raw: joined(rows, new Uint8Array(count - 1)), level: 3 };
      };
    }),
    tree("block_without_rows", "A block has no rows, because all its files had vanished", "none", [file("x", "content")], (draft) => {
      draft.blocks.unshift({ entries: [], data: new Uint8Array(0) });
      draft.pages = draft.pages.map((page) => ({
        ...page,
        entries: page.entries.map((entry) => ({
          ...entry,
          extents: entry.extents.map((extent) => ({ ...extent, block: 1 })),
        })),
      }));
    }),
    pathBomb(),
  ];
}

/** 4097 paths of 4096 bytes in a few kilobytes: 16 MiB and a path. */
function pathBomb(): VectorCase {
  const base = longPath(4093);
  const count = MAX_DECODED_STRING_BYTES / 4096 + 1;
  const paths = Array.from({ length: count }, (_, i) => base + String(i).padStart(4, "0").slice(-3));
  const shared = paths.map((_, i) => i === 0 ? joined(varint(0), sized(utf8(paths[0] ?? ""))) : joined(varint(4093), sized(utf8("000"))));
  const rows = joinColumns([
    { number: COLUMN.paths, bytes: joined(...shared) },
    { number: COLUMN.kinds, bytes: new Uint8Array(count).fill(1) },
  ]);
  return tree("block_paths_over_limit", "A block's paths decode to over 2^24 bytes", "limit", [file("x", "content")], (draft) => {
    draft.onFrame = (frame, name) =>
      name === "block" ? { ...frame, raw: rawBlock(rows, new Uint8Array(0)), rows: count, level: 3 } : frame;
  });
}

function pageCases(): VectorCase[] {
  const raw = (name: string, about: string, outcomes: Outcomes, number: number, bytes: Bytes) =>
    tree(`page_${name}`, about, outcomes, [file("x", "content")], (draft) => {
      draft.onFrame = (frame, is) =>
        is === "page"
          ? { ...frame, raw: editColumns(frame.raw, (columns) => setColumn(columns, number, bytes)) }
          : frame;
    });
  const many = (name: string, about: string, outcome: Outcomes, count: number) =>
    tree(name, about, outcome, Array.from({ length: count }, (_, i) => ({
      row: row(`d${String(i).padStart(5, "0")}`, "directory", { inode: 0 }),
    })), (draft) => draft.level = 3);
  return [
    raw("extent_no_block", "An extent lies in a block that the page does not name", "malformed", COLUMN.extents, varints(0, 7, 2, 0)),
    raw("extent_before_data", "An extent begins before its block's data", "malformed", COLUMN.extents, varints(0, 7, 0, 1)),
    raw("extent_empty", "An extent has no bytes", "malformed", COLUMN.extents, varints(0, 0, 0, 0)),
    raw("extent_beyond_size", "An extent goes beyond the file's size", "malformed", COLUMN.extents, varints(1, 7, 0, 0)),
    raw("extents_missing", "A row has an extent that is not there", "malformed", COLUMN.extentCounts, varint(2)),
    raw("blocks_too_many", "A page counts more blocks than it has bytes", "malformed", COLUMN.pageBlocks, varint(2 ** 40)),
    raw("block_frame_negative", "A page names a block with a negative number", "malformed", COLUMN.pageBlocks, varints(1, 1, 0, 80)),
    raw("block_offset_negative", "A page names a block before the body", "malformed", COLUMN.pageBlocks, varints(1, 0, 1, 80)),
    raw("block_beyond_2_53", "A page names a block behind the longest body", "malformed", COLUMN.pageBlocks, varints(1, 0, 64, 2 ** 53 - 1)),
    raw("block_beyond_end", "A page names a block behind the archive's end", "inconsistent", COLUMN.pageBlocks, varints(1, 0, 2 ** 41, 96)),
    raw("block_too_long", "A page names a block of 2^40 bytes", "inconsistent", COLUMN.pageBlocks, varints(1, 0, 64, 2 ** 40)),
    raw("continues_2", "A page's mark is unknown", "malformed", COLUMN.continues, Uint8Array.of(2)),
    raw("continues_0", "A page says that it does not continue, which goes without saying", "malformed", COLUMN.continues, Uint8Array.of(0)),
    raw("continues_first", "The first page continues a row", "malformed", COLUMN.continues, Uint8Array.of(1)),
    many("page_rows_2048", "A page has 2048 rows", "none", 2048),
    many("page_rows_2049", "A page has 2049 rows, and the index says so", ["limit", "malformed"], 2049),
    pageOfBytes("page_bytes_largest", "A page has 2^18 raw bytes", "none", MAX_PAGE_BYTES),
    pageOfBytes("page_bytes_too_large", "A page has 2^18 + 1 raw bytes", "limit", MAX_PAGE_BYTES + 1),
  ];
}

/** A page of exactly so many raw bytes: symlinks with long targets. */
function pageOfBytes(name: string, about: string, outcome: Outcome, bytes: number): VectorCase {
  const make = (spare: number) =>
    Array.from({ length: 64 }, (_, i) => ({
      row: row(`s${String(i).padStart(2, "0")}`, "symlink", { link: "t".repeat(i === 0 ? 500 + spare : 4090), inode: 0 }),
    }));
  let length = 0;
  const measure = (draft: Draft) =>
    draft.onFrame = (frame, is) => {
      if (is === "page") length = frame.raw.length;
      return frame;
    };
  tree(name, about, outcome, make(0), measure);
  return tree(name, about, outcome, make(bytes - length), (draft) => draft.level = 3);
}

/** All vectors about rows. */
export function rowCases(): VectorCase[] {
  return [...pathCases(), ...orderCases(), ...fieldCases(), ...columnCases(), ...blockCases(), ...pageCases()];
}
