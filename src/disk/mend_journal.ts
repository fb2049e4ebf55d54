/**
 * The journal of a repair in place: all that is to be written, complete and on the disk before the archive is touched.
 * A crash while a page is written may spoil its neighbours as well; what the journal has is then still there.
 *
 * It is a header of 4,096 bytes (magic, two anchors), then for each page its offset (u64) and its
 * 4,096 bytes, and last SHA-256 of everything before.
 */
import type { Hash } from "node:crypto";
import type { MendableSource } from "../archive/repair.ts";
import type { Source } from "../archive/source.ts";
import type { Bytes } from "../engine/engine.ts";
import { diskFiles, type FileLayer, type WritableFile } from "./file_layer.ts";
import { FileSource } from "./file_source.ts";
import { nodeCrypto } from "./node_builtins.ts";

/** What a journal's name ends with, behind the archive's. */
export const JOURNAL_SUFFIX = ".journal";

const MAGIC = new TextEncoder().encode("coffer journal 1\n");
const HEADER_BYTES = 4096;
const ANCHOR_OFFSETS: readonly number[] = [64, 128];
const PAGE_BYTES = 4096;
const OFFSET_BYTES = 8;
const ENTRY_BYTES = OFFSET_BYTES + PAGE_BYTES;
const HASH_BYTES = 32;
/** Bytes of an anchor. */
export const ANCHOR_BYTES = 32;

/** Where journals are kept. */
export interface JournalFiles {
  readonly layer: FileLayer;
  /** Opens a journal for reading; `undefined` when there is none. */
  open(path: string): (Source & Disposable) | undefined;
}

/** The disk. */
export const diskJournals: JournalFiles = {
  layer: diskFiles,
  open: (path) => diskFiles.inspect(path)?.kind === "file" ? FileSource.open(path) : undefined,
};

/** Bytes that the archive has, and that are not written: where they are not, the journal is another archive's. */
export interface JournalAnchor {
  readonly offset: number;
  /** {@linkcode ANCHOR_BYTES} of them. */
  readonly bytes: Bytes;
}

/** Writes a journal. It does not count before {@linkcode finish} has returned. */
export class JournalWriter {
  readonly #path: string;
  readonly #layer: FileLayer;
  readonly #file: WritableFile;
  readonly #hash: Hash = nodeCrypto().createHash("sha256");

  /** Begins a journal of the archive that has one of these anchors, two at most. */
  constructor(path: string, layer: FileLayer, anchors: readonly JournalAnchor[]) {
    this.#path = path;
    this.#layer = layer;
    this.#file = layer.createExclusive(path, 0o600);
    const header = new Uint8Array(HEADER_BYTES);
    header.set(MAGIC);
    const view = new DataView(header.buffer);
    anchors.forEach(({ offset, bytes }, i) => {
      view.setBigUint64(ANCHOR_OFFSETS[i] as number, BigInt(offset));
      header.set(bytes, ANCHOR_OFFSETS[i] as number + OFFSET_BYTES);
    });
    this.#write(header);
  }

  #write(bytes: Bytes): void {
    this.#hash.update(bytes);
    writeAll(this.#file, bytes);
  }

  /** Adds a page that is to be written at an offset of the archive. */
  add(offset: number, page: Bytes): void {
    const entry = new Uint8Array(ENTRY_BYTES);
    new DataView(entry.buffer).setBigUint64(0, BigInt(offset));
    entry.set(page, OFFSET_BYTES);
    this.#write(entry);
  }

  /** Ends the journal; when it returns, all of it is on the disk, under its name. */
  finish(): void {
    writeAll(this.#file, new Uint8Array(this.#hash.digest()));
    this.#file.sync();
    this.#layer.syncDirectory(folderOf(this.#path));
    this.#file.close();
  }

  /** Gives it up. */
  abandon(): void {
    this.#file.close();
    this.#layer.remove(this.#path);
  }
}

function writeAll(file: WritableFile, bytes: Bytes): void {
  for (let done = 0; done < bytes.length;) done += file.write(bytes.subarray(done));
}

function folderOf(path: string): string {
  const end = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return end < 0 ? "." : path.slice(0, Math.max(end, 1));
}

/**
 * Writes into the archive what a journal has for it, and removes the journal; one that is not complete, or of another
 * archive, is removed alone. Returns how many pages were written. It can be repeated after a crash at any point.
 */
export async function replayJournal(path: string, journals: JournalFiles, target: MendableSource): Promise<number> {
  let pages = 0;
  {
    using journal = journals.open(path);
    if (journal === undefined) return 0;
    if (await isComplete(journal, target)) {
      for await (const { offset, page } of entriesOf(journal)) {
        await put(target, offset, page);
        pages++;
      }
      await target.sync();
    }
  }
  journals.layer.remove(path);
  journals.layer.syncDirectory(folderOf(path));
  return pages;
}

/** A page may begin before the archive's end and go on behind it. */
async function put(target: MendableSource, offset: number, page: Bytes): Promise<void> {
  const inside = Math.max(0, Math.min(page.length, target.size - offset));
  if (target.size < offset) throw new RangeError("Cannot mend the archive: its end is missing in the journal");
  if (inside > 0) await target.write(offset, page.subarray(0, inside));
  if (inside < page.length) await target.append(page.subarray(inside));
}

/** Whether all of a journal is there, and the archive is the one it was made for. */
async function isComplete(journal: Source, target: Source): Promise<boolean> {
  const entries = (journal.size - HEADER_BYTES - HASH_BYTES) / ENTRY_BYTES;
  if (!Number.isInteger(entries) || entries < 1) return false;
  const header = (await journal.read(0, HEADER_BYTES)).slice();
  if (!MAGIC.every((byte, i) => header[i] === byte)) return false;
  const hash = nodeCrypto().createHash("sha256").update(header);
  for (let i = 0; i < entries; i++) hash.update(await journal.read(HEADER_BYTES + i * ENTRY_BYTES, ENTRY_BYTES));
  if (!isSame(new Uint8Array(hash.digest()), await journal.read(journal.size - HASH_BYTES, HASH_BYTES))) return false;
  const view = new DataView(header.buffer);
  for (const at of ANCHOR_OFFSETS) {
    const offset = Number(view.getBigUint64(at));
    const bytes = header.subarray(at + OFFSET_BYTES, at + OFFSET_BYTES + ANCHOR_BYTES);
    if (offset > 0 && offset < target.size && isSame(await target.read(offset, ANCHOR_BYTES), bytes)) return true;
  }
  return false;
}

function isSame(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

async function* entriesOf(journal: Source): AsyncGenerator<{ readonly offset: number; readonly page: Bytes }> {
  for (let at = HEADER_BYTES; at < journal.size - HASH_BYTES; at += ENTRY_BYTES) {
    const entry = (await journal.read(at, ENTRY_BYTES)).slice();
    yield { offset: Number(new DataView(entry.buffer).getBigUint64(0)), page: entry.subarray(OFFSET_BYTES) };
  }
}
