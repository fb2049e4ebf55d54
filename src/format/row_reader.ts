/**
 * The rows of a catalog page one after the other, as numbers and bytes: whoever compares a tree with a catalog meets a
 * hundred thousand rows and wants an object of hardly any. The rules are those of {@linkcode decodeRows} and of the
 * order of pages, which a test holds it to.
 */
import type { Bytes } from "../engine/engine.ts";
import { checkRising, checkRowOrder, decodePage, PAGE_COLUMN, PAGE_COLUMNS, type PageEntry } from "./block.ts";
import { type ByteReader, decodeUtf8 } from "./bytes.ts";
import { decodeColumns, requireColumn } from "./columns.ts";
import { ArchiveError } from "./errors.ts";
import {
  MAX_DECODED_STRING_BYTES,
  MAX_INODE,
  MAX_LINK_BYTES,
  MAX_PAGE_BYTES,
  MAX_PAGE_ROWS,
  MAX_PART_BYTES,
  MAX_PATH_BYTES,
  MAX_TIME_SECONDS,
  MIN_TIME_SECONDS,
} from "./limits.ts";
import { checkPath } from "./path.ts";
import { ENTRY_KINDS, type EntryKind, type Extent, type Owner, type Row } from "./row.ts";
import {
  checkDecoded,
  checkMarked,
  COLUMN,
  equalRows,
  FLAG_CHANGED,
  FLAG_GONE,
  FLAG_PROVISIONAL,
  hashReader,
  MARKED,
  MAX_MODE,
  MAX_NANOSECONDS,
  ownerReader,
  provisionalRow,
  ROW_COLUMNS,
  type RowMark,
} from "./rows.ts";

const WHAT = "a catalog page";
const SLASH = 0x2f;
const DOT = 0x2e;
const NONE = () => undefined;

/** The rows of the pages of one run, which come in its order. */
export class RowReader {
  readonly #deduplicated: boolean;
  readonly #segment: number;
  #columns: ReadonlyMap<number, ByteReader> = new Map();
  #paths: ByteReader | undefined;
  #kinds: ByteReader | undefined;
  #flags: ByteReader | undefined;
  #modes: ByteReader | undefined;
  #sizes: ByteReader | undefined;
  #seconds: ByteReader | undefined;
  #nanoseconds: ByteReader | undefined;
  #unit = 1;
  #ctimes: ByteReader | undefined;
  #devs: ByteReader | undefined;
  #inodes: ByteReader | undefined;
  #links: ByteReader | undefined;
  #owner: () => Owner | undefined = NONE;
  #hash: () => Bytes | undefined = NONE;
  #page: PageAtHand | undefined;
  #count = 0;
  /** What the page goes on with: the only row of the page before it. */
  #goesOn: { readonly row: Row; readonly end: number } | undefined;
  #pathBytes = 0;
  #linkBytes = 0;
  #left = 0;
  /** Whether there was a row before this one, in this page or in another. */
  #begun = false;
  /** The last row that is not gone: its path's length, and as much of it as all since have begun with. */
  #aboveLength = 0;
  #aboveShared = 0;
  #aboveKind: EntryKind | undefined;
  /** The path of the row before, at the start of a page: there the front coding begins anew. */
  #before: Bytes = new Uint8Array(0);
  #coded = 0;
  #text: string | undefined;
  #row: Row | undefined;

  /** The path's bytes are the first {@linkcode length} of these. */
  readonly path: Bytes = new Uint8Array(MAX_PATH_BYTES);
  /** Bytes of the path. */
  length = 0;
  /** How many bytes at the front of the path are those of the row before it. */
  shared = 0;
  kind: EntryKind = "file";
  /** What a later segment says of it. */
  mark: RowMark | undefined;
  changed = false;
  mode = 0;
  size = 0;
  mtimeSeconds = 0;
  mtimeNanoseconds = 0;
  ctime = 0;
  dev = 0;
  inode = 0;
  owner: Owner | undefined;
  /** The target of a link. */
  link = "";
  contentHash: Bytes | undefined;

  /** Reads pages of the segment of that number, of an archive whose files may share content or not. */
  constructor(segment: number, deduplicated = true) {
    this.#deduplicated = deduplicated;
    this.#segment = segment;
  }

  /** Rows of the page at hand that have not been read. */
  get left(): number {
    return this.#left;
  }

  /**
   * Takes the next page.
   *
   * @throws {ArchiveError} `malformed` or `limit`.
   */
  page(raw: Bytes, count: number): void {
    // Says itself what is wrong.
    if (count > MAX_PAGE_ROWS || raw.length > MAX_PAGE_BYTES || count === 0) {
      decodePage(raw, count, WHAT, this.#segment);
    }
    const columns = decodeColumns(raw, PAGE_COLUMNS, WHAT);
    this.#columns = columns;
    this.#paths = requireColumn(columns, COLUMN.paths, WHAT);
    this.#kinds = requireColumn(columns, COLUMN.kinds, WHAT);
    this.#flags = columns.get(COLUMN.flags);
    this.#modes = columns.get(COLUMN.modes);
    this.#sizes = columns.get(COLUMN.sizes);
    this.#seconds = columns.get(COLUMN.mtimeSeconds);
    this.#nanoseconds = columns.get(COLUMN.mtimeNanoseconds);
    const exponent = this.#nanoseconds?.u8() ?? 0;
    if (exponent > 9) throw new ArchiveError("malformed", `Cannot decode ${WHAT}: its exponent is over 9`);
    this.#unit = 10 ** exponent;
    this.#ctimes = columns.get(COLUMN.ctimes);
    this.#devs = columns.get(COLUMN.devs);
    this.#inodes = columns.get(COLUMN.inodes);
    this.#links = columns.get(COLUMN.links);
    this.#owner = ownerReader(columns, count);
    this.#hash = hashReader(columns.get(COLUMN.contentHashes), count);
    this.#goesOn = columns.has(PAGE_COLUMN.continues) ? this.#lastOf(count) : undefined;
    this.#page = new PageAtHand(raw, count, this.#segment, this.#deduplicated);
    this.#count = count;
    this.#left = count;
    this.#pathBytes = 0;
    this.#linkBytes = 0;
    this.#before = this.path.slice(0, this.length);
    this.#coded = 0;
    this.mtimeSeconds = 0;
    this.ctime = 0;
    this.inode = 0;
  }

  /**
   * Goes on to the next row of the page.
   *
   * @throws {ArchiveError} `malformed`, `unsafe` or `limit`.
   */
  next(): void {
    this.#row = undefined;
    this.#nextPath();
    const kind = ENTRY_KINDS[(this.#kinds as ByteReader).u8() - 1];
    if (kind === undefined) this.#refuse("unknown kind of entry");
    this.kind = kind;
    const bits = this.#flags?.u8() ?? 0;
    this.changed = bits % 2 === FLAG_CHANGED;
    this.link = this.#nextLink();
    this.mode = this.#modes?.varint() ?? 0;
    this.size = this.#sizes?.varint() ?? 0;
    if (this.#seconds !== undefined) this.mtimeSeconds += this.#seconds.zigzag();
    this.mtimeNanoseconds = this.#nanoseconds === undefined ? 0 : this.#nanoseconds.varint() * this.#unit;
    if (this.#ctimes !== undefined) this.ctime += this.#ctimes.zigzag();
    this.dev = this.#devs?.varint() ?? 0;
    if (this.#inodes !== undefined) this.inode += this.#inodes.zigzag();
    this.owner = this.#owner();
    this.contentHash = this.#hash();
    this.mark = undefined;
    if (bits !== 0 || !this.#isPlain()) this.#check(bits);
    if (this.#goesOn !== undefined) this.#checkGoingOn(this.#goesOn);
    this.#checkAbove();
    this.#left--;
    if (this.#left > 0) return;
    // What a page has besides rows is checked when somebody asks for a row's extents.
    for (const [number, column] of this.#columns) if (ROW_COLUMNS.includes(number)) column.end();
  }

  /** Front coding, and what has to hold for a path beside the one before it. */
  #nextPath(): void {
    const reader = this.#paths as ByteReader;
    const coded = reader.varint();
    if (coded > this.#coded) throw new ArchiveError("malformed", `Cannot decode ${WHAT}: a shared prefix is too long`);
    const rest = reader.sizedBytes(MAX_PATH_BYTES - coded);
    const { path } = this;
    const atStart = this.#left === this.#count;
    const before = atStart ? this.#before : path;
    const beforeLength = this.length;
    const length = coded + rest.length;
    this.#pathBytes += length;
    if (this.#pathBytes > MAX_DECODED_STRING_BYTES) {
      throw new ArchiveError("limit", `Cannot decode ${WHAT}: its paths are over ${MAX_DECODED_STRING_BYTES} bytes`);
    }
    let shared = coded;
    while (shared < length && shared < beforeLength && rest[shared - coded] === before[shared]) shared++;
    const rises = !this.#begun ||
      (shared === beforeLength
        ? shared < length
        : shared < length && rank(before[shared] as number) < rank(rest[shared - coded] as number) ||
          isRoot(before, beforeLength));
    const earlier = rises ? "" : this.text;
    const isAscii = copyAscii(rest, path, coded) && (coded === 0 || (path[coded - 1] as number) < 0x80);
    this.length = length;
    this.#coded = length;
    this.#text = undefined;
    this.shared = shared;
    if (!isAscii || !hasPlainParts(path, coded, length)) {
      this.#text = decodeUtf8(path.subarray(0, length), WHAT);
      checkPath(this.#text);
    }
    if ((!rises || isRoot(path, length)) && this.#begun && this.#goesOn === undefined) checkRising(earlier, this.text);
    this.#aboveShared = Math.min(this.#aboveShared, shared);
    this.#begun = true;
  }

  #nextLink(): string {
    if (this.#links === undefined) return "";
    const bytes = this.#links.sizedBytes(MAX_LINK_BYTES);
    if (bytes.length === 0) return "";
    const link = decodeUtf8(bytes, this.#links.what);
    this.#linkBytes += link.length;
    if (this.#linkBytes > MAX_DECODED_STRING_BYTES) {
      throw new ArchiveError("limit", `Cannot decode ${WHAT}: its links are too long`);
    }
    return link;
  }

  /** Whether it is a file or a folder that nothing can be wrong with; whatever is not is looked at closely. */
  #isPlain(): boolean {
    const { kind, size, mtimeSeconds, ctime } = this;
    return (kind === "file" || (kind === "directory" && size === 0)) && this.length > 1 && this.link === "" &&
      this.mode <= MAX_MODE && this.mtimeNanoseconds <= MAX_NANOSECONDS && this.inode >= 0 && this.inode <= MAX_INODE &&
      mtimeSeconds >= MIN_TIME_SECONDS && mtimeSeconds <= MAX_TIME_SECONDS &&
      ctime >= MIN_TIME_SECONDS && ctime <= MAX_TIME_SECONDS;
  }

  #check(bits: number): void {
    const marked = bits - bits % FLAG_GONE;
    const mark = MARKED[marked];
    if (marked > 0 && (this.#segment === 0 || mark === undefined)) this.#refuse("unknown row flags");
    const provisional = bits % FLAG_GONE >= FLAG_PROVISIONAL;
    if (mark === undefined) checkDecoded(this.row, provisional, WHAT);
    else checkMarked(this.row, provisional, mark, WHAT);
    if (provisional) {
      throw new ArchiveError("malformed", "Cannot accept the catalog: it has a provisional row", { path: this.text });
    }
    this.mark = mark;
  }

  /** A row that fills several pages shares none of them. */
  #lastOf(count: number): { readonly row: Row; readonly end: number } {
    const entry = this.#begun ? this.entry() : undefined;
    if (entry === undefined) refuseGoingOn("continues another row than the last");
    if (this.#count !== 1 || count !== 1) refuseGoingOn("shares a row that fills several pages with others");
    const last = entry.extents.at(-1);
    return { row: entry.row, end: last === undefined ? 0 : last.fileOffset + last.length };
  }

  #checkGoingOn({ row, end }: { readonly row: Row; readonly end: number }): void {
    if (!equalRows(row, this.row)) refuseGoingOn("continues another row than the last");
    const first = this.#page?.extents(0)[0];
    if (first !== undefined && first.fileOffset < end) refuseGoingOn("goes back in a row's content");
  }

  /** Nothing lies below something that is no directory; paths that are gone do not count. */
  #checkAbove(): void {
    if (this.mark === "gone") return;
    const { path, length } = this;
    const at = this.#aboveLength;
    const isBelow = this.#aboveKind !== undefined && at < length && this.#aboveShared >= at && path[at] === SLASH;
    if (isBelow && this.#aboveKind !== undefined && this.#aboveKind !== "directory") {
      checkRowOrder(provisionalRow(decodeUtf8(path.subarray(0, at), WHAT), this.#aboveKind), this.row);
    }
    this.#aboveLength = length;
    this.#aboveShared = length;
    this.#aboveKind = this.kind;
  }

  #refuse(fault: string): never {
    throw new ArchiveError("malformed", `Cannot decode ${WHAT}: ${fault}`, { path: this.text });
  }

  /** The path. */
  get text(): string {
    return this.#text ??= decodeUtf8(this.path.subarray(0, this.length), WHAT);
  }

  /** The row as an object. */
  get row(): Row {
    return this.#row ??= {
      path: this.text,
      kind: this.kind,
      mode: this.mode,
      size: this.size,
      mtime: { seconds: this.mtimeSeconds, nanoseconds: this.mtimeNanoseconds },
      ctime: this.ctime,
      dev: this.dev,
      inode: this.inode,
      owner: this.owner,
      link: this.link,
      changed: this.changed,
      contentHash: this.contentHash,
    };
  }

  /** Whether the page at hand goes on with the row of the one before. */
  get continued(): boolean {
    return this.#goesOn !== undefined;
  }

  /**
   * The row with its places, as an object that stays good.
   *
   * @throws {ArchiveError} when its extents are asked for: as {@linkcode decodePage}.
   */
  entry(): PageEntry {
    const page = this.#page as PageAtHand;
    const index = this.#count - this.#left - 1;
    const entry = {
      row: this.row,
      provisional: false,
      get extents(): readonly Extent[] {
        return page.extents(index);
      },
    };
    return this.mark === undefined ? entry : Object.assign(entry, { mark: this.mark });
  }
}

/** A page whose extents are decoded when somebody wants those of a row. */
class PageAtHand {
  readonly #raw: Bytes;
  readonly #count: number;
  readonly #segment: number;
  readonly #deduplicated: boolean;
  #entries: readonly PageEntry[] | undefined;

  constructor(raw: Bytes, count: number, segment: number, deduplicated: boolean) {
    this.#deduplicated = deduplicated;
    this.#raw = raw;
    this.#count = count;
    this.#segment = segment;
  }

  extents(index: number): readonly Extent[] {
    this.#entries ??= decodePage(this.#raw, this.#count, WHAT, this.#segment, this.#deduplicated).entries;
    return (this.#entries[index] as PageEntry).extents;
  }
}

function refuseGoingOn(fault: string): never {
  throw new ArchiveError("malformed", `Cannot accept the catalog: a page ${fault}`);
}

/** A byte's place in path order. */
function rank(byte: number): number {
  return byte === SLASH ? 0 : byte;
}

function isRoot(path: Bytes, length: number): boolean {
  return length === 1 && path[0] === DOT;
}

/** Copies bytes, and says whether each of them is a character. */
function copyAscii(from: Bytes, to: Bytes, at: number): boolean {
  let all = 0;
  for (let i = 0; i < from.length; i++) {
    const byte = from[i] as number;
    all |= byte;
    to[at + i] = byte;
  }
  return all < 0x80;
}

/**
 * Whether the parts of a path that begin or go on at `from` are allowed, those before being so. What it says no to may
 * be allowed all the same.
 */
function hasPlainParts(path: Bytes, from: number, length: number): boolean {
  let start = from;
  while (start > 0 && path[start - 1] !== SLASH) start--;
  for (let at = from; at <= length; at++) {
    const byte = at === length ? SLASH : path[at];
    if (byte === 0) return false;
    if (byte !== SLASH) continue;
    const bytes = at - start;
    if (bytes === 0 || bytes > MAX_PART_BYTES || (path[start] === DOT && bytes <= 2)) return false;
    start = at + 1;
  }
  return true;
}
