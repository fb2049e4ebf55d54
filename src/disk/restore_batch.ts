/**
 * Files of an extraction target that another thread writes. All that decides where they go stays here: folders are
 * made and entered by the target, and held open until the batch is closed. The other thread makes each file
 * exclusively in a folder that it reaches by descriptor, so it cannot end up elsewhere; a name that is taken comes back
 * to be dealt with by the target itself.
 */
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

/** Files to be written by another thread. */
export class FileBatch implements Disposable {
  readonly #host: BatchHost;
  readonly #distinct: boolean;
  readonly #held: OpenFolder[] = [];
  readonly #numbers = new Map<string, number>();

  /** Made by the target only. */
  constructor(host: BatchHost, distinct: boolean) {
    this.#host = host;
    this.#distinct = distinct;
  }

  /** For each folder, what goes before a name in it; good until the batch is closed. */
  get prefixes(): string[] {
    return this.#held.map((folder) => folder.prefix);
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

  /** The file is there. */
  written(path: string): void {
    this.#host.names.wrote(path);
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
