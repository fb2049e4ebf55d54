/**
 * Files of an extraction target that another thread writes. All that decides where they go stays here: folders are
 * made and entered by the target, and held open until the batch is closed. The other thread makes each file
 * exclusively in a folder that it reaches by descriptor, so it cannot end up elsewhere; a name that is taken comes back
 * to be dealt with by the target itself.
 */
import type { PathTable } from "../format/path_table.ts";
import type { SomeRows } from "../format/row_table.ts";
import { Refusal } from "./refusal.ts";
import type { OpenFolder, TargetFolders } from "./target_folders.ts";
import type { TargetNames } from "./target_names.ts";

/** Folders that one batch holds open; some batches are under way at a time, and descriptors are few. */
const MAX_HELD_FOLDERS = 48;

/** What the target does for its batches. */
export interface BatchHost {
  readonly folders: TargetFolders;
  readonly names: TargetNames;
  attempt(path: string, action: () => boolean): boolean;
  tell(path: string, error: unknown): void;
  tellMetadata(path: string, what: string, error: unknown): void;
  parentOf(path: string): { readonly folder: OpenFolder; readonly name: string };
}

/** Where the other thread makes a file: in the folder of that number, under that name. */
export interface BatchPlace {
  readonly folder: number;
  readonly name: string;
}

/** A file, and the folder that it lies in. */
interface StoredPlace {
  readonly paths: PathTable;
  index: number;
  readonly folder: number;
  readonly folderBytes: number;
}

/** Files to be written by another thread. */
export class FileBatch implements Disposable {
  readonly #host: BatchHost;
  readonly #distinct: boolean;
  readonly #held: OpenFolder[] = [];
  readonly #numbers = new Map<string, number>();
  /** The file that was added last by its stored path. */
  #last: StoredPlace | undefined;

  /** Made by the target only. */
  constructor(host: BatchHost, distinct: boolean) {
    this.#host = host;
    this.#distinct = distinct;
  }

  /** For each folder its descriptor, which is good until the batch is closed. */
  get folders(): number[] {
    return this.#held.map((folder) => folder.descriptor as number);
  }

  /**
   * Adds a file: where it is to be made, `refused` with the reason told, or `full` when it has to wait for another
   * batch.
   */
  add(path: string): BatchPlace | "refused" | "full" {
    let place: BatchPlace | "refused" | "full" = "refused";
    this.#host.attempt(path, () => {
      const { folder, name } = this.#host.parentOf(path);
      let number = this.#numbers.get(folder.path);
      if (number === undefined && this.#held.length >= MAX_HELD_FOLDERS) {
        place = "full";
        return false;
      }
      // Two entries with one place are told apart by their order here, not by which thread is faster.
      if (!this.#distinct && !this.#host.names.claim(path)) {
        throw new Refusal("collision", "another entry has the same name on this file system");
      }
      if (number === undefined) {
        number = this.#held.push(this.#host.folders.hold(folder)) - 1;
        this.#numbers.set(folder.path, number);
      }
      place = { folder: number, name };
      return true;
    });
    return place;
  }

  /**
   * Does what {@linkcode add} does for a file whose place is its path in the archive, which was checked when it was
   * read and is no other entry's: the number of its folder, in which it gets its own name; or what hinders it.
   */
  addStored(paths: PathTable, index: number): number | "refused" | "full" {
    const place = this.add(paths.text(index));
    if (typeof place === "string") return place;
    const { folder } = place;
    this.#last = { paths, index, folder, folderBytes: paths.folderBytes(index) };
    return folder;
  }

  /** The same where the file lies beside the one that was added last, as most do; otherwise it does nothing. */
  beside(paths: PathTable, index: number): number | undefined {
    const last = this.#last;
    if (last?.paths !== paths || last.index + 1 !== index || !paths.isBeside(index, last.folderBytes)) return undefined;
    last.index = index;
    return last.folder;
  }

  /** The file is there. */
  written(path: string): void {
    this.#host.names.wrote(path);
  }

  /** Files are there. */
  writtenRows(rows: SomeRows): void {
    this.#host.names.wroteRows(rows);
  }

  /** The file could not be made; a condition of the whole disk is thrown. */
  failed(path: string, error: unknown): void {
    this.#host.tell(path, error);
  }

  /** The file is there, but something of its metadata could not be set. */
  metadataFailed(path: string, what: string, error: unknown): void {
    this.#host.tellMetadata(path, what, error);
  }

  /** Gives the folders back; nothing of the batch may be under way any more. */
  [Symbol.dispose](): void {
    for (const folder of this.#held.splice(0)) this.#host.folders.release(folder);
  }
}
