/** Archives in memory that grow, from trees written as text. */
import { assertEquals } from "@std/assert";
import { Archive, type OpenOptions } from "../../src/archive/archive.ts";
import { ChangeFinder } from "../../src/archive/changes.ts";
import type { PlannedEntry } from "../../src/archive/planner.ts";
import { ArchiveStream } from "../../src/archive/stream_reader.ts";
import {
  type AppendableSource,
  updateArchive,
  type UpdateOptions,
  type WrittenUpdate,
} from "../../src/archive/update.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { comparePaths } from "../../src/format/path.ts";
import type { Row } from "../../src/format/row.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import type { Item } from "./archive_draft.ts";
import { asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "./memory_files.ts";

/** What opens them. */
export const KEYS = { keys: FIXED_OPTIONS.keys };
/** The second in which their first snapshot was begun. */
export const TIME = 1_700_000_000;

/** An archive in memory that can grow. */
export class MemoryArchive implements AppendableSource {
  bytes: Bytes;
  constructor(bytes: Bytes) {
    this.bytes = bytes.slice();
  }
  get size(): number {
    return this.bytes.length;
  }
  read(offset: number, length: number): Promise<Bytes> {
    return Promise.resolve(this.bytes.slice(offset, offset + length));
  }
  write(offset: number, bytes: Bytes): Promise<void> {
    this.bytes.set(bytes, offset);
    return Promise.resolve();
  }
  append(bytes: Bytes): Promise<void> {
    const grown = new Uint8Array(this.bytes.length + bytes.length);
    grown.set(this.bytes);
    grown.set(bytes, this.bytes.length);
    this.bytes = grown;
    return Promise.resolve();
  }
  truncate(length: number): Promise<void> {
    this.bytes = this.bytes.slice(0, length);
    return Promise.resolve();
  }
  sync(): Promise<void> {
    return Promise.resolve();
  }
}

/** A tree as text by path; `undefined` is a directory, what begins with `=` a hard link. */
export type Tree = Readonly<Record<string, string | undefined>>;

/** What a tree is made of, in path order; `seconds` is the time of every file, `mode` its mode. */
export function itemsOf(tree: Tree, seconds = TIME - 1000, mode = 0o644): Item[] {
  const sorted = Object.entries(tree).sort(([a], [b]) => comparePaths(a, b));
  return sorted.map(([path, text]): Item => {
    const kind = text === undefined ? "directory" : text.startsWith("=") ? "hardlink" : "file";
    const row: Row = {
      ...provisionalRow(path, kind),
      mode: text === undefined ? 0o755 : mode,
      size: kind === "file" ? (text as string).length : 0,
      link: kind === "hardlink" ? (text as string).slice(1) : "",
      mtime: { seconds: text === undefined ? TIME - 5000 : seconds, nanoseconds: 0 },
      ctime: seconds,
      inode: 7,
    };
    return kind === "file" ? { row, content: new TextEncoder().encode(text) } : { row } as Item;
  });
}

/**
 * Appends a snapshot; what is not among the items is gone, unless `keep` says otherwise. What is known is passed over
 * as a walk does, unless `glances` says no.
 */
export async function update(
  target: AppendableSource,
  items: readonly Item[],
  options: Partial<UpdateOptions> & {
    checksum?: boolean;
    keep?: (path: string) => boolean;
    glances?: boolean;
    pagesAhead?: number;
  } = {},
): Promise<WrittenUpdate | undefined> {
  const archive = await Archive.open(nativeEngine, target, { ...KEYS, snapshot: { kind: "newest" } });
  const access = new MemoryFiles(items);
  const finder = new ChangeFinder(nativeEngine, archive, {
    isGone: (path) => options.keep?.(path) !== true,
    access,
    ...(options.checksum === undefined ? {} : { checksum: options.checksum }),
    pagesAhead: options.pagesAhead ?? 0,
  });
  const found = options.glances === false ? asFiles(items) : unknown(finder, asFiles(items));
  return await updateArchive(nativeEngine, target, archive, finder, found, { access, ...options });
}

function* unknown(finder: ChangeFinder, entries: Iterable<PlannedEntry>): Generator<PlannedEntry> {
  for (const entry of entries) {
    const { path, kind, mtime } = entry.row;
    const cut = path.lastIndexOf("/") + 1;
    const isDirectory = kind === "directory";
    const glance = { ...entry.row, isDirectory, mtimeSeconds: mtime.seconds, mtimeNanoseconds: mtime.nanoseconds };
    if ((isDirectory || kind === "file") && finder.isKnown(path.slice(0, cut), path.slice(cut), glance)) continue;
    yield entry;
  }
}

/** An archive of one snapshot. */
export async function created(items: readonly Item[]): Promise<MemoryArchive> {
  const { known } = await createInMemory(asFiles(items), { access: new MemoryFiles(items) });
  return new MemoryArchive(known);
}

/** The tree that a snapshot holds; directories are `undefined`. */
export async function treeOf(target: AppendableSource, options: Partial<OpenOptions> = {}): Promise<Tree> {
  const archive = await Archive.open(nativeEngine, target, { ...KEYS, ...options });
  const tree: Record<string, string | undefined> = {};
  for await (const entry of archive.entries()) {
    const { path, kind, link } = entry.row;
    let text = entry.continued ? tree[path] ?? "" : "";
    for await (const { bytes } of archive.read(entry)) text += new TextDecoder().decode(bytes);
    tree[path] = kind === "directory" ? undefined : kind === "hardlink" ? `=${link}` : text;
  }
  assertEquals(archive.trailer.totals.entries, Object.keys(tree).length);
  return tree;
}

/** Reads the whole from front to back, and says how many snapshots it has. */
export async function verify(target: MemoryArchive): Promise<number> {
  const { number } = await Archive.open(nativeEngine, target, { ...KEYS, snapshot: { kind: "newest" } });
  const stream = await ArchiveStream.open(nativeEngine, [target.bytes], { ...KEYS, segments: { through: number - 1 } });
  for await (const { kind } of stream.events()) if (kind === "end") return number;
  throw new Error("the stream has no end");
}
