/** Trees and archives for the tests of parallel work. */
import { createArchive, type CreateOptions } from "../../src/archive/create.ts";
import type { PlannedEntry } from "../../src/archive/planner.ts";
import { fileContent } from "../../src/disk/content.ts";
import { walk } from "../../src/disk/walk.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import type { EntryKind, Row } from "../../src/format/row.ts";
import { provisionalRow } from "../../src/format/rows.ts";

/** What opens the archives made here. */
export const KEY = { kind: "archive-key" as const, archiveKey: new Uint8Array(32).fill(1) };

/** Random bytes, however many. */
export function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

/** A tree with small files, empty ones, links, a sparse file, and one that spans many blocks. */
export function makeTree(): string {
  const root = Deno.makeTempDirSync();
  for (let d = 0; d < 8; d++) {
    Deno.mkdirSync(`${root}/folder-${d}`);
    for (let f = 0; f < 40; f++) Deno.writeTextFileSync(`${root}/folder-${d}/file-${f}`, `${d} ${f}\n`.repeat(f * 11));
  }
  Deno.chmodSync(`${root}/folder-0`, 0o750);
  Deno.linkSync(`${root}/folder-1/file-3`, `${root}/folder-2/linked`);
  Deno.symlinkSync("../folder-1", `${root}/folder-3/link`);
  const large = noise(300_000);
  Deno.writeFileSync(`${root}/large`, large, { mode: 0o640 });
  Deno.utimeSync(`${root}/large`, 1_000_000, 1_000_000);
  using sparse = Deno.createSync(`${root}/sparse`);
  sparse.truncateSync(200_000);
  sparse.seekSync(100_000, Deno.SeekMode.Start);
  sparse.writeSync(large.subarray(0, 5000));
  return root;
}

/** The entries of a tree, stored below `tree`. */
export function* entriesOf(root: string): Generator<PlannedEntry> {
  for (const { row, location, sparse } of walk([{ location: root, stored: "tree" }])) {
    yield { row, content: row.kind === "file" ? { kind: "file", location, sparse } : undefined };
  }
}

/** An entry made up, with content from memory for a file. */
export function entry(path: string, kind: EntryKind, content?: Bytes, more: Partial<Row> = {}): PlannedEntry {
  return {
    row: { ...provisionalRow(path, kind), mode: 0o755, ...more },
    content: kind === "file" ? { kind: "bytes", bytes: [content ?? new Uint8Array(0)] } : undefined,
  };
}

/** An archive of entries, with small blocks, so that it has many. */
export async function archiveOf(
  entries: Iterable<PlannedEntry> | AsyncIterable<PlannedEntry>,
  options: Partial<CreateOptions> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const sink = { write: (bytes: Bytes) => void pieces.push(new Uint8Array(bytes)) };
  await createArchive(nativeEngine, entries, sink, {
    keys: [KEY],
    access: fileContent,
    blockBytes: 20_000,
    time: { seconds: 1, nanoseconds: 0 },
    ...options,
  });
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** Everything there is to see of a tree, by path. */
export function snapshotOf(root: string): Record<string, string> {
  const seen: Record<string, string> = {};
  for (const { row, location } of walk([{ location: root, stored: "." }])) {
    const { kind, mode, size, mtime, link } = row;
    const content = kind === "file" ? nativeEngine.sha256(Deno.readFileSync(location)).toHex() : "";
    const time = kind === "directory" || kind === "file" ? `${mtime.seconds}.${mtime.nanoseconds}` : "";
    seen[row.path] = [kind, mode.toString(8), size, time, link, content].join(" ");
  }
  return seen;
}
