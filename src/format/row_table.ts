/**
 * Rows as they are decoded: a column of values each (FORMAT.md, "Rows"). Checking or comparing thousands of rows takes
 * no object for any of them; who needs one as such asks for it.
 */
import type { Bytes } from "../engine/engine.ts";
import { ByteReader, decodeUtf8 } from "./bytes.ts";
import { requireColumn } from "./columns.ts";
import { ArchiveError } from "./errors.ts";
import {
  CONTENT_HASH_BYTES,
  MAX_DECODED_STRING_BYTES,
  MAX_INODE,
  MAX_LINK_BYTES,
  MAX_TIME_SECONDS,
  MIN_TIME_SECONDS,
} from "./limits.ts";
import { decodePathTable, type PathTable } from "./path_table.ts";
import { ROOT_PATH } from "./path.ts";
import { ENTRY_KINDS, type EntryKind, type Owner, type Row } from "./row.ts";
import {
  type CarriedRow,
  checkDecoded,
  checkMarked,
  COLUMN,
  decodeOwnerTable,
  equalHashes,
  equalOwners,
  FLAG_CHANGED,
  FLAG_GONE,
  FLAG_PROVISIONAL,
  MARKED,
  MAX_MODE,
  MAX_NANOSECONDS,
  type RowMark,
} from "./rows.ts";

const FILE = 1;
const DIRECTORY = 2;
const FIFO = 5;
const NUMBER_COLUMNS = 7;

const NO_BYTES = new ByteReader(new Uint8Array(0), "");
const NO_COLUMNS: ReadonlyMap<number, ByteReader> = new Map([[COLUMN.paths, NO_BYTES], [COLUMN.kinds, NO_BYTES]]);

/** Rows that have been checked. */
export class RowTable {
  /** No rows. */
  static readonly EMPTY = new RowTable(NO_COLUMNS, 0, "");
  /** How many there are. */
  readonly count: number;
  readonly paths: PathTable;
  /** Numbers of the kinds in the format. */
  readonly kinds: Bytes;
  /** Flags as in the format; `undefined` when none has one. */
  readonly flags: Bytes | undefined;
  readonly modes: Float64Array<ArrayBuffer>;
  readonly sizes: Float64Array<ArrayBuffer>;
  readonly seconds: Float64Array<ArrayBuffer>;
  readonly nanoseconds: Float64Array<ArrayBuffer>;
  readonly ctimes: Float64Array<ArrayBuffer>;
  readonly devs: Float64Array<ArrayBuffer>;
  readonly inodes: Float64Array<ArrayBuffer>;
  /** For each row a place in {@linkcode ownerTable}; `undefined` when no owner is known. */
  readonly owners: Float64Array<ArrayBuffer> | undefined;
  /** The different owners; the first is 'not known'. */
  readonly ownerTable: readonly (Owner | undefined)[];
  /** Link targets; `undefined` when there is none. */
  readonly links: readonly string[] | undefined;
  /** Content hashes; `undefined` when there is none. */
  readonly hashes: readonly (Bytes | undefined)[] | undefined;

  /** Takes `count` rows off a column set, and checks nothing but that the columns have values for them. */
  constructor(columns: ReadonlyMap<number, ByteReader>, count: number, what: string) {
    this.count = count;
    this.paths = decodePathTable(requireColumn(columns, COLUMN.paths, what), count);
    // Copies: the memory of what is decoded may be used again before these rows are done with.
    this.kinds = requireColumn(columns, COLUMN.kinds, what).bytes(count).slice();
    this.flags = columns.get(COLUMN.flags)?.bytes(count).slice();
    const numbers = new Float64Array(NUMBER_COLUMNS * count);
    let at = 0;
    const next = () => numbers.subarray(at, at += count);
    [this.modes, this.sizes, this.seconds, this.nanoseconds] = [next(), next(), next(), next()];
    [this.ctimes, this.devs, this.inodes] = [next(), next(), next()];
    columns.get(COLUMN.modes)?.varints(this.modes);
    columns.get(COLUMN.sizes)?.varints(this.sizes);
    columns.get(COLUMN.mtimeSeconds)?.deltas(this.seconds);
    decodeNanoseconds(columns.get(COLUMN.mtimeNanoseconds), this.nanoseconds);
    columns.get(COLUMN.ctimes)?.deltas(this.ctimes);
    columns.get(COLUMN.devs)?.varints(this.devs);
    columns.get(COLUMN.inodes)?.deltas(this.inodes);
    this.ownerTable = decodeOwnerTable(columns.get(COLUMN.ownerTable), count);
    const owners = columns.get(COLUMN.owners);
    this.owners = owners === undefined ? undefined : new Float64Array(count);
    if (this.owners !== undefined) owners?.varints(this.owners);
    this.links = decodeLinks(columns.get(COLUMN.links), count, what);
    this.hashes = decodeHashes(columns.get(COLUMN.contentHashes), count);
  }

  /** Whether a row is provisional. */
  isProvisional(index: number): boolean {
    return this.flags !== undefined && (this.flags[index] as number) % FLAG_GONE >= FLAG_PROVISIONAL;
  }

  /** The first provisional row. */
  firstProvisional(): number | undefined {
    if (this.flags === undefined) return undefined;
    for (let i = 0; i < this.count; i++) if (this.isProvisional(i)) return i;
    return undefined;
  }

  /** Whether a file changed while it was read. */
  isChanged(index: number): boolean {
    return this.flags !== undefined && (this.flags[index] as number) % 2 === FLAG_CHANGED;
  }

  /** What an update says of a row's path. */
  mark(index: number): RowMark | undefined {
    return this.flags === undefined ? undefined : MARKED[markBits(this.flags[index] as number)];
  }

  /** What a row is of. */
  kind(index: number): EntryKind {
    return ENTRY_KINDS[(this.kinds[index] as number) - 1] as EntryKind;
  }

  /** Whether a row is of a regular file. */
  isFile(index: number): boolean {
    return this.kinds[index] === FILE;
  }

  /** Whether a row is of a directory. */
  isDirectory(index: number): boolean {
    return this.kinds[index] === DIRECTORY;
  }

  /** A row's owner. */
  owner(index: number): Owner | undefined {
    return this.owners === undefined ? undefined : this.ownerTable[this.owners[index] as number];
  }

  /** Checks where a row's bytes end: only files have any, and none beyond their size. */
  checkBytes(index: number, end: number, what: string): void {
    if (end === 0 || (this.isFile(index) && (this.isProvisional(index) || end <= (this.sizes[index] as number)))) {
      return;
    }
    throw new ArchiveError("malformed", `Cannot accept a row of ${what}: it has bytes beyond its size`, {
      path: this.paths.text(index),
    });
  }

  /** A row as an object. */
  row(index: number): Row {
    return {
      path: this.paths.text(index),
      kind: this.kind(index),
      mode: this.modes[index] as number,
      size: this.sizes[index] as number,
      mtime: { seconds: this.seconds[index] as number, nanoseconds: this.nanoseconds[index] as number },
      ctime: this.ctimes[index] as number,
      dev: this.devs[index] as number,
      inode: this.inodes[index] as number,
      owner: this.owner(index),
      link: this.links === undefined ? "" : this.links[index] as string,
      changed: this.isChanged(index),
      contentHash: this.hashes?.[index],
    };
  }

  /** Whether a row has the canonical value of another, as `equalRows` says it of two objects. */
  equals(index: number, row: Row): boolean {
    return this.sizes[index] === row.size && this.seconds[index] === row.mtime.seconds &&
      this.nanoseconds[index] === row.mtime.nanoseconds && this.modes[index] === row.mode &&
      this.inodes[index] === row.inode && this.ctimes[index] === row.ctime && this.devs[index] === row.dev &&
      this.kind(index) === row.kind && this.isChanged(index) === row.changed &&
      (this.links === undefined ? "" : this.links[index]) === row.link && this.paths.is(index, row.path) &&
      equalOwners(this.owner(index), row.owner) && equalHashes(this.hashes?.[index], row.contentHash);
  }

  /** As {@linkcode equals}, of a file whose path is known to be the row's. */
  equalsFile(index: number, file: FileValues): boolean {
    return this.sizes[index] === file.size && this.seconds[index] === file.seconds &&
      this.nanoseconds[index] === file.nanoseconds && this.modes[index] === file.mode &&
      this.inodes[index] === file.inode && this.ctimes[index] === file.ctime && this.devs[index] === file.dev &&
      this.isFile(index) && this.isChanged(index) === file.isChanged &&
      (this.links === undefined || this.links[index] === "") && equalOwners(this.owner(index), file.owner) &&
      equalHashes(this.hashes?.[index], file.contentHash);
  }

  /** A row as an object, and what is said of it. */
  carried(index: number): CarriedRow {
    const row = this.row(index);
    const mark = this.mark(index);
    const provisional = this.isProvisional(index);
    return mark === undefined ? { row, provisional } : { row, provisional, mark };
  }
}

/** A file's row as values, and its path as bytes among others: it need not be an object of its own. */
export interface FileValues {
  readonly paths: Bytes;
  readonly pathStart: number;
  readonly pathEnd: number;
  readonly mode: number;
  readonly size: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly ctime: number;
  readonly dev: number;
  readonly inode: number;
  readonly owner: Owner | undefined;
  readonly isChanged: boolean;
  readonly contentHash: Bytes | undefined;
}

/** Rows of a table that lie together. */
export interface SomeRows {
  readonly table: RowTable;
  readonly from: number;
  /** Behind the last one. */
  readonly to: number;
}

/**
 * Takes `count` rows off a column set; every value is checked, paths included. Their order is the caller's matter.
 * `marks` says whether rows may be marked, as in catalog pages of later segments.
 *
 * @throws {ArchiveError} `malformed`, `unsafe` or `limit`.
 */
export function decodeRowTable(
  columns: ReadonlyMap<number, ByteReader>,
  count: number,
  what: string,
  marks = false,
): RowTable {
  const table = new RowTable(columns, count, what);
  for (let i = 0; i < count; i++) {
    const kind = table.kinds[i] as number;
    if (kind < FILE || kind > FIFO) fail(table, i, "unknown kind of entry", what);
    const bits = table.flags === undefined ? 0 : table.flags[i] as number;
    if (bits > FLAG_CHANGED) checkFlagged(table, i, bits, what, marks);
    else if (!isSurelySound(table, i, kind)) checkDecoded(table.row(i), false, what);
    if (table.owners !== undefined && (table.owners[i] as number) >= table.ownerTable.length) {
      fail(table, i, "no such owner", what);
    }
  }
  return table;
}

function fail(table: RowTable, index: number, why: string, what: string): never {
  throw new ArchiveError("malformed", `Cannot decode ${what}: ${why}`, { path: table.paths.text(index) });
}

function markBits(bits: number): number {
  return bits - bits % FLAG_GONE;
}

/**
 * Whether {@linkcode rowFault} has nothing against a row, by its values; false may also mean that it has to be asked.
 */
function isSurelySound(table: RowTable, index: number, kind: number): boolean {
  if (kind > DIRECTORY && kind < FIFO) return false;
  if (table.links !== undefined && table.links[index] !== "") return false;
  if (kind !== FILE && (table.sizes[index] !== 0 || kind === FIFO)) return false;
  const seconds = table.seconds[index] as number;
  const ctime = table.ctimes[index] as number;
  const inode = table.inodes[index] as number;
  const { starts } = table.paths;
  // A path of one byte may be the root's, which is not any entry's.
  return (kind === DIRECTORY || (starts[index + 1] as number) - (starts[index] as number) > ROOT_PATH.length) &&
    (table.modes[index] as number) <= MAX_MODE && (table.nanoseconds[index] as number) <= MAX_NANOSECONDS &&
    seconds >= MIN_TIME_SECONDS && seconds <= MAX_TIME_SECONDS && ctime >= MIN_TIME_SECONDS &&
    ctime <= MAX_TIME_SECONDS && inode >= 0 && inode <= MAX_INODE;
}

function checkFlagged(table: RowTable, index: number, bits: number, what: string, marks: boolean): void {
  const marked = markBits(bits);
  const mark = MARKED[marked];
  if (marked > 0 && (!marks || mark === undefined)) fail(table, index, "unknown row flags", what);
  const row = table.row(index);
  if (mark === undefined) checkDecoded(row, table.isProvisional(index), what);
  else checkMarked(row, table.isProvisional(index), mark, what);
}
function decodeNanoseconds(column: ByteReader | undefined, into: Float64Array): void {
  if (column === undefined) return;
  const exponent = column.u8();
  if (exponent > 9) throw new ArchiveError("malformed", `Cannot decode ${column.what}: its exponent is over 9`);
  column.varints(into, 10 ** exponent);
}

function decodeLinks(column: ByteReader | undefined, count: number, what: string): string[] | undefined {
  if (column === undefined) return undefined;
  const links: string[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    const bytes = column.sizedBytes(MAX_LINK_BYTES);
    total += bytes.length;
    if (total > MAX_DECODED_STRING_BYTES) {
      throw new ArchiveError("limit", `Cannot decode ${what}: its links are too long`);
    }
    links.push(bytes.length === 0 ? "" : decodeUtf8(bytes, column.what));
  }
  return links;
}

function decodeHashes(column: ByteReader | undefined, count: number): (Bytes | undefined)[] | undefined {
  if (column === undefined) return undefined;
  return Array.from(column.bytes(count), (mark) => {
    if (mark === 0) return undefined;
    if (mark !== 1) throw new ArchiveError("malformed", `Cannot decode ${column.what}: unknown mark`);
    return column.bytes(CONTENT_HASH_BYTES).slice();
  });
}
