/**
 * Reads content, cuts it into chunks and takes their ids: the first trip of content that is to be stored once
 * (FORMAT.md, "Deduplication"). Like building a block it is one uninterrupted call that does not know who calls it.
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import { ByteWriter } from "../format/bytes.ts";
import type { Row } from "../format/row.ts";
import type { BlockPart, FailedPart } from "./block_part.ts";
import { chunkId } from "./chunk_index.ts";
import { Chunker } from "./chunker.ts";
import { finalRow, readFully } from "./file_reading.ts";
import type { ContentAccess } from "./source.ts";

/** What decides where an archive's content is cut, and what its chunks are called. */
export interface CutSetting {
  /** 256 values. */
  readonly gear: Uint32Array;
  /** 32 bytes. */
  readonly idKey: Bytes;
}

/** What became of a part: its row, which is the full one with the last part, and how many stretches it was cut into. */
export type CutOutcome = { readonly ok: true; readonly row: Row; readonly stretches: number } | FailedPart;

/** Parts whose content was read and cut. */
export interface CutParts {
  /** One for each part, in order. */
  readonly outcomes: readonly CutOutcome[];
  /** Their content, one part behind the other. */
  readonly bytes: Bytes;
  /** Bytes of each stretch; less than 0 where they are zeros. */
  readonly lengths: Int32Array;
  /** Ids of the stretches that are no zeros, one behind the other. */
  readonly ids: Bytes;
  /** Gives back the memory that the bytes lie in. */
  readonly release?: () => void;
}

/** What cutting takes. */
export interface CutTools {
  readonly engine: Engine;
  readonly access: ContentAccess | undefined;
  readonly cutting: CutSetting;
}

/** Bytes of content of some parts, at most. */
export function contentLength(parts: readonly BlockPart[]): number {
  return parts.reduce(
    (sum, { content, length }) => sum + (content.kind === "bytes" ? content.bytes.length : length),
    0,
  );
}

/**
 * Makes what cuts parts. Content is read once, into what `allocate` gives: what is stored is what has the id, whatever
 * becomes of the file meanwhile. A part that cannot be read is left out and named in the outcomes.
 */
export function partCutter(
  { engine, access, cutting }: CutTools,
  allocate: (length: number) => Bytes,
): (parts: readonly BlockPart[]) => CutParts {
  const chunker = new Chunker(cutting.gear);
  return (parts) => {
    const bytes = allocate(contentLength(parts));
    const lengths: number[] = [];
    const ids = new ByteWriter(2 ** 14);
    let filled = 0;
    const outcomes = parts.map((part): CutOutcome => {
      let read: { readonly row: Row; readonly count: number };
      try {
        read = readContent(part, bytes.subarray(filled), access);
      } catch (problem) {
        return { ok: false, row: part.row, last: part.last, problem };
      }
      const before = lengths.length;
      const end = filled + read.count;
      chunker.reset();
      while (filled < end) {
        const { length, zeros } = chunker.next(bytes.subarray(filled, end));
        lengths.push(zeros ? -length : length);
        if (!zeros) ids.bytes(chunkId(engine, cutting.idKey, bytes.subarray(filled, filled + length)));
        filled += length;
      }
      return { ok: true, row: read.row, stretches: lengths.length - before };
    });
    return { outcomes, bytes, lengths: Int32Array.from(lengths), ids: ids.finish() };
  };
}

function readContent(
  { row, content, offset, length, last }: BlockPart,
  into: Bytes,
  access: ContentAccess | undefined,
): { readonly row: Row; readonly count: number } {
  switch (content.kind) {
    case "none":
      return { row, count: 0 };
    case "bytes":
      into.set(content.bytes);
      return { row: last ? { ...row, size: offset + content.bytes.length } : row, count: content.bytes.length };
    case "file": {
      if (access === undefined) throw new TypeError("Cannot read a file: no access to files was given");
      const reader = access.open(content.location);
      try {
        const count = readFully(reader, offset, into.subarray(0, length));
        // After the bytes, so that it is about what was read; it also says whether this is a regular file still.
        const status = reader.status();
        return { row: last ? finalRow(row, offset + count, status) : row, count };
      } finally {
        reader.close();
      }
    }
  }
}
