/**
 * Puts what comes out of a damaged archive into a folder, and writes down beside it what is missing. Names are as
 * hostile here as in an extraction, and the same {@linkcode RestoreTarget} deals with them.
 */
import { type ByteRange, bytesIn } from "../archive/byte_ranges.ts";
import type { SalvageEvent } from "../archive/salvage_files.ts";
import type { Salvaging } from "../archive/salvage_open.ts";
import { encodeUtf8 } from "../format/bytes.ts";
import { ArchiveError } from "../format/errors.ts";
import { FREE_EXPANSION_BYTES } from "../format/limits.ts";
import type { EntryKind, Row } from "../format/row.ts";
import { provisionalRow } from "../format/rows.ts";
import { TargetError } from "./atomic_file.ts";
import type { Piece, RestoreTarget } from "./restore.ts";
import { isFree } from "./restorer.ts";
import { isFatal, systemReason } from "./system_error.ts";

/** A file of which a part came out. */
export interface DamagedFile {
  readonly path: string;
  /** Its size; as far as it goes when the size is lost too. */
  readonly size: number;
  /** Bytes that are zeros now and may have been something else. */
  readonly lost: readonly ByteRange[];
  /** Its size and metadata are lost, and more may be missing at its end. */
  readonly isRowLost: boolean;
}

/** An entry of which nothing came out. */
export interface LostEntry {
  readonly path: string;
  readonly kind: EntryKind;
  readonly size: number;
}

/** How much is restored, and who is told. */
export interface SalvageOptions {
  /** Bytes of content restored for each byte of archive, before it is refused as a bomb. */
  readonly maxExpansion: number;
  /** Called for each entry that was restored. */
  readonly onEntry?: (row: Row) => void;
  /** Called for each file that is not whole, when it is there. */
  readonly onDamaged?: (file: DamagedFile) => void;
  /** Called for each entry that is lost. */
  readonly onLost?: (entry: LostEntry) => void;
  /** Called as content is written. */
  readonly onProgress?: (step: { readonly entries: number; readonly bytes: number; readonly path: string }) => void;
}

/** What came out. Memory is that of what did not. */
export interface SalvageReport {
  /** Entries of all kinds, those included that are not whole. */
  readonly entries: number;
  /** Bytes of file content. */
  readonly bytes: number;
  readonly damaged: readonly DamagedFile[];
  readonly lost: readonly LostEntry[];
}

/**
 * Restores everything that is left of an archive.
 *
 * @throws {ArchiveError} `limit` when it expands beyond the limit.
 */
export async function salvageInto(
  salvage: Salvaging,
  archiveBytes: number,
  target: RestoreTarget,
  options: SalvageOptions,
): Promise<SalvageReport> {
  const restorer = new SalvageRestorer(target, archiveBytes, options);
  for await (const event of salvage.events()) restorer.take(event);
  return restorer.done();
}

/** The name of the file that says what is missing; with a number when that is taken. */
export const REPORT_NAME = "coffer-salvage.damaged";

/** Writes a report into the target, under a name that nothing has. Returns the name. */
export function writeReport(target: RestoreTarget, text: string, now: Date): string | undefined {
  const bytes = encodeUtf8(text);
  for (let number = 1; number < 1000; number++) {
    const path = number === 1 ? REPORT_NAME : REPORT_NAME.replace(".", `-${number}.`);
    if (target.isTaken(path)) continue;
    const seconds = Math.floor(now.getTime() / 1000);
    const row: Row = {
      ...provisionalRow(path, "file"),
      size: bytes.length,
      mode: 0o644,
      mtime: { seconds, nanoseconds: 0 },
    };
    return target.writeFile(row, path, [{ fileOffset: 0, bytes }]) ? path : undefined;
  }
  return undefined;
}

class SalvageRestorer {
  readonly #target: RestoreTarget;
  readonly #options: SalvageOptions;
  readonly #limit: number;
  readonly #damaged = new Map<string, DamagedFile>();
  readonly #lost: LostEntry[] = [];
  #open: { readonly path: string; readonly handle: ReturnType<RestoreTarget["beginFile"]> } | undefined;
  #partBytes = 0;
  #entries = 0;
  #bytes = 0;
  #spent = 0;

  constructor(target: RestoreTarget, archiveBytes: number, options: SalvageOptions) {
    this.#target = target;
    this.#options = options;
    this.#limit = archiveBytes * options.maxExpansion + FREE_EXPANSION_BYTES;
  }

  take(event: SalvageEvent): void {
    const path = event.kind === "part" || event.kind === "dropped" ? event.path : event.row.path;
    try {
      this.#take(event);
    } catch (error) {
      if (!isFatal(error)) throw error;
      throw new TargetError(`Cannot restore "${path}": ${systemReason(error)}`, false, { cause: error });
    }
  }

  #take(event: SalvageEvent): void {
    switch (event.kind) {
      case "directory":
        this.#target.makeDirectory(event.row.path);
        break;
      case "part":
        this.#part(event.path, event.pieces);
        break;
      case "file":
        this.#file(event);
        break;
      case "dropped":
        this.#abandon();
        break;
      case "lost":
        if (!this.#damaged.has(event.row.path)) this.#lose(event.row);
        break;
      case "bare":
        if (!this.#target.wrote(event.row.path) && this.#target.writeFile(event.row, event.row.path, [])) {
          this.#count(event.row, 0);
        }
        break;
      case "withdrawn":
        if (this.#target.removeFile(event.row.path)) this.#entries--;
        break;
      case "link":
        this.#link(event.row);
        break;
      case "folder":
        if (this.#target.finishDirectory(event.row, event.row.path)) this.#count(event.row, 0);
        break;
    }
  }

  #file(event: Extract<SalvageEvent, { readonly kind: "file" }>): void {
    const { lost, isRowLost } = event;
    // A file whose metadata are lost is its owner's alone, of today.
    const row = isRowLost ? { ...event.row, mode: 0o600, mtime: nowAsTime() } : event.row;
    const { path } = row;
    let isThere: boolean;
    let bytes: number;
    if (this.#open?.path === path) {
      this.#part(path, event.pieces);
      const { handle } = this.#open;
      this.#open = undefined;
      isThere = handle?.finish(row) === true;
      bytes = this.#partBytes;
    } else {
      this.#abandon();
      const before = this.#spent;
      const kept = event.pieces.filter((piece) => this.#spend(piece.bytes.length, isFree(piece.bytes), path));
      isThere = this.#target.writeFile(row, path, kept);
      bytes = this.#spent - before;
    }
    if (!isThere) return;
    this.#count(row, bytes);
    if (lost.length === 0 && !isRowLost) return;
    this.#damage({ path, size: row.size, lost, isRowLost });
  }

  #damage(file: DamagedFile): void {
    this.#damaged.set(file.path, file);
    this.#options.onDamaged?.(file);
  }

  #lose({ path, kind, size }: Row): void {
    const entry = { path, kind, size };
    this.#lost.push(entry);
    this.#options.onLost?.(entry);
  }

  #part(path: string, pieces: readonly Piece[]): void {
    if (this.#open?.path !== path) {
      this.#abandon();
      this.#open = { path, handle: this.#target.beginFile(path) };
      this.#partBytes = 0;
    }
    for (const { fileOffset, bytes } of pieces) {
      if (!this.#spend(bytes.length, isFree(bytes), path)) continue;
      this.#open.handle?.writeAt(fileOffset, bytes);
      this.#partBytes += bytes.length;
    }
  }

  #abandon(): void {
    this.#open?.handle?.abandon();
    this.#open = undefined;
  }

  #spend(bytes: number, isFree: boolean, path: string): boolean {
    if (isFree) return false;
    this.#spent += bytes;
    if (this.#spent > this.#limit) {
      throw new ArchiveError(
        "limit",
        `Cannot restore the archive: its content is over ${this.#options.maxExpansion} times as large as it`,
        { path },
      );
    }
    this.#options.onProgress?.({ entries: 0, bytes, path: "" });
    return true;
  }

  #link(row: Row): void {
    const { path, kind, link } = row;
    if (kind === "symlink") {
      if (this.#target.symlink(row, path)) this.#count(row, 0);
    } else if (kind === "fifo") {
      if (this.#target.fifo(row, path)) this.#count(row, 0);
    } else if (!this.#target.wrote(link)) {
      this.#lose(row);
    } else if (this.#target.hardlink(path, link)) {
      this.#count(row, 0);
      const first = this.#damaged.get(link);
      if (first !== undefined) this.#damage({ ...first, path });
    } else if (!this.#target.isTaken(path)) {
      this.#target.refuse(path, `it is a hard link to ${JSON.stringify(link)}, and there are none on this file system`);
    }
  }

  #count(row: Row, bytes: number): void {
    this.#entries++;
    this.#bytes += bytes;
    this.#options.onEntry?.(row);
    this.#options.onProgress?.({ entries: 1, bytes: 0, path: row.path });
  }

  done(): SalvageReport {
    this.#abandon();
    return { entries: this.#entries, bytes: this.#bytes, damaged: [...this.#damaged.values()], lost: this.#lost };
  }
}

function nowAsTime(): Row["mtime"] {
  return { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 };
}

/** Bytes of a file that are lost. */
export function lostBytes({ lost }: DamagedFile): number {
  return bytesIn(lost);
}
