/** Compares an archive, as it streams by, with a tree on disk: contents block by block, then metadata row by row. */
import type { StreamEvent } from "../archive/stream_reader.ts";
import type { ContentAccess } from "../archive/source.ts";
import type { Bytes } from "../engine/engine.ts";
import type { BlockEntry } from "../format/block.ts";
import { comparePaths, isAtOrBelow, ROOT_PATH } from "../format/path.ts";
import type { Row } from "../format/row.ts";
import { fileContent } from "./content.ts";
import { walk, type WalkEntry } from "./walk.ts";

/** One thing in which archive and tree differ. */
export interface Difference {
  /** The path in the archive. */
  readonly path: string;
  /** What kind of difference. */
  readonly kind: "only-in-archive" | "only-on-disk" | "kind" | "content" | "metadata" | "unreadable";
  /** The same for people, as the end of a sentence. */
  readonly message: string;
}

/** Where the tree is, and who is told. */
export interface CompareOptions {
  /** The folder that the archive's paths are below. */
  readonly directory: string;
  /** Called for each difference. */
  readonly onDifference: (difference: Difference) => void;
}

/** Bytes compared at once. */
const COMPARE_BYTES = 2 ** 18;

/** Takes the events of a stream and tells the differences as they are found. */
export class TreeComparison {
  readonly #options: CompareOptions;
  readonly #access: ContentAccess = fileContent;
  readonly #disk: Generator<WalkEntry, void, undefined>;
  readonly #buffer = new Uint8Array(COMPARE_BYTES);
  /** The file whose content was last said to differ: it is said once. */
  #differing: string | undefined;
  /** Where the compared content of the file at hand ends; what lies before and was not stored must be zeros. */
  #at: { readonly path: string; end: number } | undefined;
  /** The walk's entry that lies beyond the row looked for last. */
  #found: WalkEntry | undefined;
  /** The row that is looked for; `undefined` at the end. */
  #wanted: Row | undefined;
  /** The archive's folders above the row at hand. */
  readonly #folders: string[] = [];

  /** Prepares to compare with the tree at `options.directory`. */
  constructor(options: CompareOptions) {
    this.#options = options;
    const location = options.directory.endsWith("/") ? options.directory : `${options.directory}/`;
    this.#disk = walk([{ location, stored: "." }], {
      exclude: (path) => this.#leaveOut(path),
      onProblem: ({ path, reason }) => options.onDifference({ path, kind: "unreadable", message: reason }),
    });
  }

  /** Takes the next event. */
  take(event: StreamEvent): void {
    if (event.kind === "block") { for (const entry of event.block.entries) this.#content(entry, event.block.data); }
    if (event.kind === "page") {
      for (const [i, { row }] of event.page.entries.entries()) if (i > 0 || !event.page.continues) this.#row(row);
    }
    if (event.kind === "end") this.#lookFor(undefined);
  }

  /** Stops early. */
  close(): void {
    this.#disk.return();
  }

  #location(path: string): string {
    const { directory } = this.#options;
    return directory.endsWith("/") ? directory + path : `${directory}/${path}`;
  }

  #content({ row, provisional, slices }: BlockEntry, data: Bytes): void {
    if (row.kind !== "file" || this.#differing === row.path) return;
    if (this.#at?.path !== row.path) this.#at = { path: row.path, end: 0 };
    const at = this.#at;
    try {
      const reader = this.#access.open(this.#location(row.path));
      try {
        reader.status();
        for (const { fileOffset, length, dataOffset } of slices) {
          const same = this.#same(reader, at.end, fileOffset, undefined) &&
            this.#same(reader, fileOffset, fileOffset + length, data.subarray(dataOffset, dataOffset + length));
          if (!same) return this.#differs(row.path, "content", "its content differs");
          at.end = fileOffset + length;
        }
        if (!provisional && !this.#same(reader, at.end, row.size, undefined)) {
          this.#differs(row.path, "content", "its content differs");
        }
      } finally {
        reader.close();
      }
    } catch {
      // What is missing, or is no file, is told when its row comes.
    }
  }

  /** Compares a range of a file with bytes, or with zeros. */
  #same(reader: ReturnType<ContentAccess["open"]>, start: number, end: number, bytes: Bytes | undefined): boolean {
    for (let at = start; at < end;) {
      const wanted = Math.min(COMPARE_BYTES, end - at);
      const count = reader.read(at, this.#buffer.subarray(0, wanted));
      if (count === 0) return false;
      for (let i = 0; i < count; i++) {
        if (this.#buffer[i] !== (bytes === undefined ? 0 : bytes[at - start + i])) return false;
      }
      at += count;
    }
    return true;
  }

  #differs(path: string, kind: Difference["kind"], message: string): void {
    if (kind === "content") this.#differing = path;
    this.#options.onDifference({ path, kind, message });
  }

  /**
   * Whether the walk passes over an entry: it comes before the row that is looked for, and that is not below it, so it
   * is only on disk. Telling it here keeps the walk out of folders that the archive knows nothing of.
   */
  #leaveOut(path: string): boolean {
    const row = this.#wanted;
    if (row !== undefined && (comparePaths(path, row.path) >= 0 || isAtOrBelow(row.path, path))) return false;
    this.#onlyOnDisk(path);
    return true;
  }

  /** What is beside the archive's own entries is no difference: only its folders are compared as wholes. */
  #onlyOnDisk(path: string): void {
    const slash = path.lastIndexOf("/");
    if (!this.#folders.includes(slash < 0 ? ROOT_PATH : path.slice(0, slash))) return;
    if (!this.#isStorable(path)) return;
    this.#differs(path, "only-on-disk", "it is not in the archive");
  }

  /** Sockets and devices are never stored, so it is no difference that they are not. */
  #isStorable(path: string): boolean {
    try {
      const { isFile, isDirectory, isSymlink, isFifo } = Deno.lstatSync(this.#location(path));
      return isFile || isDirectory || isSymlink || isFifo === true;
    } catch {
      return true;
    }
  }

  /** Moves the walk to the row's path, or to the end; returns what is there. */
  #lookFor(row: Row | undefined): Row | undefined {
    this.#wanted = row;
    for (;;) {
      const found = this.#found ?? this.#disk.next().value ?? undefined;
      this.#found = found;
      if (found === undefined) return undefined;
      const order = row === undefined ? -1 : comparePaths(found.row.path, row.path);
      if (order > 0) return undefined;
      this.#found = undefined;
      if (order === 0) return found.row;
      // Folders on the way to the row are no entries of their own, and neither is the tree's own folder.
      const onTheWay = found.row.path === ROOT_PATH || (row !== undefined && isAtOrBelow(row.path, found.row.path));
      if (!onTheWay) this.#onlyOnDisk(found.row.path);
    }
  }

  #row(row: Row): void {
    const found = this.#lookFor(row);
    for (let top = this.#folders.at(-1); top !== undefined && !isAtOrBelow(row.path, top); top = this.#folders.at(-1)) {
      this.#folders.pop();
    }
    if (row.kind === "directory") this.#folders.push(row.path);
    if (found === undefined) this.#differs(row.path, "only-in-archive", "it is not on disk");
    else this.#compareRows(row, found);
  }

  #compareRows(stored: Row, found: Row): void {
    if (stored.kind === "hardlink") {
      if (found.kind === "hardlink" && found.link === stored.link) return;
      this.#differs(stored.path, "kind", `it is not a hard link to ${JSON.stringify(stored.link)} on disk`);
      return;
    }
    if (found.kind === "hardlink" && stored.kind === "file") {
      this.#differs(stored.path, "kind", `it is a hard link to ${JSON.stringify(found.link)} on disk`);
      return;
    }
    if (stored.kind !== found.kind) {
      this.#differs(stored.path, "kind", `it is a ${stored.kind} in the archive and a ${found.kind} on disk`);
      return;
    }
    const faults = metadataFaults(stored, found);
    const kind = stored.size === found.size ? "metadata" : "content";
    if (faults.length > 0) this.#differs(stored.path, kind, faults.join(", "));
  }
}

function metadataFaults(stored: Row, found: Row): string[] {
  const faults: string[] = [];
  if (stored.size !== found.size) faults.push(`its size is ${stored.size} in the archive and ${found.size} on disk`);
  if (stored.kind !== "symlink" && stored.mode !== found.mode) {
    faults.push(`its mode is ${octal(stored.mode)} in the archive and ${octal(found.mode)} on disk`);
  }
  if (stored.mtime.seconds !== found.mtime.seconds || stored.mtime.nanoseconds !== found.mtime.nanoseconds) {
    faults.push("its modification time differs");
  }
  if (stored.link !== found.link) faults.push("its target differs");
  if (stored.owner !== undefined && found.owner !== undefined) {
    if (stored.owner.uid !== found.owner.uid || stored.owner.gid !== found.owner.gid) faults.push("its owner differs");
  }
  return faults;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
