/** Reads whole archives in both ways and says what came out, so that the two can be compared. */
import { createHash } from "node:crypto";
import type { Bytes, Engine } from "../../src/engine/engine.ts";
import { Archive, type OpenOptions } from "../../src/archive/archive.ts";
import { type BlockOpener, blockOpening, type OpenSetting, PlacedOpener } from "../../src/archive/block_opener.ts";
import { type PlacedBytes, PlacedQueue } from "../../src/archive/placed_queue.ts";
import type { Source } from "../../src/archive/source.ts";
import { ArchiveStream, type SegmentChoice } from "../../src/archive/stream_reader.ts";
import type { Block } from "../../src/format/block.ts";
import { ByteWriter } from "../../src/format/bytes.ts";
import { ArchiveError, type ArchiveErrorCode } from "../../src/format/errors.ts";
import type { Row } from "../../src/format/row.ts";
import { encodeCanonicalRow } from "../../src/format/rows.ts";

/** A part of a file's content. */
export interface Piece {
  readonly fileOffset: number;
  readonly bytes: Bytes;
}

/** One entry as it was read. */
export interface ReadEntry {
  readonly row: Row;
  readonly pieces: readonly Piece[];
}

/** What reading a whole archive gave. */
export interface Reading {
  /** What was wrong; `undefined` when everything was good. */
  readonly error: ArchiveError | undefined;
  readonly warnings: readonly string[];
  /**
   * SHA-256 in hex of all content given out before the end: slice by slice of each block by stream, entry by entry
   * otherwise.
   */
  readonly released: string;
  /** The catalog's entries and their content, as far as they were read. */
  readonly entries: readonly ReadEntry[];
}

/** The code of what was wrong, or `none`. */
export function codeOf({ error }: Reading): ArchiveErrorCode | "none" {
  return error?.code ?? "none";
}

type Options = Omit<OpenOptions, "onWarning">;
type WholeOptions = Options & { readonly segments?: SegmentChoice };

/** Runs `read` and turns an `ArchiveError` into a result; anything else that is thrown is a bug and passes through. */
async function collect(
  read: (take: (bytes: Bytes) => void, warn: (warning: string) => void, entries: ReadEntry[]) => Promise<void>,
): Promise<Reading> {
  const warnings: string[] = [];
  const entries: ReadEntry[] = [];
  const hash = createHash("sha256");
  let error: ArchiveError | undefined;
  try {
    await read((bytes) => hash.update(bytes), (warning) => warnings.push(warning), entries);
  } catch (thrown) {
    if (!(thrown instanceof ArchiveError)) throw thrown;
    error = thrown;
  }
  return { error, warnings, released: hash.digest("hex"), entries };
}

/** Opens several blocks at a time and never in their order, as workers may. */
export function wideOpener(engine: Engine, width: number): (setting: OpenSetting) => BlockOpener<Block> {
  return (setting) => {
    const open = blockOpening(engine, setting, (length) => new Uint8Array(length));
    return {
      width,
      open: async ({ frame, head, chunks }) => {
        const own = chunks.slice();
        for (let turn = frame % width; turn < width; turn++) await Promise.resolve();
        return open({ frame, head, chunks: own });
      },
    };
  };
}

/** Reads everything from front to back; `width` blocks at a time, if it is given. */
export function readByStream(
  engine: Engine,
  pieces: Iterable<Bytes>,
  options: WholeOptions,
  width?: number,
): Promise<Reading> {
  return collect(async (take, onWarning, entries) => {
    const stream = await ArchiveStream.open(engine, pieces, { ...options, onWarning });
    const content = new Map<string, Piece[]>();
    let last = "";
    for await (const event of width === undefined ? stream.events() : stream.events(wideOpener(engine, width))) {
      last = event.kind;
      if (event.kind === "block") {
        for (const { row, slices } of event.block.entries) {
          for (const { fileOffset, length, dataOffset } of slices) {
            const bytes = event.block.data.slice(dataOffset, dataOffset + length);
            take(bytes);
            const pieces = content.get(row.path) ?? [];
            pieces.push({ fileOffset, bytes });
            content.set(row.path, pieces);
          }
        }
      } else if (event.kind === "page") {
        for (const { row } of event.page.continues ? event.page.entries.slice(1) : event.page.entries) {
          entries.push({ row, pieces: content.get(row.path) ?? [] });
        }
      }
    }
    if (last !== "end") throw new Error(`Cannot accept the events: the last one is "${last}"`);
    await stream.close();
  });
}

/** Bytes in memory that can be read from anywhere. */
function placed(bytes: Bytes): PlacedBytes {
  return {
    size: bytes.length,
    readInto(offset, into) {
      const found = bytes.subarray(offset, offset + into.length);
      into.set(found);
      return into.subarray(0, found.length);
    },
  };
}

/**
 * Checks everything from front to back as workers do: blocks and pages are read where they stand, several at a time,
 * and what is said of them is copied. No entries come out of it.
 */
export function checkByPlaces(engine: Engine, bytes: Bytes, options: WholeOptions, width: number): Promise<Reading> {
  return collect(async (take, onWarning) => {
    const archive = placed(bytes);
    const stream = await ArchiveStream.open(engine, new PlacedQueue(archive), { ...options, onWarning });
    const begin = (setting: OpenSetting): BlockOpener<Bytes> => {
      const open = blockOpening(engine, setting);
      const opener = new PlacedOpener(engine, setting, archive);
      const told = ({ block, facts }: ReturnType<typeof open>) => ({
        block: new Uint8Array(block.data),
        facts: structuredClone(facts),
      });
      const late = async <T>(result: () => T, frame: number): Promise<T> => {
        for (let turn = frame % width; turn < width; turn++) await Promise.resolve();
        return result();
      };
      return {
        width,
        open: (block) => told(open(block)),
        openAt: (block) => late(() => told(opener.block(block)), block.frame),
        checkPageAt: (page) => late(() => structuredClone(opener.page(page)), page.frame),
      };
    };
    for await (const event of stream.events(begin)) if (event.kind === "block") take(event.block);
  });
}

/** Opens an archive and reads all entries with their content by their places. */
export function readBySeeking(engine: Engine, source: Source, options: Options): Promise<Reading> {
  return collect(async (take, onWarning, entries) => {
    const archive = await Archive.open(engine, source, { ...options, onWarning });
    let pieces: Piece[] = [];
    let end = 0;
    for await (const entry of archive.entries()) {
      if (!entry.continued) {
        pieces = [];
        end = 0;
        entries.push({ row: entry.row, pieces });
      }
      for await (const { fileOffset, bytes } of archive.read(entry)) {
        if (fileOffset < end || fileOffset + bytes.length > entry.row.size) {
          throw new Error(
            `Cannot accept "${entry.row.path}": a piece of it lies outside the file or before the last one`,
          );
        }
        end = fileOffset + bytes.length;
        take(bytes);
        pieces.push({ fileOffset, bytes: bytes.slice() });
      }
    }
  });
}

/** SHA-256 in hex over each entry's canonical row and content: equal for equal trees, however their bytes were cut. */
export function digestOf(entries: readonly ReadEntry[]): string {
  const hash = createHash("sha256");
  const scratch = new ByteWriter();
  for (const { row, pieces } of entries) {
    scratch.reset();
    encodeCanonicalRow(row, scratch);
    scratch.varint(pieces.reduce((sum, piece) => sum + piece.bytes.length, 0));
    hash.update(scratch.view());
    for (const { bytes } of pieces) hash.update(bytes);
  }
  return hash.digest("hex");
}

/** A file's content with its holes filled. */
export function contentOf({ row, pieces }: ReadEntry): Bytes {
  const content = new Uint8Array(row.size);
  for (const { fileOffset, bytes } of pieces) content.set(bytes, fileOffset);
  return content;
}
