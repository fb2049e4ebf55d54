/**
 * Vectors of several segments: honest archives with the listing of each snapshot, and what is said in a later segment.
 */
import type { Bytes } from "../../src/engine/engine.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import {
  type Draft,
  draftOf,
  type ExtentDraft,
  type FrameName,
  joined,
  type PageEntryDraft,
  sealDrafts,
} from "../archive/archive_draft.ts";
import { editBlockColumns, editColumns, type RawColumns, setColumn, varint, varints, zigzag } from "../archive/raw_columns.ts";
import { directory, file, row } from "../archive/sample_tree.ts";
import { BLOCK_BYTES, type Outcome, smallTree, type VectorCase } from "./vector_case.ts";

type Outcomes = Outcome | readonly [stream: Outcome, seek: Outcome];

/** What the small tree has of `a/b.txt`, from another segment's point of view. */
const LARGE: readonly ExtentDraft[] = [
  { fileOffset: 0, length: 256, dataOffset: 0, block: { segment: 0, position: 0 } },
  { fileOffset: 256, length: 44, dataOffset: 0, block: { segment: 0, position: 1 } },
];
const large = file("a/b.txt", "a".repeat(300)).row;

/** The entry that says that a path is gone. */
export function gone(path: string): PageEntryDraft {
  return { row: provisionalRow(path, "directory"), provisional: false, extents: [], mark: "gone" };
}

function kept(change: Partial<PageEntryDraft> = {}): PageEntryDraft {
  return { row: { ...large, mode: 0o600 }, provisional: false, extents: [...LARGE], mark: "kept", ...change };
}

function moved(change: Partial<PageEntryDraft> = {}): PageEntryDraft {
  return { row: { ...large, path: "f" }, provisional: false, extents: [...LARGE], mark: "moved", ...change };
}

const other = [row("a/link", "symlink", { link: "b.txt" }), directory(".").row, directory("a").row];
const second = file("c.txt", "hello again\n").row;
const added = file("e", "new").row;

/**
 * Three snapshots. The first is the small tree. The second has new content in `c.txt`, a new mode of `a/b.txt`, a new
 * file `e`, and no `d`; in the third `a/b.txt` has become `f`.
 */
export function threeDrafts(change: (drafts: [Draft, Draft, Draft]) => void = () => {}): [Draft, Draft, Draft] {
  const first = draftOf(smallTree(), BLOCK_BYTES);
  const update = draftOf([file("c.txt", "hello again\n"), file("e", "new")], BLOCK_BYTES);
  const [content, fresh] = update.pages[0]?.entries as [PageEntryDraft, PageEntryDraft];
  update.pages = [{ entries: [kept(), content, gone("d"), fresh], continues: false }];
  update.runs = [0];
  update.totals = [...other, large, second, added];
  const move = draftOf([], BLOCK_BYTES);
  move.pages = [{ entries: [gone("a/b.txt"), moved()], continues: false }];
  move.runs = [1, 0];
  move.totals = [...other, large, second, added];
  move.onTrailer = (trailer) => ({ ...trailer, label: "third", partial: true });
  const drafts: [Draft, Draft, Draft] = [first, update, move];
  change(drafts);
  return drafts;
}

/** The paths of each of the three snapshots. */
export const LISTINGS: readonly (readonly string[])[] = [
  [".", "a", "a/b.txt", "a/link", "c.txt", "d"],
  [".", "a", "a/b.txt", "a/link", "c.txt", "e"],
  [".", "a", "a/link", "c.txt", "e", "f"],
];

/** A case of the first two of the three snapshots, with a change. */
export function twoSegments(
  name: string,
  about: string,
  outcomes: Outcomes,
  change: (update: Draft, first: Draft) => void,
): VectorCase {
  const [stream, seek] = typeof outcomes === "string" ? [outcomes, outcomes] : outcomes;
  const drafts = threeDrafts(([first, update]) => change(update, first)).slice(0, 2);
  return { name, about, bytes: sealDrafts(drafts).bytes, stream, seek };
}

/** The entries of the update's only page. */
function entriesOf(draft: Draft): PageEntryDraft[] {
  return draft.pages[0]?.entries as PageEntryDraft[];
}

function replace(draft: Draft, path: string, change: (entry: PageEntryDraft) => readonly PageEntryDraft[]): void {
  draft.pages = draft.pages.map((page) => ({
    ...page,
    entries: page.entries.flatMap((entry) => entry.row.path === path ? change(entry) : [entry]),
  }));
}

/** Changes the columns of the first frame of one name. */
function onColumns(draft: Draft, of: FrameName, edit: (columns: RawColumns) => void): void {
  const { onFrame } = draft;
  draft.onFrame = (frame, name, index) =>
    name === of && index === 0
      ? { ...frame, raw: (of === "block" ? editBlockColumns : editColumns)(frame.raw, edit) }
      : onFrame(frame, name, index);
}

function honestCases(): VectorCase[] {
  const honest = (name: string, about: string, drafts: readonly Draft[], listings = LISTINGS): VectorCase => ({
    name,
    about,
    bytes: sealDrafts(drafts).bytes,
    stream: "none",
    seek: "none",
    snapshots: listings,
  });
  const compressed = threeDrafts((drafts) => {
    for (const draft of drafts) {
      draft.level = 3;
      draft.options = { suite: 2 };
    }
  });
  const merged = threeDrafts(([, , third]) => {
    // All of the stack in one run: what the blocks here do not have is kept, and what is gone is left out.
    third.runs = [];
    third.pages = [{
      entries: [
        ...[directory(".").row, directory("a").row, other[0] as typeof large].map((row): PageEntryDraft => ({
          row,
          provisional: false,
          extents: [],
          mark: "kept",
        })),
        {
          row: second,
          provisional: false,
          extents: [{ fileOffset: 0, length: 12, dataOffset: 0, block: { segment: 1, position: 0 } }],
          mark: "kept",
        },
        {
          row: added,
          provisional: false,
          extents: [{ fileOffset: 0, length: 3, dataOffset: 12, block: { segment: 1, position: 0 } }],
          mark: "kept",
        },
        moved(),
      ],
      continues: false,
    }];
  });
  const back = threeDrafts(([, , third]) => {
    // What went and came back is no folder any more, and what was below it does not show through.
    third.pages = [{ entries: [gone("a"), gone("a/b.txt"), gone("a/link")], continues: false }];
    third.totals = [directory(".").row, second, added];
  });
  const checkpoint = (at: 0 | 2) =>
    threeDrafts((drafts) => {
      const { onTrailer } = drafts[at];
      drafts[at].onTrailer = (trailer) => ({ ...onTrailer(trailer), checkpoint: true });
    });
  const empty = draftOf([], BLOCK_BYTES);
  empty.runs = [0];
  empty.totals = smallTree().map(({ row }) => row);
  return [
    honest("segments_three", "Three snapshots: one with new, kept and gone rows, and one with a moved row", threeDrafts()),
    honest("segments_three_suite_2_compressed", "Three snapshots under AES-256-GCM, compressed", compressed),
    honest("segments_merged", "A third snapshot whose run has those below merged into it", merged),
    honest("segments_folder_gone", "A third snapshot in which a folder and all below it are gone, each by a row", back, [
      ...LISTINGS.slice(0, 2),
      [".", "c.txt", "e"],
    ]),
    honest("checkpoint_newest", "A third snapshot that is a checkpoint: the second is the latest", checkpoint(2)),
    honest("checkpoint_first", "Three snapshots of which the first is a checkpoint", checkpoint(0)),
    honest("segments_empty_update", "A second snapshot that has all of the first, and no rows of its own", [
      draftOf(smallTree(), BLOCK_BYTES),
      empty,
    ], [LISTINGS[0] as string[], LISTINGS[0] as string[]]),
  ];
}

function rowCases(): VectorCase[] {
  const flags = (update: Draft, index: number, bits: number) =>
    onColumns(update, "page", (columns) => {
      const values = columns.find(({ number }) => number === 3)?.bytes as Bytes;
      setColumn(columns, 3, values.with(index, bits) as Bytes);
    });
  return [
    twoSegments("gone_in_first_segment", "A row of the first segment says that a path is gone", "malformed", (_, first) =>
      entriesOf(first).push(gone("z"))),
    twoSegments("kept_in_first_segment", "A row of the first segment is kept", ["malformed", "malformed"], (_, first) =>
      replace(first, "a/link", (entry) => [{ ...entry, mark: "kept" }])),
    twoSegments("gone_and_kept", "A row is gone and kept at once", "malformed", (update) => flags(update, 2, 4 + 8)),
    twoSegments("gone_and_provisional", "A row is gone and provisional at once", "malformed", (update) => flags(update, 2, 4 + 2)),
    twoSegments("gone_and_changed", "A row is gone and changed at once", "malformed", (update) => flags(update, 2, 4 + 1)),
    twoSegments("flag_32", "A row of a second segment has a flag that nobody knows", "malformed", (update) =>
      flags(update, 2, 32)),
    twoSegments("gone_file", "A row that is gone has the kind file", "malformed", (update) =>
      replace(update, "d", () => [{ ...gone("d"), row: provisionalRow("d", "file") }])),
    twoSegments("gone_with_mode", "A row that is gone has a mode", "malformed", (update) =>
      replace(update, "d", () => [{ ...gone("d"), row: { ...provisionalRow("d", "directory"), mode: 0o755 } }])),
    twoSegments("gone_twice", "Two rows say that one path is gone", "unsafe", (update) =>
      replace(update, "d", (entry) => [entry, entry])),
    twoSegments("gone_falling", "Rows that are gone fall", "unsafe", (update) =>
      replace(update, "d", (entry) => [entry, gone("c-")])),
    twoSegments("moved_directory", "A directory has moved", "malformed", (update) =>
      entriesOf(update).push({ ...directory("f"), provisional: false, extents: [], mark: "moved" })),
    twoSegments("gone_in_orphan_page", "A row of an orphan page says that a path is gone", ["malformed", "none"], (update) => {
      update.orphans = [{ entries: [gone("z")], continues: false }];
    }),
    twoSegments("kept_in_block", "A row of a block is kept", ["malformed", "malformed"], (update) =>
      onColumns(update, "block", (columns) => setColumn(columns, 3, Uint8Array.of(8, 0)))),
    twoSegments("kept_extents_own_segment", "A kept row has its bytes in its own segment", "malformed", (update) =>
      replace(update, "e", (entry) => [{ ...entry, mark: "kept" }])),
    twoSegments("extents_earlier_segment", "A row that is not kept has its bytes in an earlier segment", "malformed", (update) =>
      replace(update, "a/b.txt", ({ mark: _, ...entry }) => [entry])),
    twoSegments("extents_no_segment", "A block of a page is more segments back than there are", "malformed", (update) =>
      onColumns(update, "page", (columns) => setColumn(columns, 28, varints(2, 1, 0)))),
    twoSegments("kept_place_no_block", "A kept row has its bytes where the earlier segment has no block", [
      "inconsistent",
      "damaged",
    ], (update) => {
      const place = (at: ExtentDraft): ExtentDraft => ({ ...at, block: { segment: 0, frame: 0, offset: 48, frameBytes: 400 } });
      replace(update, "a/b.txt", () => [kept({ extents: LARGE.slice(0, 1).map(place) })]);
    }),
    twoSegments("kept_of_another_path", "A kept row has the bytes of another path, which only its reader finds", [
      "none",
      "inconsistent",
    ], (update) =>
      replace(update, "a/b.txt", () => [
        kept({ extents: [{ fileOffset: 0, length: 13, dataOffset: 44, block: { segment: 0, position: 1 } }] }),
      ])),
    twoSegments("kept_part_of_slice", "A kept row has a part of a slice, which only its reader finds", [
      "none",
      "inconsistent",
    ], (update) =>
      replace(update, "a/b.txt", () => [
        kept({ extents: [{ fileOffset: 0, length: 100, dataOffset: 0, block: { segment: 0, position: 0 } }] }),
      ])),
    twoSegments("moved_part_of_slice", "A moved row has a part of a slice, which only its reader finds", [
      "none",
      "inconsistent",
    ], (update) =>
      entriesOf(update).push(
        moved({ extents: [{ fileOffset: 0, length: 100, dataOffset: 1, block: { segment: 0, position: 0 } }] }),
      )),
    twoSegments("kept_and_in_block", "A kept row stands in a block of its segment too", ["inconsistent", "none"], (update) =>
      update.blocks[0]?.entries.unshift({ row: kept().row, provisional: false, slices: [] })),
    twoSegments("new_row_in_no_block", "A row of an update is neither kept nor in a block", ["inconsistent", "none"], (update) =>
      entriesOf(update).push({ ...directory("g"), provisional: false, extents: [] })),
    twoSegments("stack_below_file", "Over two runs, a new row stands below a file that stays; who puts the runs together finds it", [
      "none",
      "unsafe",
    ], (update) => {
      entriesOf(update).splice(1, 1);
      update.blocks[0]?.entries.splice(0, 1);
      const [block] = update.blocks;
      if (block !== undefined) block.data = block.data.slice(12);
      replace(update, "e", (entry) => [{ ...entry, extents: entry.extents.map((at) => ({ ...at, dataOffset: 0 })) }]);
      const [entry] = block?.entries ?? [];
      if (entry !== undefined) {
        block?.entries.splice(0, 1, { ...entry, slices: entry.slices.map((slice) => ({ ...slice, dataOffset: 0 })) });
      }
      const below = directory("c.txt/x").row;
      block?.entries.push({ row: below, provisional: false, slices: [] });
      entriesOf(update).splice(1, 0, { row: below, provisional: false, extents: [] });
    }),
  ];
}

function tableCases(): VectorCase[] {
  const table = (
    name: string,
    about: string,
    outcomes: Outcomes,
    of: FrameName,
    edit: (columns: RawColumns) => void,
  ) => twoSegments(name, about, outcomes, (update) => onColumns(update, of, edit));
  const head = (name: string, about: string, of: FrameName, rows: number) =>
    twoSegments(name, about, "malformed", (update) => {
      update.onFrame = (frame, name) => name === of ? { ...frame, rows } : frame;
    });
  const listed = { generations: 3, salts: 4, hashes: 5, places: 6 };
  return [
    head("segment_table_two_rows", "A segment table has a count of 2 in the second segment", "segmentTable", 2),
    head("segment_table_no_rows", "A segment table has a count of 0 in the second segment", "segmentTable", 0),
    head("snapshot_table_two_rows", "A snapshot table has a count of 2 in the second segment", "snapshotTable", 2),
    table("segment_table_offset", "A segment table places segment 0 elsewhere", "malformed", "segmentTable", (columns) =>
      setColumn(columns, 1, joined(varint(4096), new Uint8Array(32)))),
    table("segment_table_link", "A segment table gives segment 0 a link", "malformed", "segmentTable", (columns) =>
      setColumn(columns, 1, joined(varint(0), new Uint8Array(32).fill(1)))),
    table("segment_table_length", "A segment table's row ends behind its own segment's start", "inconsistent", "segmentTable", (columns) =>
      setColumn(columns, 2, varint(2))),
    table("segment_table_length_0", "A segment table has a segment of no bytes", "malformed", "segmentTable", (columns) =>
      setColumn(columns, 2, varint(0))),
    table("segment_table_generation", "A segment table has another generation than the locator", [
      "inconsistent",
      "none",
    ], "segmentTable", (columns) => setColumn(columns, listed.generations, varint(0))),
    table("segment_table_salt", "A segment table has another salt: its segment's frames do not open under it", [
      "inconsistent",
      "damaged",
    ], "segmentTable", (columns) => setColumn(columns, listed.salts, new Uint8Array(32).fill(1))),
    table("segment_table_hash", "A segment table's last hash is not its own segment's link", "inconsistent", "segmentTable", (columns) =>
      setColumn(columns, listed.hashes, new Uint8Array(32).fill(1))),
    table("segment_table_place", "A segment table has a trailer beyond its segment", "malformed", "segmentTable", (columns) =>
      setColumn(columns, listed.places, varints(1000, 3, 4000, 3, 200))),
    table("segment_table_lacks_column", "A segment table lacks its hashes", "malformed", "segmentTable", (columns) =>
      void columns.splice(columns.findIndex(({ number }) => number === listed.hashes), 1)),
    table("segment_table_unknown_column", "A segment table has a column 8", "malformed", "segmentTable", (columns) =>
      void columns.push({ number: 8, bytes: Uint8Array.of(0) })),
    table("segment_table_skipped_column", "A segment table has a column 200, which is passed over", "none", "segmentTable", (columns) =>
      void columns.push({ number: 200, bytes: Uint8Array.of(0) })),
    table("snapshot_table_time", "A snapshot table has another time than the snapshot", [
      "inconsistent",
      "none",
    ], "snapshotTable", (columns) => setColumn(columns, 1, joined(zigzag(1_700_000_001), varint(0)))),
    table("snapshot_table_label", "A snapshot table has a label for a snapshot without one", [
      "inconsistent",
      "none",
    ], "snapshotTable", (columns) => setColumn(columns, 2, joined(varint(1), Uint8Array.of(65)))),
    table("snapshot_table_totals", "A snapshot table has other totals than the snapshot", [
      "inconsistent",
      "none",
    ], "snapshotTable", (columns) => setColumn(columns, 3, varints(3, 2, 1, 1, 0, 313))),
    table("snapshot_table_partial", "A snapshot table calls a snapshot partial that is not", [
      "inconsistent",
      "none",
    ], "snapshotTable", (columns) => setColumn(columns, 4, Uint8Array.of(1))),
    table("snapshot_table_checkpoint", "A snapshot table calls a snapshot a checkpoint that is none", [
      "inconsistent",
      "none",
    ], "snapshotTable", (columns) => setColumn(columns, 4, Uint8Array.of(4))),
    table("snapshot_table_flags", "A snapshot table has a flag that nobody knows", "malformed", "snapshotTable", (columns) =>
      setColumn(columns, 4, Uint8Array.of(2))),
    table("snapshot_table_late", "A snapshot table has a time beyond the year 9999", "malformed", "snapshotTable", (columns) =>
      setColumn(columns, 1, joined(zigzag(253_402_300_800), varint(0)))),
    table("snapshot_table_lacks_column", "A snapshot table lacks its totals", "malformed", "snapshotTable", (columns) =>
      void columns.splice(columns.findIndex(({ number }) => number === 3), 1)),
    table("trailer_run_own", "A trailer names its own segment as a run below", "malformed", "trailer", (columns) =>
      setColumn(columns, 7, varints(0))),
    table("trailer_run_before_first", "A trailer names a run before the first segment", "malformed", "trailer", (columns) =>
      setColumn(columns, 7, varints(2))),
    table("trailer_run_twice", "A trailer names one run twice", "malformed", "trailer", (columns) =>
      setColumn(columns, 7, varints(1, 0))),
    twoSegments("trailer_run_in_first", "The trailer of the first of two segments names a run below, which random access does not read", ["malformed", "none"], (_, first) =>
      onColumns(first, "trailer", (columns) => setColumn(columns, 7, varints(1)))),
  ];
}

function stackCases(): VectorCase[] {
  const stack = (runs: number): Draft[] =>
    Array.from({ length: runs }, (_, i) => {
      const draft = draftOf([file(`${i}`, `${i}`)], BLOCK_BYTES);
      draft.runs = Array.from({ length: i }, (_, below) => i - 1 - below);
      draft.totals = Array.from({ length: i + 1 }, () => file("0", "0").row);
      return draft;
    });
  const listing = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);
  return [
    {
      name: "stack_8_runs",
      about: "Eight snapshots, the last with as many runs as there may be",
      bytes: sealDrafts(stack(8)).bytes,
      stream: "none",
      seek: "none",
      snapshots: Array.from({ length: 8 }, (_, i) => listing(i + 1)),
    },
    {
      name: "stack_9_runs",
      about: "Nine snapshots, the last with one more run than there may be",
      bytes: sealDrafts(stack(9)).bytes,
      stream: "limit",
      seek: "limit",
    },
  ];
}

/** All of them. */
export function segmentCases(): VectorCase[] {
  return [...honestCases(), ...rowCases(), ...tableCases(), ...stackCases()];
}
