/** Files of one block that are restored together. */
import { contentError } from "../archive/content_error.ts";
import type { FileBatch } from "../disk/restore_batch.ts";
import type { PartFile } from "../disk/restore_part.ts";
import type { DecodedPage, PageEntry } from "../format/page.ts";
import type { BlockPlace, Row } from "../format/row.ts";
import { isSame } from "./block_extents.ts";
import { WorkerFailure } from "./crew.ts";
import { FilePacker, type FileShare } from "./restore_message.ts";

/** A file of several blocks that is being written. */
export interface OpenPart {
  /** Its stored path. */
  readonly name: string;
  /** `undefined` when it is not to be written; why has been told. */
  readonly handle: PartFile | undefined;
  /** Shares of it that are under way. */
  pending: number;
  bytes: number;
  /**
   * The first thing that went wrong with it. Its descriptor is kept until nothing is under way: numbers are used again.
   */
  failure: Error | undefined;
  /** Its row, once all of it has been given out. */
  ended: Row | undefined;
}

/** A file that came as an entry. */
export interface EntryFile {
  readonly entry: PageEntry;
  readonly path: string;
  readonly part: OpenPart | undefined;
}

/** Files that come one behind the other, as they came: rows of one page, or one entry. */
export type FileRun =
  & { readonly first: number; readonly count: number }
  & ({ readonly page: DecodedPage; readonly row: number } | { readonly page: undefined; readonly file: EntryFile });

/** Rows of a page, of which more may follow. */
interface GrowingRun {
  readonly first: number;
  count: number;
  readonly page: DecodedPage;
  readonly row: number;
}

/** Files of one block. No object lives for those that came as rows, but for one where several lie together. */
export class FileGroup {
  readonly files = new FilePacker();
  readonly batch: FileBatch;
  /** Bytes that are set aside for them. */
  reserved = 0;
  /** Their block; `undefined` as long as none has content. */
  place: BlockPlace | undefined;
  readonly #runs: FileRun[] = [];
  #rows: GrowingRun | undefined;
  readonly #most: number;

  /** For so many files at most. */
  constructor(batch: FileBatch, most: number) {
    this.batch = batch;
    this.#most = most;
  }

  /** All of them, in their order. */
  get runs(): readonly FileRun[] {
    return this.#runs;
  }

  /** Whether a file can be in it that lies in this block, or in none. */
  fits(place: BlockPlace | undefined): boolean {
    if (this.files.count >= this.#most) return false;
    return place === undefined || this.place === undefined || isSame(this.place, place);
  }

  /** Adds a file for which so many bytes are set aside. */
  add(share: FileShare, file: EntryFile, bytes: number): void {
    this.#rows = undefined;
    this.#runs.push({ first: this.files.count, count: 1, page: undefined, file });
    this.files.add(share);
    this.#reserve(bytes, share.extents[0]?.block);
  }

  /** The same for a row of a page, which gets its own name in the batch's folder of that number. */
  addRow(page: DecodedPage, row: number, folder: number, bytes: number, place: BlockPlace | undefined): void {
    const rows = this.#rows;
    if (rows?.page === page && rows.row + rows.count === row) rows.count++;
    else this.#runs.push(this.#rows = { first: this.files.count, count: 1, page, row });
    this.files.addRow(page.rows, row, page.extents, folder);
    this.#reserve(bytes, place);
  }

  #reserve(bytes: number, place: BlockPlace | undefined): void {
    this.reserved += bytes;
    this.place ??= place;
  }
}

/** A file of a run as it came, or as it would have come as an entry. */
export function fileOf(run: FileRun, index: number): EntryFile {
  if (run.page === undefined) return run.file;
  const entry = run.page.entry(run.row + index - run.first);
  return { entry, path: entry.row.path, part: undefined };
}

/** The first file of a group that has any. */
export function firstOf({ runs }: FileGroup): EntryFile {
  return fileOf(runs[0] as FileRun, 0);
}

/** What was wrong with the block of some files, with them named. */
export function damageOf(group: FileGroup, error: unknown): unknown {
  const { row, extents } = firstOf(group).entry;
  return contentError(error, row.path, extents, group.files.count - 1);
}

/** How the thread failed that had some files, with them named. */
export function failureOf(group: FileGroup, error: WorkerFailure): WorkerFailure {
  const path = JSON.stringify(firstOf(group).path);
  const what = group.files.count > 1 ? `${path} and what follows it` : path;
  return new WorkerFailure(`Cannot restore ${what}: ${error.message}`, { cause: error });
}
