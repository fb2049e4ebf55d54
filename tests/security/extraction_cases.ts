/**
 * Hostile archives for extraction. All are properly sealed and open with a passphrase: whoever can make somebody
 * extract an archive can make these. Each is built for one place on disk, so that absolute names lead into it.
 */
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { wrapForPassphrase } from "../../src/archive/unlock.ts";
import type { Row } from "../../src/format/row.ts";
import type { Slot } from "../../src/format/slots.ts";
import { seededRandom, TEST_KEY } from "../archive/archive_builder.ts";
import { type Draft, draftOf, type Item, joined, sealDraft } from "../archive/archive_draft.ts";
import { editBlockColumns, editColumns, joinColumns, rawBlock, setColumn, varint } from "../archive/raw_columns.ts";
import { directory, file, row, utf8 } from "../archive/sample_tree.ts";

/** What extracting ends with: one exit code, or one for a file and one for a pipe. */
export type ExitCodes = number | readonly [file: number, pipe: number];

/** One hostile archive. */
export interface ExtractionCase {
  /** What is wrong with it, as the end of a sentence that begins with "An archive". */
  readonly about: string;
  readonly exits: ExitCodes;
  /** The same for a target that existed, where that makes a difference. */
  readonly exitsInExisting?: ExitCodes;
  /** Its entries. `outside` is the absolute path of a folder that must not be touched. */
  readonly items: (outside: string) => readonly Item[];
  readonly change?: (draft: Draft) => void;
  /** Options of the extraction. */
  readonly options?: readonly string[];
}

const DONE = 0;
const PARTIAL = 3;
const DAMAGED = 12;
const UNSAFE = 14;

const symlink = (path: string, link: string): Item => ({ row: row(path, "symlink", { link, mode: 0o777 }) });
const hardlink = (path: string, link: string): Item => ({ row: row(path, "hardlink", { link }) });
const fifo = (path: string): Item => ({ row: row(path, "fifo") });

/** Names that must never reach the disk. Everything else about their archives is right. */
const NAMES: readonly (readonly [about: string, name: (outside: string) => string])[] = [
  ["with the name ..", () => ".."],
  ["with a name that begins with ../", () => "../outside/new"],
  ["with a name that has .. inside", () => "a/../../outside/new"],
  ["with a name that ends in ..", () => "a/.."],
  ["with an absolute name", (outside) => `${outside}/new`],
  ["with a name of two slashes", (outside) => `/${outside}/new`],
  ["with an empty name", () => ""],
  ["with an empty part in a name", () => "a//b"],
  ["with a slash at a name's end", () => "a/"],
  ["with ./ before a name", () => "./a"],
  ["with a NUL in a name", () => "a\0b"],
  ["with a part of 256 bytes", () => `a/${"b".repeat(256)}`],
];

/** The name of a file in the target that exists. */
export const TAKEN_NAME = "mine\x1b[31m\u202e";

/** Column numbers (FORMAT.md, "Rows" and "Blocks"). */
const COLUMN = { paths: 1, kinds: 2, sizes: 5 };

function namesOf(): ExtractionCase[] {
  return NAMES.map(([about, name]) => ({
    about,
    exits: UNSAFE,
    items: (outside) => [directory("."), file(name(outside), "written")],
  }));
}

function orders(): ExtractionCase[] {
  const order = (about: string, items: ExtractionCase["items"], exits: ExitCodes = UNSAFE): ExtractionCase => ({
    about,
    exits,
    items,
  });
  return [
    order("whose rows fall", () => [file("b", "x"), file("a", "y")]),
    // A pipe meets the block first, which is malformed; a file the catalog.
    order("with a path twice", () => [file("a", "x"), file("a", "y")], [UNSAFE, DAMAGED]),
    order("with a folder and a file of one path", () => [directory("a"), file("a", "y")], [UNSAFE, DAMAGED]),
    order("with a row below a file", () => [file("a", "x"), file("a/b", "y")]),
    order("with a row below a hardlink", () => [file("a", "x"), hardlink("b", "a"), file("b/c", "y")]),
    order("with a row below a FIFO", () => [fifo("a"), file("a/b", "y")]),
    order("with a symlink and a file through it", (outside) => [symlink("a", outside), file("a/new", "y")]),
    order("with a symlink and a folder through it", () => [symlink("a", "../outside"), directory("a/folder")]),
    order("with a symlink to itself and a file through it", () => [symlink("a", "a"), file("a/new", "y")]),
    order("with a symlink and a symlink through it", (outside) => [symlink("a", outside), symlink("a/new", "x")]),
    order("with a symlink for a root", (outside) => [symlink(".", outside)], DAMAGED),
    order("with a file for a root", () => [file(".", "x")], DAMAGED),
  ];
}

/** Two pages: what stands on the border is checked as well. */
function inTwoPages(draft: Draft): void {
  const [page] = draft.pages;
  if (page !== undefined) draft.pages.push({ entries: page.entries.splice(1), continues: false });
}

function links(): ExtractionCase[] {
  return [
    {
      about: "with symlinks that point anywhere, which is their user's business, and files beside them",
      exits: DONE,
      items: (outside) => [
        symlink("absolute", `${outside}/precious`),
        file("beside", "x"),
        symlink("dangling", "no/such/place"),
        symlink("parent", "../../../../../../.."),
      ],
    },
    {
      about: "with a hardlink to a symlink",
      exits: PARTIAL,
      items: (outside) => [symlink("a", `${outside}/precious`), hardlink("b", "a")],
    },
    {
      about: "with a hardlink to a hardlink to a symlink",
      exits: PARTIAL,
      items: (outside) => [symlink("a", `${outside}/precious`), hardlink("b", "a"), hardlink("c", "b")],
    },
    { about: "with a hardlink to ..", exits: UNSAFE, items: () => [hardlink("b", "../outside/precious")] },
    { about: "with a hardlink to an absolute path", exits: UNSAFE, items: (out) => [hardlink("b", `${out}/precious`)] },
    { about: "with a hardlink to itself", exits: UNSAFE, items: () => [hardlink("b", "b")] },
    { about: "with a hardlink to nothing", exits: PARTIAL, items: () => [hardlink("b", "a")] },
    {
      about: "with a hardlink to a folder",
      exits: PARTIAL,
      items: () => [directory("a"), hardlink("b", "a")],
    },
    {
      about: "with two hardlinks to each other",
      exits: PARTIAL,
      items: () => [hardlink("a", "b"), hardlink("b", "a")],
    },
    {
      about: "with a symlink at a page's end and a file through it on the next page",
      exits: UNSAFE,
      items: (outside) => [symlink("a", outside), file("a/new", "y")],
      change: inTwoPages,
    },
    {
      about: "with set-id bits and a stranger's owner, which are not asked for",
      exits: DONE,
      items: () => [file("setuid", "x", { mode: 0o6777, owner: { uid: 0, gid: 0, user: "root", group: "root" } })],
    },
  ];
}

/** Two copies of one truth that differ. */
function disagreements(): ExtractionCase[] {
  const items = () => [directory("a"), file("a/b", "content"), file("c", "other")];
  const onPage = (change: (entry: Draft["pages"][number]["entries"][number]) => void) => (draft: Draft) =>
    draft.pages.forEach((page) => page.entries.forEach(change));
  const renamed = (row: Row): Row => row.path === "c" ? { ...row, path: "d" } : row;
  return [
    {
      about: "whose catalog gives a file another mode than its block",
      exits: DAMAGED,
      items,
      change: onPage((entry) => entry.row = entry.row.kind === "file" ? { ...entry.row, mode: 0o4777 } : entry.row),
    },
    {
      about: "whose catalog gives a file another name than its block",
      exits: DAMAGED,
      items,
      change: onPage((entry) => entry.row = renamed(entry.row)),
    },
    {
      about: "whose catalog gives a file the bytes of another",
      exits: DAMAGED,
      items,
      change: onPage((entry) => entry.extents = entry.extents.map((extent) => ({ ...extent, dataOffset: 0 }))),
    },
    {
      about: "whose block has a symlink where its catalog has a folder with a file in it",
      // Random access never looks at a row without content in a block, and makes no use of it.
      exits: [DONE, DAMAGED],
      items,
      change: (draft) =>
        draft.blocks.forEach((block) => {
          block.entries = block.entries.map((entry) =>
            entry.row.path === "a" ? { ...entry, row: symlink("a", "../outside").row } : entry
          );
        }),
    },
    {
      about: "whose orphan page names a file that nobody stored, to have it removed",
      exits: [DONE, DAMAGED],
      items,
      change: (draft) =>
        draft.orphans = [{
          continues: false,
          entries: [{ row: row("mine", "file"), provisional: false, extents: [] }],
        }],
    },
  ];
}

/** 4097 paths of 4096 bytes, of which a block's columns hold three bytes each. */
function pathBomb(draft: Draft): void {
  const count = 4097;
  const long = utf8(`${`${"p".repeat(99)}/`.repeat(40)}${"q".repeat(96)}`);
  const again = joined(varint(long.length), varint(0));
  const paths = [joined(varint(0), varint(long.length), long), ...Array.from({ length: count - 1 }, () => again)];
  const rows = joinColumns([
    { number: COLUMN.paths, bytes: joined(...paths) },
    { number: COLUMN.kinds, bytes: new Uint8Array(count).fill(1) },
  ]);
  draft.onFrame = (frame, name) =>
    name === "block" ? { ...frame, raw: rawBlock(rows, new Uint8Array(0)), rows: count, level: 3 } : frame;
}

function bombs(): ExtractionCase[] {
  const one = () => [file("x", "content")];
  const ofRows = (rows: number) => (draft: Draft) =>
    draft.onFrame = (frame, name) => name === "page" || name === "block" ? { ...frame, rows } : frame;
  const sized = (size: Bytes) => (draft: Draft) => {
    draft.onFrame = (frame, name) => {
      if (name === "block") {
        return {
          ...frame,
          raw: editBlockColumns(frame.raw, (c) => setColumn(c, COLUMN.sizes, size)),
        };
      }
      return name === "page"
        ? { ...frame, raw: editColumns(frame.raw, (columns) => setColumn(columns, COLUMN.sizes, size)) }
        : frame;
    };
    draft.onTrailer = (trailer) => ({ ...trailer, totals: { ...trailer.totals, bytes: Number.MAX_SAFE_INTEGER } });
  };
  return [
    { about: "whose frames claim 2^32 - 1 rows", exits: UNSAFE, items: one, change: ofRows(2 ** 32 - 1) },
    { about: "whose front-coded names decode to 16 MiB", exits: UNSAFE, items: one, change: pathBomb },
    {
      about: "whose compressed frame decodes to more than it says",
      exits: DAMAGED,
      items: one,
      change: (draft) =>
        draft.onFrame = (frame, name) =>
          name === "block" ? { ...frame, stored: nativeEngine.compress?.(new Uint8Array(2 ** 24), 3) as Bytes } : frame,
    },
    {
      about: "with a file of 2^53 - 1 bytes, nearly all of them a hole",
      exits: PARTIAL,
      items: one,
      // The largest variable-length integer: seven times 0xff, then 0x0f.
      change: sized(Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 15)),
    },
    {
      about: "with a folder two hundred deep",
      exits: DONE,
      items: () => [file(`${"d/".repeat(200)}f`, "deep")],
    },
    {
      about: "with names that a terminal would act on, one of which is taken in a target that existed",
      exits: DONE,
      exitsInExisting: PARTIAL,
      items: () => [
        file(TAKEN_NAME, "refused, and so named"),
        symlink("two\nlines: \x1b]0;owned\x07\x1b[2J\u202e\u009b31m", "z\x1b[31m\u202e"),
      ],
    },
  ];
}

/** Every case. */
export const EXTRACTION_CASES: readonly ExtractionCase[] = [
  ...namesOf(),
  ...orders(),
  ...links(),
  ...disagreements(),
  ...bombs(),
];

let slot: Promise<Slot> | undefined;

/** The bytes of a case's archive, which `passphrase` opens at the least cost that a reader takes. */
export async function sealCase(
  test: ExtractionCase,
  outside: string,
  passphrase: string,
): Promise<Uint8Array<ArrayBuffer>> {
  slot ??= wrapForPassphrase(nativeEngine, TEST_KEY, passphrase, { logN: 10, r: 8, p: 1 }, seededRandom(7)(32));
  const draft = draftOf(test.items(outside));
  draft.slots = [await slot];
  test.change?.(draft);
  return new Uint8Array(sealDraft(draft).bytes);
}
