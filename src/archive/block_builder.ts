/**
 * Builds one block: a plan goes in, a finished frame comes out. Files, standard input and library iterables are
 * feeders of this one function, and it is the unit of parallel work: nothing in it knows who calls it.
 */
import type { Bytes, Engine, SuiteId } from "../engine/engine.ts";
import { type BlockEntry, encodeBlockRows, type EncodedRows } from "../format/block.ts";
import { FRAME_TYPE } from "../format/frame.ts";
import { MAX_FRAME_BYTES } from "../format/limits.ts";
import type { BlockPlace, Slice } from "../format/row.ts";
import { provisionalRow } from "../format/rows.ts";
import { type Level, prepareFrame } from "./compress.ts";
import type { BlockPart, FailedPart } from "./block_part.ts";
import { type CutParts, type CutSetting, partCutter } from "./content_cutter.ts";
import { FrameCipher } from "./frame_cipher.ts";
import { finalRow, readFully } from "./file_reading.ts";
import type { ContentAccess } from "./source.ts";
import { FILE_NUMBERS, filesOf, readWhole, type WholeFiles } from "./whole_files.ts";

export type { BlockPart, FailedPart, PartContent } from "./block_part.ts";

/** One block to build. */
export interface BlockPlan {
  /** The frame number, from `FrameNumbers`. */
  readonly frame: number;
  /** What goes into it. */
  readonly parts: readonly BlockPart[];
  /** Its rows if every part is stored as it was planned, where that can be known beforehand. */
  readonly rows?: EncodedRows | undefined;
}

/** A plan whose rows are known to hold. */
export interface HeldPlan extends BlockPlan {
  readonly rows: EncodedRows;
}

/** What became of one part. */
export type PartOutcome =
  | {
    readonly ok: true;
    readonly entry: BlockEntry;
    /** Ranges of the file whose bytes lie elsewhere, or in this very block where none is named; in file order. */
    readonly shared?: readonly SharedSlice[];
  }
  | FailedPart;

/** A range of a file whose bytes are stored for several places. */
export interface SharedSlice extends Slice {
  /** The block that they lie in; `undefined` for the one that the file's row stands in. */
  readonly block: BlockPlace | undefined;
}

/** A finished block. */
export interface BuiltBlock {
  /** Its frame number. */
  readonly frame: number;
  /** The sealed frame, whole. */
  readonly bytes: Bytes;
  /** One outcome for each part of the plan, in order; none at all where the plan's {@linkcode BlockPlan.rows} hold. */
  readonly outcomes: readonly PartOutcome[];
  /** The plan, where its rows hold. */
  readonly held?: HeldPlan;
  /** Bytes of content read for it. */
  readonly contentBytes: number;
  /** Gives back the memory that {@linkcode bytes} lies in, once they are written. */
  readonly release?: () => void;
}

/**
 * Builds blocks, perhaps several at a time and elsewhere. The bytes of a block depend on its plan alone, so that
 * who builds it, and when, changes nothing.
 */
export interface BlockBuilder {
  /** How many blocks may be under way at a time; at least 1. */
  readonly width: number;
  /** Builds a block; each plan's frame number is sealed once. It may keep `plan` until the block is built. */
  build(plan: BlockPlan): BuiltBlock | Promise<BuiltBlock>;
  /** What makes blocks of content that is stored once; absent where the archive's content is not. */
  readonly sharing?: SharingBuilder;
}

/** Cuts content, and seals what of it is new. What goes in between, and in which order, is the caller's matter. */
export interface SharingBuilder {
  /** Reads parts and cuts them. At most the builder's width are cut and not released at a time. */
  cut(parts: readonly BlockPart[]): CutParts | Promise<CutParts>;
  /** Memory for the data of a block. */
  allocate(length: number): Bytes;
  /** Seals a block. Its data are in such memory, which is given back with that of the block. */
  seal(block: UnsealedBlock): SealedBlock | Promise<SealedBlock>;
}

/** A block whose rows are encoded. */
export interface UnsealedBlock {
  readonly frame: number;
  /** How many rows there are. */
  readonly count: number;
  /** What stands before the data. */
  readonly rows: Bytes;
  readonly data: Bytes;
}

/** A sealed frame. */
export type SealedBlock = Pick<BuiltBlock, "bytes" | "release">;

/** What a builder of blocks has to know of the archive they belong to. */
export interface BlockSetting {
  readonly suite: SuiteId;
  /** Seals the segment's frames; 32 bytes. */
  readonly segmentKey: Bytes;
  readonly level: Level;
  /** How content is cut that is stored once; absent where it is not. */
  readonly cutting?: CutSetting;
}

/** What building a block needs besides the plan. */
export interface BlockTools {
  readonly engine: Engine;
  readonly cipher: FrameCipher;
  readonly level: Level;
  /** See {@linkcode BlockSetting}. */
  readonly cutting?: CutSetting | undefined;
  /** Opens files; absent where plans have none. */
  readonly access: ContentAccess | undefined;
  /** Memory for one block at a time, kept between calls. */
  readonly scratch: BlockScratch;
  /** The same for what it is compressed to. */
  readonly compressed: BlockScratch;
  /** Memory for a sealed frame of so many bytes; fresh unless given. */
  readonly allocate?: (length: number) => Bytes;
}

/** The tools to build the blocks of one archive. */
export function blockTools(
  engine: Engine,
  { suite, segmentKey, level, cutting }: BlockSetting,
  access: ContentAccess | undefined,
): BlockTools {
  const cipher = new FrameCipher(engine, suite, segmentKey);
  return { engine, cipher, level, cutting, access, scratch: new BlockScratch(), compressed: new BlockScratch() };
}

/** Builds each block where it is asked for. */
export function inlineBuilder(tools: BlockTools): BlockBuilder {
  const builder: BlockBuilder = { width: 1, build: (plan) => buildBlock(plan, tools) };
  const { engine, access, cutting } = tools;
  if (cutting === undefined) return builder;
  const memory = new BlockScratch();
  const cut = partCutter({ engine, access, cutting }, (length) => memory.take(length).subarray(0, length));
  return {
    ...builder,
    sharing: {
      cut,
      allocate: (length) => new Uint8Array(length),
      seal: (block) => ({ bytes: sealBlock(block, tools) }),
    },
  };
}

/**
 * Memory that block building reuses: a buffer this large is new pages from the system each time, which costs more than
 * filling it.
 */
export class BlockScratch {
  #bytes = new Uint8Array(0);

  /** A buffer of at least so many bytes, with anything in it. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    return this.#bytes;
  }
}

/** The outcomes of parts that are stored whole and as they were planned. */
export function plannedOutcomes(parts: readonly BlockPart[]): PartOutcome[] {
  let dataOffset = 0;
  return parts.map(({ row, length }): PartOutcome => {
    const slices = length > 0 ? [{ fileOffset: 0, length, dataOffset }] : [];
    dataOffset += length;
    return { ok: true, entry: { row, provisional: false, slices } };
  });
}

/** Bytes of a row beyond its strings, at most, as columns. */
const ROW_BYTES = 128;
/** Holes start and end at multiples of this, as on disk. */
const HOLE_BYTES = 4096;

/**
 * Builds a block. A part that cannot be read is left out and named in the outcomes; the block is still sealed, with
 * no rows if need be, because frame numbers have no gaps.
 */
export function buildBlock(plan: BlockPlan, tools: BlockTools): BuiltBlock {
  const { frame, parts, rows } = plan;
  if (rows !== undefined) {
    const whole = buildWholeBlock({ frame, rows: rows.bytes, count: parts.length, files: filesOf(parts) }, tools);
    if (whole !== undefined) return { frame, ...whole, outcomes: [], held: { frame, parts, rows } };
  }
  const buffer = new BlockBuffer(plan.parts, tools.scratch);
  const outcomes = plan.parts.map((part): PartOutcome => {
    const mark = buffer.dataLength;
    try {
      return { ok: true, entry: readPart(part, buffer, tools.access) };
    } catch (problem) {
      buffer.rewind(mark);
      return { ok: false, row: part.row, last: part.last, problem };
    }
  });
  const entries = outcomes.flatMap((outcome) => outcome.ok ? [outcome.entry] : []);
  const raw = buffer.finish(encodeBlockRows(entries));
  const bytes = sealRaw(plan.frame, entries.length, raw, tools);
  return { frame: plan.frame, bytes, outcomes, contentBytes: buffer.dataLength };
}

/** Compresses and seals a block's raw bytes. */
function sealRaw(frame: number, rows: number, raw: Bytes, tools: BlockTools): Bytes {
  const { engine, cipher, level, compressed, allocate } = tools;
  const room = (length: number) => compressed.take(length);
  return cipher.seal(frame, prepareFrame(engine, { type: FRAME_TYPE.block, rows }, raw, level, room), allocate);
}

/** Seals a block. */
export function sealBlock({ frame, count, rows, data }: UnsealedBlock, tools: BlockTools): Bytes {
  const length = rows.length + data.length;
  const raw = tools.scratch.take(length).subarray(0, length);
  raw.set(rows);
  raw.set(data, rows.length);
  return sealRaw(frame, count, raw, tools);
}

/** A block of whole files, with its rows encoded. */
export interface WholeBlock {
  readonly frame: number;
  /** Its rows' bytes. */
  readonly rows: Bytes;
  /** How many they are. */
  readonly count: number;
  readonly files: WholeFiles;
}

/** Builds a block whose rows are known; `undefined` when they do not hold. Then nothing was sealed. */
export function buildWholeBlock(
  { frame, rows, count, files }: WholeBlock,
  tools: BlockTools,
): Pick<BuiltBlock, "bytes" | "contentBytes"> | undefined {
  const { access, scratch } = tools;
  if (access === undefined && files.locations.length > 0) return undefined;
  let contentBytes = 0;
  for (let at = 0; at < files.numbers.length; at += FILE_NUMBERS) contentBytes += files.numbers[at] as number;
  if (rows.length + contentBytes > MAX_FRAME_BYTES) return undefined;
  const raw = scratch.take(rows.length + contentBytes).subarray(0, rows.length + contentBytes);
  raw.set(rows);
  if (access !== undefined && !readWhole(files, raw.subarray(rows.length), access)) return undefined;
  return { bytes: sealRaw(frame, count, raw, tools), contentBytes };
}

/** The block's raw bytes while they grow: room for the rows first, then data, so that nothing is moved at the end. */
class BlockBuffer {
  readonly #rowsRoom: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #end: number;

  constructor(parts: readonly BlockPart[], scratch: BlockScratch) {
    let rows = ROW_BYTES;
    let data = 0;
    for (const { row, length } of parts) {
      rows += ROW_BYTES + 3 * (row.path.length + row.link.length);
      data += length;
    }
    if (data > MAX_FRAME_BYTES) throw new RangeError("Cannot build a block: its plan is too large");
    this.#rowsRoom = rows;
    this.#bytes = scratch.take(rows + data);
    this.#end = rows;
  }

  get dataLength(): number {
    return this.#end - this.#rowsRoom;
  }

  rewind(dataLength: number): void {
    this.#end = this.#rowsRoom + dataLength;
  }

  /** The next `length` bytes of data, to be filled. */
  claim(length: number): Bytes {
    return this.#bytes.subarray(this.#end, this.#end + length);
  }

  /** Says how many of the claimed bytes are data. */
  advance(length: number): void {
    this.#end += length;
  }

  finish(rows: Bytes): Bytes {
    const start = this.#rowsRoom - rows.length;
    if (start >= 0) {
      this.#bytes.set(rows, start);
      return this.#bytes.subarray(start, this.#end);
    }
    const whole = new Uint8Array(rows.length + this.dataLength);
    whole.set(rows);
    whole.set(this.#bytes.subarray(this.#rowsRoom, this.#end), rows.length);
    return whole;
  }
}

function readPart(part: BlockPart, buffer: BlockBuffer, access: ContentAccess | undefined): BlockEntry {
  const { row, content, offset, length, last } = part;
  const dataOffset = buffer.dataLength;
  switch (content.kind) {
    case "none":
      return { row, provisional: false, slices: [] };
    case "bytes": {
      buffer.claim(content.bytes.length).set(content.bytes);
      buffer.advance(content.bytes.length);
      const slices = content.bytes.length > 0 ? [{ fileOffset: offset, length: content.bytes.length, dataOffset }] : [];
      return last
        ? { row: { ...row, size: offset + content.bytes.length }, provisional: false, slices }
        : { row: provisionalRow(row.path, row.kind), provisional: true, slices };
    }
    case "file": {
      if (access === undefined) throw new TypeError("Cannot read a file: no access to files was given");
      const reader = access.open(content.location);
      try {
        const read = readFully(reader, offset, buffer.claim(length));
        // After the bytes, so that it is about what was read; it also says whether this is a regular file still.
        const status = reader.status();
        const final = last ? finalRow(row, offset + read, status) : undefined;
        const slices = content.sparse
          ? dropHoles(buffer, offset, read, dataOffset)
          : takeAll(buffer, offset, read, dataOffset);
        return final === undefined
          ? { row: provisionalRow(row.path, row.kind), provisional: true, slices }
          : { row: final, provisional: false, slices };
      } finally {
        reader.close();
      }
    }
  }
}

function takeAll(buffer: BlockBuffer, fileOffset: number, length: number, dataOffset: number): Slice[] {
  buffer.advance(length);
  return length > 0 ? [{ fileOffset, length, dataOffset }] : [];
}

/** Keeps what is not zero, in runs of whole pages of the file. */
function dropHoles(buffer: BlockBuffer, fileOffset: number, length: number, dataOffset: number): Slice[] {
  const bytes = buffer.claim(length);
  const slices: Slice[] = [];
  let kept = 0;
  let runStart = -1;
  const endRun = (end: number) => {
    if (runStart < 0) return;
    slices.push({ fileOffset: fileOffset + runStart, length: end - runStart, dataOffset: dataOffset + kept });
    bytes.copyWithin(kept, runStart, end);
    kept += end - runStart;
    runStart = -1;
  };
  for (let at = 0; at < length;) {
    const next = Math.min(length, at + HOLE_BYTES - ((fileOffset + at) % HOLE_BYTES));
    if (isZeroRange(bytes, at, next)) endRun(at);
    else if (runStart < 0) runStart = at;
    at = next;
  }
  endRun(length);
  buffer.advance(kept);
  return slices;
}

function isZeroRange(bytes: Bytes, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}
