/** Rows and small trees for tests. */
import type { Bytes } from "../../src/engine/engine.ts";
import type { EntryKind, Row } from "../../src/format/row.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { seededRandom } from "./archive_builder.ts";
import type { Item } from "./archive_draft.ts";

/** The UTF-8 bytes of a text. */
export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** A row with plausible metadata. */
export function row(path: string, kind: EntryKind, more: Partial<Row> = {}): Row {
  return {
    ...provisionalRow(path, kind),
    mode: kind === "directory" ? 0o755 : 0o644,
    mtime: { seconds: 1_600_000_000, nanoseconds: 123_000_000 },
    ctime: 1_600_000_001,
    dev: 42,
    inode: 4711 + path.length,
    owner: { uid: 1000, gid: 100, user: "ada", group: "users" },
    ...more,
  };
}

/** A file and its content. */
export function file(path: string, content: Bytes | string, more: Partial<Row> = {}): Item {
  const bytes = typeof content === "string" ? utf8(content) : content;
  return { row: row(path, "file", { size: bytes.length, ...more }), content: bytes };
}

/** A directory. */
export function directory(path: string, more: Partial<Row> = {}): Item {
  return { row: row(path, "directory", more) };
}

/** A tree in path order with every kind of entry, a file that spans several blocks of 4 KiB, and an empty one. */
export function sampleTree(): Item[] {
  return [
    directory("."),
    directory("a"),
    file("a/b.txt", "hello, world\n", { contentHash: seededRandom(3)(32) }),
    { row: row("a/link", "symlink", { link: "../elsewhere", mode: 0o777 }) },
    file("a-b", "beside a folder"),
    file("big.bin", seededRandom(5)(9000), { changed: true }),
    file("empty", ""),
    { row: row("hard", "hardlink", { link: "a/b.txt", owner: undefined }) },
    { row: row("pipe", "fifo") },
    file("zzz\n\u202e😀", "last"),
  ];
}
