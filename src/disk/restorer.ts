/**
 * What comes out of an archive, put into a target: its files and folders first, then its links and what folders get.
 */
import type { Archive, CatalogEntry } from "../archive/archive.ts";
import type { BlockOpener, OpenSetting } from "../archive/block_opener.ts";
import type { Bytes } from "../engine/engine.ts";
import type { Block, BlockEntry } from "../format/block.ts";
import { isZero } from "../format/bytes.ts";
import { ArchiveError } from "../format/errors.ts";
import { FREE_EXPANSION_BYTES } from "../format/limits.ts";
import type { DecodedPage, PageEntry } from "../format/page.ts";
import { isAtOrBelow } from "../format/path.ts";
import type { Row } from "../format/row.ts";
import type { SomeRows } from "../format/row_table.ts";
import { TargetError } from "./atomic_file.ts";
import type { RestoreTarget } from "./restore.ts";
import type { Piece } from "./restore_options.ts";
import type { PartFile } from "./restore_part.ts";
import { isFatal, systemReason } from "./system_error.ts";

/** What is restored, and how much of it at most. */
export interface ExtractOptions {
  /**
   * Where an entry goes: a path below the target, or `undefined` when it is not wanted. Asked once or twice an entry,
   * and gives the same answer. Default: all are wanted, and go where their own paths say.
   */
  readonly place?: (row: Row) => string | undefined;
  /** With random access: only paths that begin with one of these are looked at. An empty one begins them all. */
  readonly prefixes: readonly string[];
  /** Bytes of content restored for each byte of archive, before it is refused as a bomb. */
  readonly maxExpansion: number;
  /** No two entries have the same place; so it is anyway where they go where their own paths say. */
  readonly distinctPlaces?: boolean;
  /** With random access: makes what restores files; without it they are restored here, one after the other. */
  readonly crew?: (host: FileHost) => FileCrew | undefined;
  /** With a stream: makes what opens its blocks; without it they are opened here, one after the other. */
  readonly opener?: (setting: OpenSetting) => BlockOpener<Block>;
  /** Ends the work early. */
  readonly signal?: AbortSignal;
  /** Called for each entry that was restored. */
  readonly onEntry?: (row: Row) => void;
  /** Called as content is written. */
  readonly onProgress?: (step: { readonly entries: number; readonly bytes: number; readonly path: string }) => void;
}

/** What a {@linkcode FileCrew} is given: the target, and what has to be known about its files here. */
export interface FileHost {
  readonly target: RestoreTarget;
  /** See {@linkcode ExtractOptions.distinctPlaces}. */
  readonly distinctPlaces: boolean;
  /** Sets bytes aside that may be written; false when the expansion limit could be exceeded by that. */
  reserve(bytes: number): boolean;
  /** Bytes that were set aside have been written, or were found to be free. */
  settle(reserved: number, written: number): void;
  /** A file is there, with so many bytes written for it. */
  restored(row: Row, bytes: number): void;
  /** The same of files whose rows have not been made objects. */
  restoredRows(rows: SomeRows, bytes: number): void;
  /** Runs what restores an entry; a condition of the whole disk is thrown with the entry's name. */
  restoring<T>(path: string, action: () => T): T;
  /** Gives the event loop its turn, when it has waited for long; rejects when the work is to end early. */
  turn(): Promise<void>;
  /** Restores a file that lies in one block here and now. */
  restoreHere(entry: PageEntry, path: string): Promise<void>;
  /** Writes some extents of a file here and now; returns the bytes written. */
  restorePiece(entry: PageEntry, part: PartFile): Promise<number>;
}

/** Restores files of an archive with random access elsewhere, several blocks at a time. */
export interface FileCrew {
  /**
   * Takes a file, or a piece of one whose extents come in several; `more` says that another one follows. Returns false
   * when it has to be restored by the caller, and then nothing of it was taken.
   */
  take(entry: CatalogEntry, more: boolean, path: string): boolean | Promise<boolean>;
  /**
   * Takes a file of a page, all of whose extents are there, to its own path. Returns false when it has to come as an
   * entry, and then nothing of it was taken.
   */
  takeRow(page: DecodedPage, index: number): boolean;
  /**
   * Gives out everything taken, and gives the stored path of the first file that may not be there yet, in path order;
   * `undefined` when all are.
   */
  giveOut(): Promise<string | undefined>;
  /** Resolves when everything taken is there. */
  finish(): Promise<void>;
  /** Gives up what is not finished; resolves when nothing is being written any more. Never rejects. */
  stop(): Promise<void>;
}

/** What was restored. */
export interface ExtractReport {
  /** Entries of all kinds. */
  readonly entries: number;
  /** Bytes of file content, holes not counted. */
  readonly bytes: number;
}

/** Runs of zeros at least this long become holes when they are restored: they are free, and so no bomb. */
const MIN_ZERO_RUN = 4096;

/** Where entries go. */
export function placeOf({ place = (row) => row.path }: ExtractOptions): (row: Row) => string | undefined {
  return place;
}

/** Whether bytes need not be written, because what is not written reads like them. */
export function isFree(bytes: Bytes): boolean {
  return bytes.length >= MIN_ZERO_RUN && isZero(bytes);
}

/** Puts entries into a target. Knows no archive, only what comes out of one. */
export class Restorer {
  readonly #target: RestoreTarget;
  readonly #options: ExtractOptions;
  readonly #place: (row: Row) => string | undefined;
  readonly #archiveBytes: () => number;
  /** Folders whose metadata waits until everything below them is there; each lies in the one before. */
  readonly #folders: { readonly row: Row; readonly path: string }[] = [];
  #open: { readonly path: string; readonly handle: ReturnType<RestoreTarget["beginFile"]> } | undefined;
  /** Hardlinks of a stream: a first name that is withdrawn later was no entry, and what was linked to it is none. */
  #links: Map<string, { readonly row: Row; readonly path: string }[]> | undefined;
  #entries = 0;
  /** Bytes taken off the archive to be written, for the expansion limit. */
  #spent = 0;
  /** Bytes that a crew may still take off it. */
  #reserved = 0;
  /** Bytes of the file at hand, and of all that are there now. */
  #partBytes = 0;
  #bytes = 0;

  constructor(target: RestoreTarget, options: ExtractOptions, archiveBytes: () => number) {
    this.#target = target;
    this.#options = options;
    this.#place = placeOf(options);
    this.#archiveBytes = archiveBytes;
  }

  /** A condition of the whole disk, such as a full one, ends the work; it is told with the name of the entry. */
  #restoring<T>(path: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (!isFatal(error)) throw error;
      throw new TargetError(`Cannot restore "${path}": ${systemReason(error)}`, false, { cause: error });
    }
  }

  /** What a crew needs of this, with what lets others have a turn, restores a whole file here, and reads one. */
  host(turn: FileHost["turn"], restoreHere: FileHost["restoreHere"], read: Archive["read"]): FileHost {
    return {
      target: this.#target,
      distinctPlaces: this.#options.distinctPlaces === true || this.#options.place === undefined,
      reserve: (bytes) => {
        if (this.#spent + this.#reserved + bytes > this.#limit()) return false;
        this.#reserved += bytes;
        return true;
      },
      settle: (reserved, written) => {
        this.#reserved -= reserved;
        this.#spent += written;
        this.#options.onProgress?.({ entries: 0, bytes: written, path: "" });
      },
      restored: (row, bytes) => this.#count(row, bytes),
      restoredRows: (rows, bytes) => this.#countRows(rows, bytes),
      restoring: (path, action) => this.#restoring(path, action),
      turn,
      restoreHere,
      restorePiece: async (entry, part) => {
        const before = this.#spent;
        for await (const { fileOffset, bytes } of read(entry)) {
          if (this.#spend(bytes)) this.#restoring(part.path, () => part.writeAt(fileOffset, bytes));
        }
        return this.#spent - before;
      },
    };
  }

  #limit(): number {
    return this.#archiveBytes() * this.#options.maxExpansion + FREE_EXPANSION_BYTES;
  }

  directory(row: Row, path: string): void {
    this.#restoring(path, () => this.#target.makeDirectory(path));
    this.#options.onProgress?.({ entries: 0, bytes: 0, path: row.path });
  }

  /** A file that is complete. */
  file(row: Row, path: string, pieces: readonly Piece[]): void {
    const before = this.#spent;
    const kept = pieces.filter((piece) => this.#spend(piece.bytes));
    const written = this.#restoring(path, () => this.#target.writeFile(row, path, kept));
    if (written) this.#count(row, this.#spent - before);
  }

  /** Some bytes of a file that comes in parts. */
  part(name: string, path: string, pieces: readonly Piece[]): void {
    if (this.#open?.path !== name) {
      this.#abandon();
      this.#open = { path: name, handle: this.#restoring(path, () => this.#target.beginFile(path)) };
      this.#partBytes = 0;
    }
    for (const { fileOffset, bytes } of pieces) {
      if (!this.#spend(bytes)) continue;
      const { handle } = this.#open;
      this.#restoring(path, () => handle?.writeAt(fileOffset, bytes));
      this.#partBytes += bytes.length;
    }
  }

  /** The last part of a file has come. */
  endFile(row: Row, path: string): void {
    if (this.#open?.path !== row.path) this.part(row.path, path, []);
    const open = this.#open;
    this.#open = undefined;
    if (this.#restoring(path, () => open?.handle?.finish(row)) === true) this.#count(row, this.#partBytes);
  }

  #abandon(): void {
    this.#open?.handle?.abandon();
    this.#open = undefined;
  }

  /** Whether bytes are to be written; those that are count against the expansion limit. */
  #spend(bytes: Bytes): boolean {
    if (isFree(bytes)) return false;
    this.#spent += bytes.length;
    if (this.#spent > this.#limit()) {
      throw new ArchiveError(
        "limit",
        `Cannot restore the archive: its content is over ${this.#options.maxExpansion} times as large as it`,
      );
    }
    this.#options.onProgress?.({ entries: 0, bytes: bytes.length, path: "" });
    return true;
  }

  #count(row: Row, bytes = 0): void {
    this.#entries++;
    this.#bytes += bytes;
    this.#options.onEntry?.(row);
    this.#options.onProgress?.({ entries: 1, bytes: 0, path: row.path });
  }

  #countRows({ table, from, to }: SomeRows, bytes: number): void {
    this.#entries += to - from;
    this.#bytes += bytes;
    const { onEntry } = this.#options;
    for (let i = from; onEntry !== undefined && i < to; i++) onEntry(table.row(i));
    this.#options.onProgress?.({ entries: to - from, bytes: 0, path: table.paths.text(to - 1) });
  }

  /** One entry of a block, from a stream. */
  blockEntry({ row, provisional, slices }: BlockEntry, data: Bytes): void {
    const path = this.#place(row);
    if (path === undefined) return;
    if (row.kind === "directory") this.directory(row, path);
    if (row.kind !== "file") return;
    const pieces = slices.map((slice) => ({
      fileOffset: slice.fileOffset,
      bytes: data.subarray(slice.dataOffset, slice.dataOffset + slice.length),
    }));
    if (!provisional && this.#open?.path !== row.path) {
      this.file(row, path, pieces);
      return;
    }
    this.part(row.path, path, pieces);
    if (!provisional) this.endFile(row, path);
  }

  /** A catalog page, from a stream. */
  page(entries: readonly PageEntry[], continues: boolean): void {
    this.#links ??= new Map();
    this.#abandon();
    for (const [i, { row }] of entries.entries()) {
      if (i === 0 && continues) continue;
      const path = this.#place(row);
      if (path === undefined) continue;
      if (!this.finishEntry(row, path)) this.refuseLink(row, path);
    }
  }

  /** Tells that a hardlink's first name is not there to be linked to. */
  refuseLink(link: Row, path: string): void {
    this.#target.refuse(path, `it is a hard link to ${JSON.stringify(link.link)}, which was not restored`);
  }

  /** What a stream's blocks held and its catalog does not is taken away again. */
  orphans(entries: readonly PageEntry[]): void {
    for (const { row, provisional } of entries) {
      const path = provisional ? undefined : this.#place(row);
      if (path === undefined) continue;
      this.#target.removeFile(path);
      for (const link of this.#links?.get(path) ?? []) {
        this.#target.removeFile(link.path);
        this.#entries--;
        this.refuseLink(link.row, link.path);
      }
    }
  }

  /** The second way through the catalog. Returns false for a hardlink whose first name is not there. */
  finishEntry(row: Row, path: string): boolean {
    for (let top = this.#folders.at(-1); top !== undefined; top = this.#folders.at(-1)) {
      if (isAtOrBelow(row.path, top.row.path)) break;
      this.#finishFolder();
    }
    return this.#restoring(path, () => this.#finishKind(row, path));
  }

  #finishKind(row: Row, path: string): boolean {
    switch (row.kind) {
      case "directory":
        this.#folders.push({ row, path });
        break;
      case "hardlink": {
        const first = this.#place({ ...row, kind: "file", path: row.link, link: "" });
        if (first === undefined || !this.#target.hardlink(path, first)) return false;
        const links = this.#links?.get(first);
        if (links === undefined) this.#links?.set(first, [{ row, path }]);
        else links.push({ row, path });
        this.#count(row);
        break;
      }
      case "symlink":
        if (this.#target.symlink(row, path)) this.#count(row);
        break;
      case "fifo":
        if (this.#target.fifo(row, path)) this.#count(row);
        break;
      case "file":
        break;
    }
    return true;
  }

  #finishFolder(): void {
    const folder = this.#folders.pop();
    if (folder !== undefined && this.#target.finishDirectory(folder.row, folder.path)) this.#count(folder.row);
  }

  done(): ExtractReport {
    this.#abandon();
    while (this.#folders.length > 0) this.#finishFolder();
    return { entries: this.#entries, bytes: this.#bytes };
  }
}
