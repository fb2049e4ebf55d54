/** Extraction vectors about archives that ask for much, and about forged ones. */
import type { Bytes } from "../../../src/engine/engine.ts";
import { nativeEngine } from "../../../src/engine/native/engine.ts";
import { type Draft, joined } from "../../archive/archive_draft.ts";
import { editBlockColumns, editColumns, joinColumns, rawBlock, setColumn, varint } from "../../archive/raw_columns.ts";
import { directory, file, row, utf8 } from "../../archive/sample_tree.ts";
import type { ExtractionCase } from "./extraction_cases.ts";

/** Column numbers (FORMAT.md, "Rows"). */
const COLUMN = { paths: 1, kinds: 2, sizes: 5 };

const one = [file("x", "short")];

/** Says that pages and blocks have so many rows. */
const claimRows = (draft: Draft) => {
  draft.onFrame = (frame, name) => name === "page" || name === "block" ? { ...frame, rows: 2 ** 32 - 1 } : frame;
};

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

/** Says that the only file has another size. */
function sized(size: Bytes, total: number): (draft: Draft) => void {
  return (draft) => {
    draft.onFrame = (frame, name) => {
      const edit = (columns: Parameters<typeof setColumn>[0]) => setColumn(columns, COLUMN.sizes, size);
      if (name === "block") return { ...frame, raw: editBlockColumns(frame.raw, edit) };
      return name === "page" ? { ...frame, raw: editColumns(frame.raw, edit) } : frame;
    };
    draft.onTrailer = (trailer) => ({ ...trailer, totals: { ...trailer.totals, bytes: total } });
  };
}

/** Archives that ask for much. */
export function bombCases(): ExtractionCase[] {
  return [
    {
      name: "bomb_rows",
      about: "whose frames claim 2^32 - 1 rows",
      items: one,
      outcome: "limit",
      change: claimRows,
    },
    {
      name: "bomb_paths",
      about: "whose front-coded names decode to 16 MiB",
      items: one,
      outcome: "limit",
      change: pathBomb,
    },
    {
      name: "bomb_frame",
      about: "whose compressed frame decodes to more than it says",
      items: one,
      outcome: "malformed",
      change: (draft) => {
        const stored = nativeEngine.compress?.(new Uint8Array(2 ** 24), 3) as Bytes;
        draft.onFrame = (frame, name) => name === "block" ? { ...frame, stored } : frame;
      },
    },
    {
      name: "bomb_overlap",
      about: "whose files share the same bytes",
      like: ["CVE-2019-13232"],
      items: [file("a", "12345678"), file("b", "12345678")],
      outcome: "inconsistent",
      change: (draft) => {
        for (const { entries } of draft.pages) {
          for (const entry of entries) {
            entry.extents = entry.extents.map((extent) => ({ ...extent, block: 0, dataOffset: 0 }));
          }
        }
      },
    },
    {
      name: "bomb_hole",
      about: "with a file of 2^53 - 1 bytes, nearly all of them a hole",
      items: one,
      outcome: "none",
      refused: [["x", "failed"]],
      // The largest variable-length integer: seven times 0xff, then 0x0f.
      change: sized(Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 15), Number.MAX_SAFE_INTEGER),
    },
    {
      name: "bomb_deep",
      about: "with a folder two hundred deep",
      items: [file(`${"d/".repeat(200)}f`, "deep")],
      outcome: "none",
    },
  ];
}

/** Archives that say one thing here and another there. */
export function disagreementCases(): ExtractionCase[] {
  const items = [directory("a"), file("a/b", "content"), file("c", "other")];
  const onPage = (change: (entry: Draft["pages"][number]["entries"][number]) => void) => (draft: Draft) =>
    draft.pages.forEach((page) => page.entries.forEach(change));
  return [
    {
      name: "twofold_mode",
      about: "whose catalog gives a file another mode than its block",
      items,
      outcome: "inconsistent",
      change: onPage((entry) => {
        if (entry.row.kind === "file") entry.row = { ...entry.row, mode: 0o4777 };
      }),
    },
    {
      name: "twofold_name",
      about: "whose catalog gives a file another name than its block",
      items,
      outcome: "inconsistent",
      change: onPage((entry) => {
        if (entry.row.path === "c") entry.row = { ...entry.row, path: "d" };
      }),
    },
    {
      name: "twofold_symlink",
      about: "whose block has a symlink where its catalog has a directory with a file in it",
      items,
      // Random access makes no use of a row without content in a block.
      outcome: { seek: "none", stream: "inconsistent" },
      change: (draft) => {
        const link = row("a", "symlink", { link: "../outside" });
        for (const block of draft.blocks) {
          block.entries = block.entries.map((entry) => entry.row.path === "a" ? { ...entry, row: link } : entry);
        }
      },
    },
    {
      name: "twofold_orphan",
      about: "whose orphan page names a file that was there before, to have it removed",
      items,
      outcome: { seek: "none", stream: "inconsistent" },
      before: { "mine": { file: "mine", mode: "600" } },
      change: (draft) => {
        const mine = { row: row("mine", "file"), provisional: false, extents: [] };
        draft.orphans = [{ continues: false, entries: [mine] }];
      },
    },
  ];
}
