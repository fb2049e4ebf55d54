/**
 * Rows as columns (FORMAT.md, "Rows"). Columns and front coding are transport: what is compared and hashed is the
 * canonical value of one row, which is independent of its neighbours.
 */
import type { Bytes } from "../engine/engine.ts";
import { type ByteReader, ByteWriter, encodeUtf8 } from "./bytes.ts";
import { encodeColumn } from "./columns.ts";
import { ArchiveError } from "./errors.ts";
import {
  CONTENT_HASH_BYTES,
  MAX_INODE,
  MAX_LINK_BYTES,
  MAX_OWNER_NAME_BYTES,
  MAX_TIME_SECONDS,
  MIN_TIME_SECONDS,
} from "./limits.ts";
import { pathFault, ROOT_PATH, utf8Length } from "./path.ts";
import { decodePathTable } from "./path_table.ts";
import { ENTRY_KINDS, type EntryKind, type Owner, type Row } from "./row.ts";

/** Column numbers that rows use. */
export const COLUMN = {
  paths: 1,
  kinds: 2,
  flags: 3,
  modes: 4,
  sizes: 5,
  mtimeSeconds: 6,
  mtimeNanoseconds: 7,
  ctimes: 8,
  devs: 9,
  inodes: 10,
  ownerTable: 11,
  owners: 12,
  links: 13,
  contentHashes: 14,
} as const;

/** All column numbers that rows use, for {@linkcode decodeColumns}. */
export const ROW_COLUMNS: readonly number[] = Object.values(COLUMN);

/** Flag of a row whose file changed while it was read. */
export const FLAG_CHANGED = 1;
/** Flag of a row whose full one comes later. */
export const FLAG_PROVISIONAL = 2;
/** The least of the flags that are marks. */
export const FLAG_GONE = 4;
const FLAG_KEPT = 8;
const FLAG_MOVED = 16;
/** Marks by their flag. */
export const MARKED: Readonly<Record<number, RowMark>> = {
  [FLAG_GONE]: "gone",
  [FLAG_KEPT]: "kept",
  [FLAG_MOVED]: "moved",
};
/** Largest mode. */
export const MAX_MODE = 0o7777;
/** Largest count of nanoseconds in a time. */
export const MAX_NANOSECONDS = 999_999_999;

/** A row as a set of columns carries it: a provisional one knows its path and kind and nothing else yet. */
export interface CarriedRow {
  /** The row; of a provisional one only `path` and `kind` mean anything. */
  readonly row: Row;
  /** Whether the full row comes with a later slice of the same file. */
  readonly provisional: boolean;
  /** What an update says of a path; absent for what its own blocks hold. */
  readonly mark?: RowMark;
}

/**
 * Marks of rows in the catalog pages of later segments. `gone`: the path is in earlier snapshots and no more; only
 * `path` means anything. `kept`: the blocks of this segment do not have the row, and its bytes lie in earlier segments.
 * `moved`: so do the bytes of this file, where they are those of another path.
 */
export type RowMark = "gone" | "kept" | "moved";

/** A row that knows only its path and kind. */
export function provisionalRow(path: string, kind: EntryKind): Row {
  return {
    path,
    kind,
    mode: 0,
    size: 0,
    mtime: { seconds: 0, nanoseconds: 0 },
    ctime: 0,
    dev: 0,
    inode: 0,
    owner: undefined,
    link: "",
    changed: false,
    contentHash: undefined,
  };
}

/**
 * Why a row may not stand in an archive, as the end of a sentence; `undefined` when it may. Its path is checked by
 * {@linkcode pathFault}.
 */
export function rowFault(row: Row): string | undefined {
  if (!Number.isInteger(row.mode) || row.mode < 0 || row.mode > MAX_MODE) return "its mode is out of range";
  if (!Number.isSafeInteger(row.size) || row.size < 0) return "its size is out of range";
  if (row.kind !== "file" && row.size !== 0) return "only files have a size";
  if (row.path === ROOT_PATH && row.kind !== "directory") return "only a directory can be the root";
  const { seconds, nanoseconds } = row.mtime;
  if (!isTime(seconds) || !isTime(row.ctime)) return "a time is out of range";
  if (!Number.isInteger(nanoseconds) || nanoseconds < 0 || nanoseconds > MAX_NANOSECONDS) {
    return "a time is out of range";
  }
  if (row.inode > MAX_INODE) return "its inode number is out of range";
  for (const number of [row.dev, row.inode, row.owner?.uid ?? 0, row.owner?.gid ?? 0]) {
    if (!Number.isSafeInteger(number) || number < 0) return "a number is out of range";
  }
  for (const name of [row.owner?.user ?? "", row.owner?.group ?? ""]) {
    if (!name.isWellFormed() || utf8Length(name) > MAX_OWNER_NAME_BYTES) return "an owner's name is not allowed";
  }
  if (row.contentHash !== undefined && row.contentHash.length !== CONTENT_HASH_BYTES) return "its hash has no 32 bytes";
  return linkFault(row);
}

function isTime(seconds: number): boolean {
  return Number.isInteger(seconds) && seconds >= MIN_TIME_SECONDS && seconds <= MAX_TIME_SECONDS;
}

function linkFault(row: Row): string | undefined {
  if (row.kind === "hardlink") {
    const fault = row.link === row.path
      ? "it is its own path"
      : row.link === ROOT_PATH
      ? "it is the root"
      : pathFault(row.link);
    return fault === undefined ? undefined : `of its hardlink target: ${fault}`;
  }
  if (row.kind !== "symlink") return row.link === "" ? undefined : "only links have a target";
  if (row.link === "") return "its symlink target is empty";
  if (!row.link.isWellFormed() || row.link.includes("\0")) return "its symlink target is not allowed";
  return utf8Length(row.link) > MAX_LINK_BYTES ? `its symlink target is over ${MAX_LINK_BYTES} bytes` : undefined;
}

/** Appends the columns of `rows` to `out`. Rows must have passed {@linkcode rowFault}. */
export function encodeRows(rows: readonly CarriedRow[], out: ByteWriter): void {
  const scratch = new ByteWriter(rows.length * 8);
  const values = new Float64Array(rows.length);
  encodePaths(rows.map(({ row }) => row.path), scratch);
  encodeColumn(out, COLUMN.paths, scratch.view());
  scratch.reset();
  for (const { row } of rows) scratch.u8(ENTRY_KINDS.indexOf(row.kind) + 1);
  encodeColumn(out, COLUMN.kinds, scratch.view());
  if (gather(flagsOf)) put(COLUMN.flags, (value) => scratch.u8(value));
  if (gather(({ row }) => row.mode)) put(COLUMN.modes, (value) => scratch.varint(value));
  if (gather(({ row }) => row.size)) put(COLUMN.sizes, (value) => scratch.varint(value));
  if (gather(({ row }) => row.mtime.seconds)) putDeltas(COLUMN.mtimeSeconds);
  if (gather(({ row }) => row.mtime.nanoseconds)) {
    const unit = unitOf(values);
    put(COLUMN.mtimeNanoseconds, (value) => scratch.varint(value / unit), Math.round(Math.log10(unit)));
  }
  if (gather(({ row }) => row.ctime)) putDeltas(COLUMN.ctimes);
  if (gather(({ row }) => row.dev)) put(COLUMN.devs, (value) => scratch.varint(value));
  if (gather(({ row }) => row.inode)) putDeltas(COLUMN.inodes);
  encodeOwners(rows, out, scratch);
  if (rows.some(({ row }) => row.link !== "")) {
    scratch.reset();
    for (const { row } of rows) scratch.string(row.link);
    encodeColumn(out, COLUMN.links, scratch.view());
  }
  if (rows.some(({ row }) => row.contentHash !== undefined)) {
    scratch.reset();
    for (const { row } of rows) scratch.u8(row.contentHash === undefined ? 0 : 1);
    for (const { row } of rows) if (row.contentHash !== undefined) scratch.bytes(row.contentHash);
    encodeColumn(out, COLUMN.contentHashes, scratch.view());
  }

  /** Puts one number of each row into {@linkcode values}; whether one is not 0, and the column therefore needed. */
  function gather(numberOf: (carried: CarriedRow) => number): boolean {
    let any = false;
    for (let i = 0; i < rows.length; i++) {
      const value = numberOf(rows[i] as CarriedRow);
      values[i] = value;
      any ||= value !== 0;
    }
    return any;
  }

  function put(column: number, write: (value: number) => void, first?: number): void {
    scratch.reset();
    if (first !== undefined) scratch.u8(first);
    for (let i = 0; i < values.length; i++) write(values[i] as number);
    encodeColumn(out, column, scratch.view());
  }

  function putDeltas(column: number): void {
    let previous = 0;
    put(column, (value) => {
      scratch.zigzag(value - previous);
      previous = value;
    });
  }
}

function flagsOf({ row, provisional, mark }: CarriedRow): number {
  const marked = mark === undefined ? 0 : mark === "gone" ? FLAG_GONE : mark === "kept" ? FLAG_KEPT : FLAG_MOVED;
  return (row.changed ? FLAG_CHANGED : 0) + (provisional ? FLAG_PROVISIONAL : 0) + marked;
}

/** Appends front-coded paths: bytes shared with the one before, then the rest behind its length. */
export function encodePaths(paths: readonly string[], out: ByteWriter): void {
  // All at once: a call of the encoder for each path costs more than everything else here.
  const joined = paths.join("\0");
  const bytes = encodeUtf8(joined);
  const plain = bytes.length === joined.length;
  let before = 0;
  let lengthBefore = 0;
  let start = 0;
  for (const path of paths) {
    const length = plain ? path.length : utf8Length(path);
    const most = Math.min(lengthBefore, length);
    let shared = 0;
    while (shared < most && bytes[start + shared] === bytes[before + shared]) shared++;
    out.varint(shared);
    out.sizedRange(bytes, start + shared, start + length);
    before = start;
    lengthBefore = length;
    start += length + 1;
  }
}

/**
 * Takes `count` front-coded paths, each checked.
 *
 * @throws {ArchiveError} as {@linkcode decodePathTable}.
 */
export function decodePaths(reader: ByteReader, count: number): string[] {
  const table = decodePathTable(reader, count);
  return Array.from({ length: count }, (_, i) => table.text(i));
}

/**
 * The largest power of ten that divides all of some nanoseconds: milliseconds are what most systems give, so trailing
 * zeros are told once, as an exponent, and each value is told without them.
 */
function unitOf(nanoseconds: Float64Array): number {
  let unit = 10 ** 9;
  for (let i = 0; i < nanoseconds.length; i++) while ((nanoseconds[i] as number) % unit !== 0) unit /= 10;
  return unit;
}

/** Owners repeat: a table of the different ones, and a number into it for each row (0 is 'not known'). */
function encodeOwners(rows: readonly CarriedRow[], out: ByteWriter, scratch: ByteWriter): void {
  const numbers = new Map<string, number>();
  const table: Owner[] = [];
  const indexes: number[] = [];
  let last: Owner | undefined;
  let lastIndex = 0;
  for (const { row: { owner } } of rows) {
    if (owner !== last) {
      last = owner;
      lastIndex = owner === undefined ? 0 : indexOfOwner(owner);
    }
    indexes.push(lastIndex);
  }
  if (table.length === 0) return;
  scratch.reset();
  scratch.varint(table.length);
  for (const owner of table) {
    scratch.varint(owner.uid);
    scratch.varint(owner.gid);
    scratch.string(owner.user);
    scratch.string(owner.group);
  }
  encodeColumn(out, COLUMN.ownerTable, scratch.view());
  scratch.reset();
  for (const index of indexes) scratch.varint(index);
  encodeColumn(out, COLUMN.owners, scratch.view());

  function indexOfOwner(owner: Owner): number {
    const key = JSON.stringify([owner.uid, owner.gid, owner.user, owner.group]);
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, table.push(owner));
    return table.length;
  }
}

/**
 * Checks a row that was decoded and has no mark; its path has been checked.
 *
 * @throws {ArchiveError} `malformed` or `unsafe`.
 */
export function checkDecoded(row: Row, provisional: boolean, what: string): void {
  const fault = provisional ? provisionalFault(row) : rowFault(row);
  if (fault === undefined) return;
  const code = row.kind === "hardlink" && fault.startsWith("of its hardlink") ? "unsafe" : "malformed";
  throw new ArchiveError(code, `Cannot accept a row of ${what}: ${fault}`, { path: row.path });
}

/** Checks a row that was decoded and has a mark, as {@linkcode checkDecoded}. */
export function checkMarked(row: Row, provisional: boolean, mark: RowMark, what: string): void {
  const sound = !provisional &&
    (mark === "gone" ? equalRows(row, provisionalRow(row.path, "directory")) : mark === "kept" || row.kind === "file");
  if (sound && mark === "gone") return;
  if (sound) return checkDecoded(row, false, what);
  throw new ArchiveError("malformed", `Cannot accept a row of ${what}: its flags contradict it`, { path: row.path });
}

/** A provisional row knows nothing but its path, so that there is nothing in it to disagree about. */
function provisionalFault(row: Row): string | undefined {
  if (row.kind !== "file" || row.path === ROOT_PATH) return "only files come in several slices";
  return equalRows(row, provisionalRow(row.path, row.kind)) ? undefined : "it is provisional and has metadata";
}

/** The different owners of rows, by their number in the format; the first is 'not known'. */
export function decodeOwnerTable(reader: ByteReader | undefined, rows: number): (Owner | undefined)[] {
  const table: (Owner | undefined)[] = [undefined];
  if (reader === undefined) return table;
  const count = reader.count(4);
  if (count > rows) throw new ArchiveError("malformed", `Cannot decode ${reader.what}: it has more owners than rows`);
  for (let left = count; left > 0; left--) {
    const uid = reader.varint();
    const gid = reader.varint();
    table.push({ uid, gid, user: reader.string(MAX_OWNER_NAME_BYTES), group: reader.string(MAX_OWNER_NAME_BYTES) });
  }
  return table;
}

/** Appends a row's canonical value (FORMAT.md, "Canonical value"): equal rows, and only they, give equal bytes. */
export function encodeCanonicalRow(row: Row, out: ByteWriter): void {
  out.string(row.path);
  out.u8(ENTRY_KINDS.indexOf(row.kind) + 1);
  out.u8(row.changed ? FLAG_CHANGED : 0);
  out.varint(row.mode);
  out.varint(row.size);
  out.zigzag(row.mtime.seconds);
  out.varint(row.mtime.nanoseconds);
  out.zigzag(row.ctime);
  out.varint(row.dev);
  out.varint(row.inode);
  out.u8(row.owner === undefined ? 0 : 1);
  if (row.owner !== undefined) {
    out.varint(row.owner.uid);
    out.varint(row.owner.gid);
    out.string(row.owner.user);
    out.string(row.owner.group);
  }
  out.string(row.link);
  out.u8(row.contentHash === undefined ? 0 : 1);
  if (row.contentHash !== undefined) out.bytes(row.contentHash);
}

/**
 * Whether two rows have one canonical value; the same as comparing {@linkcode encodeCanonicalRow}'s bytes, and much
 * quicker.
 */
export function equalRows(a: Row, b: Row): boolean {
  return a.path === b.path && a.kind === b.kind && a.changed === b.changed && a.mode === b.mode && a.size === b.size &&
    a.mtime.seconds === b.mtime.seconds && a.mtime.nanoseconds === b.mtime.nanoseconds && a.ctime === b.ctime &&
    a.dev === b.dev && a.inode === b.inode && a.link === b.link && equalOwners(a.owner, b.owner) &&
    equalHashes(a.contentHash, b.contentHash);
}

/** Whether two owners are the same. */
export function equalOwners(a: Owner | undefined, b: Owner | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.uid === b.uid && a.gid === b.gid && a.user === b.user && a.group === b.group;
}

/** Whether two content hashes are one. */
export function equalHashes(a: Bytes | undefined, b: Bytes | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
