/**
 * Cuts a stream of entries into blocks: small files share one, a large file spans many. Planning needs sizes only, so
 * the blocks can be built anywhere.
 */
import type { Bytes } from "../engine/engine.ts";
import { pathFault } from "../format/path.ts";
import { MAX_PAGE_ROWS } from "../format/limits.ts";
import type { Row } from "../format/row.ts";
import { rowFault } from "../format/rows.ts";
import type { BlockPart } from "./block_builder.ts";

/** One entry to store, in any order; in path order nothing waits to be sorted. */
export interface PlannedEntry {
  /** Its metadata. A file's size is how much of it is read; for content from memory it is set from the bytes. */
  readonly row: Row;
  /** A regular file's content; `undefined` for other kinds. */
  readonly content: EntryContent | undefined;
}

/** Where a file's content comes from. */
export type EntryContent =
  | { readonly kind: "file"; readonly location: string; readonly sparse: boolean }
  | {
    readonly kind: "bytes";
    readonly bytes: AsyncIterable<Bytes> | Iterable<Bytes>;
    /** Present when they can be iterated over more than once, and are as many as the row says. */
    readonly repeatable?: true;
  };

/** Content bytes of one block. */
export const BLOCK_BYTES = 2 ** 21;
/** Content bytes of one block of a large file: longer ones compress better. */
export const LARGE_BLOCK_BYTES = 2 ** 22;
/** A file that fills so many of them is large; of smaller ones, several threads have something to do. */
const LARGE_FILE_BLOCKS = 4;
/** Rows of one block: those of small files make a page of the catalog. */
export const BLOCK_ROWS = MAX_PAGE_ROWS;
/** UTF-8 bytes of the rows' paths and links of one block: with the content they stay well below a frame's limit. */
export const BLOCK_STRING_BYTES = 2 ** 21;
/** UTF-8 bytes of a UTF-16 unit, at most. No path is counted here: of a tree that costs as much as sealing it. */
const MAX_UNIT_BYTES = 3;

/**
 * Plans the parts of each block: of `blockBytes` of content, and of `largeBlockBytes` for files that are large. The
 * iterable may be slow: what is planned is given out as soon as a block is full; or, of the first `blockBytes`, as soon
 * as there are `firstBytes`.
 */
export async function* planBlocks(
  entries: AsyncIterable<PlannedEntry> | Iterable<PlannedEntry>,
  blockBytes: number = BLOCK_BYTES,
  largeBlockBytes: number = blockBytes,
  firstBytes: number = blockBytes,
): AsyncGenerator<readonly BlockPart[]> {
  const gathering = new Gathering(blockBytes, firstBytes);
  const sizeOf = ({ row }: PlannedEntry) =>
    row.size >= LARGE_FILE_BLOCKS * largeBlockBytes ? largeBlockBytes : blockBytes;
  if (Symbol.iterator in entries) {
    for (const entry of entries) {
      checkEntry(entry);
      const only = onlyPart(entry, blockBytes);
      // Most entries by far: nothing is awaited for them, which would cost more than planning them does.
      const full = only === undefined ? undefined : gathering.add(only);
      if (full !== undefined) yield full;
      if (only === undefined) yield* severalParts(entry, sizeOf(entry), gathering);
    }
  } else {
    for await (const entry of entries) {
      checkEntry(entry);
      yield* severalParts(entry, sizeOf(entry), gathering);
    }
  }
  if (gathering.parts.length > 0) yield gathering.parts;
}

/** The part of an entry that lies in one block whatever comes. */
function onlyPart({ row, content }: PlannedEntry, blockBytes: number): BlockPart | undefined {
  if (content === undefined) return { row, offset: 0, length: 0, last: true, content: NO_CONTENT };
  if (content.kind !== "file" || row.size > blockBytes) return undefined;
  return { row, offset: 0, length: row.size, last: true, content };
}

async function* severalParts(
  entry: PlannedEntry,
  blockBytes: number,
  gathering: Gathering,
): AsyncGenerator<readonly BlockPart[]> {
  for await (const part of partsOf(entry, blockBytes)) {
    const full = gathering.add(part);
    if (full !== undefined) yield full;
  }
}

const NO_CONTENT = { kind: "none" } as const;

/** The block at hand. */
class Gathering {
  /** What is in it. */
  parts: BlockPart[] = [];
  readonly #blockBytes: number;
  readonly #firstBytes: number;
  /** Bytes of the blocks before. */
  #before = 0;
  #filled = 0;
  #strings = 0;

  constructor(blockBytes: number, firstBytes: number) {
    this.#blockBytes = blockBytes;
    this.#firstBytes = firstBytes;
  }

  /** Adds a part; gives the parts before it when it begins another block. */
  add(part: BlockPart): readonly BlockPart[] | undefined {
    const strings = MAX_UNIT_BYTES * (part.row.path.length + part.row.link.length);
    const most = this.#before < this.#blockBytes ? this.#firstBytes : this.#blockBytes;
    const isFull = this.#filled + part.length > most || this.parts.length >= BLOCK_ROWS ||
      this.#strings + strings > BLOCK_STRING_BYTES;
    let full: readonly BlockPart[] | undefined;
    if (this.parts.length > 0 && isFull) {
      full = this.parts;
      this.parts = [];
      this.#before += this.#filled;
      this.#filled = 0;
      this.#strings = 0;
    }
    this.parts.push(part);
    this.#filled += part.length;
    this.#strings += strings;
    return full;
  }
}

function checkEntry({ row, content }: PlannedEntry): void {
  const fault = pathFault(row.path) ?? rowFault(row) ??
    ((row.kind === "file") === (content !== undefined) ? undefined : "files have content and nothing else has");
  if (fault !== undefined) throw new TypeError(`Cannot store ${JSON.stringify(row.path)}: ${fault}`);
}

function partsOf({ row, content }: PlannedEntry, blockBytes: number): AsyncIterable<BlockPart> | Iterable<BlockPart> {
  if (content === undefined) return [{ row, offset: 0, length: 0, last: true, content: NO_CONTENT }];
  return content.kind === "file" ? fileParts(row, content, blockBytes) : byteParts(row, content.bytes, blockBytes);
}

function* fileParts(row: Row, content: EntryContent & { kind: "file" }, blockBytes: number): Generator<BlockPart> {
  for (let offset = 0;; offset += blockBytes) {
    const length = Math.min(blockBytes, row.size - offset);
    const last = offset + length >= row.size;
    yield { row, offset, length, last, content };
    if (last) return;
  }
}

/** Content whose length is not known: a slice is the last one when nothing comes after it, so one is held back. */
async function* byteParts(
  row: Row,
  pieces: AsyncIterable<Bytes> | Iterable<Bytes>,
  blockBytes: number,
): AsyncGenerator<BlockPart> {
  let buffer = new Uint8Array(0);
  let filled = 0;
  let offset = 0;
  const part = (bytes: Bytes, last: boolean): BlockPart => ({
    row,
    offset,
    length: bytes.length,
    last,
    content: { kind: "bytes", bytes },
  });
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      if (filled === blockBytes) {
        yield part(buffer, false);
        offset += filled;
        buffer = new Uint8Array(0);
        filled = 0;
      }
      const take = Math.min(piece.length - at, blockBytes - filled);
      if (filled + take > buffer.length) buffer = grow(buffer, filled + take, blockBytes);
      buffer.set(piece.subarray(at, at + take), filled);
      filled += take;
      at += take;
    }
  }
  yield part(buffer.subarray(0, filled), true);
}

function grow(buffer: Uint8Array<ArrayBuffer>, needed: number, most: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(Math.min(most, Math.max(needed, buffer.length * 2)));
  grown.set(buffer);
  return grown;
}
