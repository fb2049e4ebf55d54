/**
 * Files to be restored on their way to whoever writes them: columns of numbers and bytes. A tree has a hundred thousand
 * files, and objects that live until they are restored cost more than all that is said of them.
 */
import { lastPart } from "../disk/target_paths.ts";
import type { Bytes } from "../engine/engine.ts";
import { decodeUtf8, encodeUtf8 } from "../format/bytes.ts";
import type { ExtentTable } from "../format/extent_table.ts";
import type { Extent, Owner, Row } from "../format/row.ts";
import type { FileValues, RowTable } from "../format/row_table.ts";
import type { RowMark } from "../format/rows.ts";

/** Where a file's bytes go: into a new file in a folder, or into one that is open. */
export type FileGoal =
  | { readonly kind: "name"; readonly folder: number; readonly name: string }
  | { readonly kind: "descriptor"; readonly descriptor: number };

/** One file, or what one block holds of it. */
export interface FileShare {
  /** Its row in the catalog. */
  readonly row: Row;
  /** Its places in the block. */
  readonly extents: readonly Extent[];
  /** What a later update says of the row. */
  readonly mark: RowMark | undefined;
  readonly goal: FileGoal;
}

/** Files in transit. */
export interface PackedFiles {
  readonly count: number;
  /** {@linkcode NUMBERS} for each file, and room for more. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** For each extent: offset in the file, length, offset in the block's data; 1 when it is shared. Room for more. */
  readonly extents: Float64Array<ArrayBuffer>;
  /** Stored paths, each with a NUL behind it, which no path holds. */
  readonly paths: Uint8Array<ArrayBuffer>;
  /** The different owners. */
  readonly owners: readonly Owner[];
  /** Content hashes by the index of their file. */
  readonly hashes: readonly (readonly [index: number, hash: Bytes])[];
  /** Names in folders by the index of their file, where they are not the last part of its path. */
  readonly names: readonly (readonly [index: number, name: string])[];
  /** The folders that new files go into, by their descriptors. */
  readonly folders: readonly number[];
}

/** What a file has in the column of numbers, and how many that are. */
const NUMBER = {
  mode: 0,
  size: 1,
  seconds: 2,
  nanoseconds: 3,
  ctime: 4,
  dev: 5,
  inode: 6,
  /** Its place among the owners plus one; 0 when none is known. */
  owner: 7,
  changed: 8,
  mark: 9,
  extents: 10,
  /** The number of its folder; -1 for what goes into an open file. */
  folder: 11,
  descriptor: 12,
  pathBytes: 13,
} as const;
const NUMBERS = 14;
const EXTENT_NUMBERS = 4;
/** Marks by their number in a message. */
const MARKS: readonly (RowMark | undefined)[] = [undefined, "gone", "kept", "moved"];
const SLASH = 0x2f;
/** Room for as many files, and as many bytes of each path, at first. */
const FIRST_FILES = 64;
const FIRST_PATH_BYTES = 64;

/** Packs files, one by one. */
export class FilePacker {
  #count = 0;
  #numbers = new Float64Array(FIRST_FILES * NUMBERS);
  #extents = new Float64Array(FIRST_FILES * EXTENT_NUMBERS);
  #extentsEnd = 0;
  #paths = new Uint8Array(FIRST_FILES * FIRST_PATH_BYTES);
  #pathsEnd = 0;
  readonly #owners: Owner[] = [];
  #owner: Owner | undefined;
  #ownerNumber = 0;
  readonly #hashes: [number, Bytes][] = [];
  readonly #names: [number, string][] = [];

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Adds a file. */
  add({ row, extents, mark, goal }: FileShare): void {
    const path = encodeUtf8(row.path);
    this.#addPath(path, 0, path.length);
    for (const { fileOffset, length, dataOffset, shared } of extents) {
      this.#addExtent(fileOffset, length, dataOffset, shared ? 1 : 0);
    }
    const { seconds, nanoseconds } = row.mtime;
    const at = this.#addNumbers(row.mode, row.size, seconds, nanoseconds, row.owner);
    this.#addOrigin(at, row.ctime, row.dev, row.inode, row.changed);
    const numbers = this.#numbers;
    numbers[at + NUMBER.mark] = MARKS.indexOf(mark);
    numbers[at + NUMBER.folder] = goal.kind === "name" ? goal.folder : -1;
    numbers[at + NUMBER.descriptor] = goal.kind === "name" ? -1 : goal.descriptor;
    if (goal.kind === "name" && goal.name !== lastPart(row.path)) this.#names.push([this.#count, goal.name]);
    this.#end(at, extents.length, path.length, row.contentHash);
  }

  /** Adds a file of a table that nothing marks, which gets its own name in a folder. */
  addRow(rows: RowTable, index: number, extents: ExtentTable, folder: number): void {
    const { starts, bytes } = rows.paths;
    this.#addPath(bytes, starts[index] as number, starts[index + 1] as number);
    const from = extents.starts[index] as number;
    const to = extents.starts[index + 1] as number;
    for (let i = from; i < to; i++) {
      this.#addExtent(extents.fileOffset(i), extents.length(i), extents.dataOffset(i), extents.isShared(i) ? 1 : 0);
    }
    const at = this.#addNumbers(
      rows.modes[index] as number,
      rows.sizes[index] as number,
      rows.seconds[index] as number,
      rows.nanoseconds[index] as number,
      rows.owner(index),
    );
    const [ctime, dev, inode] = [
      rows.ctimes[index] as number,
      rows.devs[index] as number,
      rows.inodes[index] as number,
    ];
    this.#addOrigin(at, ctime, dev, inode, rows.isChanged(index));
    const numbers = this.#numbers;
    numbers[at + NUMBER.mark] = 0;
    numbers[at + NUMBER.folder] = folder;
    numbers[at + NUMBER.descriptor] = -1;
    this.#end(at, to - from, (starts[index + 1] as number) - (starts[index] as number), rows.hashes?.[index]);
  }

  #end(at: number, extents: number, pathBytes: number, hash: Bytes | undefined): void {
    this.#numbers[at + NUMBER.extents] = extents;
    this.#numbers[at + NUMBER.pathBytes] = pathBytes;
    if (hash !== undefined) this.#hashes.push([this.#count, hash]);
    this.#count++;
  }

  #addNumbers(mode: number, size: number, seconds: number, nanoseconds: number, owner: Owner | undefined): number {
    const at = this.#count * NUMBERS;
    if (at === this.#numbers.length) this.#numbers = doubled(this.#numbers, new Float64Array(2 * at));
    const numbers = this.#numbers;
    numbers[at + NUMBER.mode] = mode;
    numbers[at + NUMBER.size] = size;
    numbers[at + NUMBER.seconds] = seconds;
    numbers[at + NUMBER.nanoseconds] = nanoseconds;
    if (owner !== this.#owner) {
      this.#owner = owner;
      this.#ownerNumber = owner === undefined ? 0 : this.#owners.indexOf(owner) + 1;
      if (owner !== undefined && this.#ownerNumber === 0) this.#ownerNumber = this.#owners.push(owner);
    }
    numbers[at + NUMBER.owner] = this.#ownerNumber;
    return at;
  }

  #addOrigin(at: number, ctime: number, dev: number, inode: number, isChanged: boolean): void {
    const numbers = this.#numbers;
    numbers[at + NUMBER.ctime] = ctime;
    numbers[at + NUMBER.dev] = dev;
    numbers[at + NUMBER.inode] = inode;
    numbers[at + NUMBER.changed] = isChanged ? 1 : 0;
  }

  #addExtent(fileOffset: number, length: number, dataOffset: number, shared: number): void {
    const at = this.#extentsEnd;
    if (at === this.#extents.length) this.#extents = doubled(this.#extents, new Float64Array(2 * at));
    const extents = this.#extents;
    extents[at] = fileOffset;
    extents[at + 1] = length;
    extents[at + 2] = dataOffset;
    extents[at + 3] = shared;
    this.#extentsEnd = at + EXTENT_NUMBERS;
  }

  #addPath(path: Bytes, start: number, end: number): void {
    const from = this.#pathsEnd;
    this.#pathsEnd += end - start + 1;
    while (this.#pathsEnd > this.#paths.length) {
      this.#paths = doubled(this.#paths, new Uint8Array(2 * this.#paths.length));
    }
    const paths = this.#paths;
    // Most are short: a loop costs less than a call. What is behind them is zero.
    for (let i = start; i < end; i++) paths[from + i - start] = path[i] as number;
  }

  /** The files, of which no more can be added. */
  finish(folders: readonly number[]): PackedFiles {
    return {
      count: this.#count,
      numbers: this.#numbers,
      extents: this.#extents,
      paths: this.#paths.subarray(0, this.#pathsEnd),
      owners: this.#owners,
      hashes: this.#hashes,
      names: this.#names,
      folders,
    };
  }
}

function doubled<Values extends Float64Array | Uint8Array>(values: Values, into: Values): Values {
  into.set(values);
  return into;
}

/** What of packed files need not be copied when they go to another thread. */
export function transferOf({ numbers, extents, paths }: PackedFiles): ArrayBuffer[] {
  return [numbers.buffer, extents.buffer, paths.buffer];
}

/** A file as who writes it sees it. */
export interface UnpackedFile {
  readonly row: Row;
  readonly extents: readonly Omit<Extent, "block">[];
  readonly mark: RowMark | undefined;
  readonly goal: FileGoal;
}

/** Goes through packed files. What it says of the file at hand, it says of the next one when it has gone on. */
export class FileCursor implements FileValues {
  /** The number of the file at hand. */
  index = -1;
  readonly paths: Bytes;
  pathStart = 0;
  /** There is a NUL. */
  pathEnd = -1;
  readonly #files: PackedFiles;
  readonly #numbers: Float64Array;
  readonly #hashes: ReadonlyMap<number, Bytes> | undefined;
  readonly #names: ReadonlyMap<number, string> | undefined;
  #at = -NUMBERS;
  /** Where the extents of the file at hand begin and end. */
  #extent = 0;
  #extentsEnd = 0;

  constructor(files: PackedFiles) {
    this.#files = files;
    this.#numbers = files.numbers;
    this.paths = files.paths;
    this.#hashes = files.hashes.length === 0 ? undefined : new Map(files.hashes);
    this.#names = files.names.length === 0 ? undefined : new Map(files.names);
  }

  /** Goes on to the next file; false when there is none. */
  next(): boolean {
    if (++this.index >= this.#files.count) return false;
    this.#at += NUMBERS;
    this.pathStart = this.pathEnd + 1;
    this.pathEnd = this.pathStart + this.#number(NUMBER.pathBytes);
    this.#extent = this.#extentsEnd;
    this.#extentsEnd += EXTENT_NUMBERS * this.#number(NUMBER.extents);
    return true;
  }

  /**
   * Whether it gets the last part of its path as its name in a folder, and has at most one extent, which is its own:
   * then all that is said of it is here, too, and not only in {@linkcode file}.
   */
  get isPlain(): boolean {
    return this.folder >= 0 && this.#number(NUMBER.mark) === 0 && !this.#names?.has(this.index) &&
      (this.extents === 0 || (this.extents === 1 && this.#files.extents[this.#extent + 3] === 0));
  }

  /** The number of its folder; negative for what goes into an open file. */
  get folder(): number {
    return this.#number(NUMBER.folder);
  }

  /** How many extents it has. */
  get extents(): number {
    return this.#number(NUMBER.extents);
  }

  /** Where its first extent begins in the file. */
  get fileOffset(): number {
    return this.#files.extents[this.#extent] as number;
  }

  /** Bytes of its first extent. */
  get length(): number {
    return this.#files.extents[this.#extent + 1] as number;
  }

  /** Where its first extent begins in the block's data. */
  get dataOffset(): number {
    return this.#files.extents[this.#extent + 2] as number;
  }

  /** Where its name begins in {@linkcode paths}. */
  get nameStart(): number {
    let start = this.pathEnd;
    while (start > this.pathStart && this.paths[start - 1] !== SLASH) start--;
    return start;
  }

  get mode(): number {
    return this.#number(NUMBER.mode);
  }

  get size(): number {
    return this.#number(NUMBER.size);
  }

  get seconds(): number {
    return this.#number(NUMBER.seconds);
  }

  get nanoseconds(): number {
    return this.#number(NUMBER.nanoseconds);
  }

  get ctime(): number {
    return this.#number(NUMBER.ctime);
  }

  get dev(): number {
    return this.#number(NUMBER.dev);
  }

  get inode(): number {
    return this.#number(NUMBER.inode);
  }

  get owner(): Owner | undefined {
    return this.#files.owners[this.#number(NUMBER.owner) - 1];
  }

  get isChanged(): boolean {
    return this.#number(NUMBER.changed) === 1;
  }

  get contentHash(): Bytes | undefined {
    return this.#hashes?.get(this.index);
  }

  #number(field: number): number {
    return this.#numbers[this.#at + field] as number;
  }

  /** All that is said of it, as objects that stay good. */
  file(): UnpackedFile {
    const { index, folder } = this;
    const path = decodeUtf8(this.paths.subarray(this.pathStart, this.pathEnd), "a path");
    const extents: Omit<Extent, "block">[] = [];
    for (let at = this.#extent; at < this.#extentsEnd; at += EXTENT_NUMBERS) {
      extents.push(extentAt(this.#files.extents, at));
    }
    const row: Row = {
      path,
      kind: "file",
      mode: this.mode,
      size: this.size,
      mtime: { seconds: this.seconds, nanoseconds: this.nanoseconds },
      ctime: this.ctime,
      dev: this.dev,
      inode: this.inode,
      owner: this.owner,
      link: "",
      changed: this.isChanged,
      contentHash: this.contentHash,
    };
    const goal = folder < 0
      ? { kind: "descriptor" as const, descriptor: this.#number(NUMBER.descriptor) }
      : { kind: "name" as const, folder, name: this.#names?.get(index) ?? lastPart(path) };
    return { row, extents, mark: MARKS[this.#number(NUMBER.mark)], goal };
  }
}

function extentAt(numbers: Float64Array, at: number): Omit<Extent, "block"> {
  const fileOffset = numbers[at] as number;
  const length = numbers[at + 1] as number;
  const dataOffset = numbers[at + 2] as number;
  return numbers[at + 3] === 1 ? { fileOffset, length, dataOffset, shared: true } : { fileOffset, length, dataOffset };
}
