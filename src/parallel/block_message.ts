/** Block plans on their way to a worker, and what became of them on its way back. */
import type { BlockPart, PartContent, PartOutcome, WholeBlock } from "../archive/block_builder.ts";
import type { CutOutcome } from "../archive/content_cutter.ts";
import { filesOf } from "../archive/whole_files.ts";
import type { Bytes } from "../engine/engine.ts";
import type { BlockEntry } from "../format/block.ts";
import type { Row, Slice } from "../format/row.ts";
import { decodeError, encodeError, type RemoteError } from "./remote_error.ts";
import { packRows, type RowColumns, unpackRows } from "./row_columns.ts";

/** A plan's parts in transit. */
export interface PackedParts {
  readonly rows: RowColumns;
  /** For each part: offset, length, and {@linkcode PART} bits. */
  readonly parts: Float64Array<ArrayBuffer>;
  /**
   * What goes before the stored path of every file to give its location; `undefined` when {@linkcode locations} has
   * them.
   */
  readonly prefix: string | undefined;
  /** The locations of files, joined by NUL. */
  readonly locations: string;
  /** Content from memory, in the order of its parts. */
  readonly bytes: readonly Bytes[];
}

const PART_NUMBERS = 3;
const PART = { last: 1, file: 2, sparse: 4, bytes: 8 } as const;
const SEPARATOR = "\0";

/** Packs the parts of a plan. Content from memory is in `bytes`, so that it can be transferred. */
export function packParts(parts: readonly BlockPart[]): PackedParts {
  const numbers = new Float64Array(parts.length * PART_NUMBERS);
  const locations: string[] = [];
  const bytes: Bytes[] = [];
  let prefix: string | undefined;
  let hasPrefix = true;
  for (const [i, { row, offset, length, last, content }] of parts.entries()) {
    let bits: number = last ? PART.last : 0;
    if (content.kind === "file") {
      bits += PART.file + (content.sparse ? PART.sparse : 0);
      const { location } = content;
      locations.push(location);
      prefix ??= location.endsWith(row.path) ? location.slice(0, location.length - row.path.length) : undefined;
      hasPrefix &&= prefix !== undefined && location.length === prefix.length + row.path.length &&
        location.startsWith(prefix) && location.endsWith(row.path);
    } else if (content.kind === "bytes") {
      bits += PART.bytes;
      bytes.push(content.bytes);
    }
    numbers.set([offset, length, bits], i * PART_NUMBERS);
  }
  return {
    rows: packRows(parts.map((part) => part.row)),
    parts: numbers,
    prefix: hasPrefix ? prefix : undefined,
    locations: hasPrefix ? "" : locations.join(SEPARATOR),
    bytes,
  };
}

/** The parts that were packed. */
export function unpackParts({ rows, parts, prefix, locations, bytes }: PackedParts): BlockPart[] {
  const names = prefix === undefined ? locations.split(SEPARATOR) : [];
  let nextName = 0;
  let nextBytes = 0;
  return unpackRows(rows).map((row, i): BlockPart => {
    const at = i * PART_NUMBERS;
    const bits = parts[at + 2] as number;
    const has = (bit: number) => Math.floor(bits / bit) % 2 === 1;
    let content: PartContent = { kind: "none" };
    if (has(PART.file)) {
      const location = prefix === undefined ? names[nextName++] as string : prefix + row.path;
      content = { kind: "file", location, sparse: has(PART.sparse) };
    } else if (has(PART.bytes)) {
      content = { kind: "bytes", bytes: bytes[nextBytes++] as Bytes };
    }
    return { row, offset: parts[at] as number, length: parts[at + 1] as number, last: has(PART.last), content };
  });
}

/** A block of whole files in transit: what is planned is sent as numbers, one string, and rows that are encoded. */
export interface PackedWhole {
  /** The rows' bytes. */
  readonly rows: Bytes;
  /** How many they are. */
  readonly count: number;
  readonly numbers: Float64Array<ArrayBuffer>;
  /** The files' locations, joined by NUL. */
  readonly locations: string;
}

/** Packs a block of whole files. */
export function packWhole(rows: Bytes, parts: readonly BlockPart[]): PackedWhole {
  const { numbers, locations } = filesOf(parts);
  return { rows, count: parts.length, numbers, locations: locations.join(SEPARATOR) };
}

/** The block that was packed. */
export function unpackWhole(frame: number, { rows, count, numbers, locations }: PackedWhole): WholeBlock {
  const files = { numbers, locations: locations === "" ? [] : locations.split(SEPARATOR) };
  return { frame, rows, count, files };
}

/** What became of a part, where that is not simply what was planned. */
export type PackedOutcome =
  | { readonly index: number; readonly ok: true; readonly row: Row; readonly slices: readonly Slice[] }
  | { readonly index: number; readonly ok: false; readonly problem: RemoteError };

/** Packs outcomes: of most parts there is nothing to say. */
export function packOutcomes(parts: readonly BlockPart[], outcomes: readonly PartOutcome[]): PackedOutcome[] {
  const packed: PackedOutcome[] = [];
  let dataOffset = 0;
  for (const [index, outcome] of outcomes.entries()) {
    if (!outcome.ok) {
      packed.push({ index, ok: false, problem: encodeError(outcome.problem) });
      continue;
    }
    const part = parts[index] as BlockPart;
    const { row, slices } = outcome.entry;
    if (!isAsPlanned(part, outcome.entry, dataOffset)) packed.push({ index, ok: true, row, slices });
    for (const slice of slices) dataOffset += slice.length;
  }
  return packed;
}

/** The outcomes that were packed, beside the parts they belong to. */
export function unpackOutcomes(parts: readonly BlockPart[], packed: readonly PackedOutcome[]): PartOutcome[] {
  let dataOffset = 0;
  let next = 0;
  return parts.map((part, index): PartOutcome => {
    const told = packed[next]?.index === index ? packed[next++] : undefined;
    if (told?.ok === false) {
      return { ok: false, row: part.row, last: part.last, problem: decodeError(told.problem) };
    }
    const entry: BlockEntry = told === undefined
      ? { row: part.row, provisional: !part.last, slices: plannedSlices(part, dataOffset) }
      : { row: told.row, provisional: !part.last, slices: told.slices };
    for (const slice of entry.slices) dataOffset += slice.length;
    return { ok: true, entry };
  });
}

function isAsPlanned(part: BlockPart, { row, provisional, slices }: BlockEntry, dataOffset: number): boolean {
  if (!provisional && row !== part.row) return false;
  const planned = plannedSlices(part, dataOffset);
  const [slice] = slices;
  const [expected] = planned;
  return slices.length === planned.length && (slice === undefined || expected === undefined ||
    (slice.fileOffset === expected.fileOffset && slice.length === expected.length &&
      slice.dataOffset === expected.dataOffset));
}

function plannedSlices({ offset, length }: BlockPart, dataOffset: number): Slice[] {
  return length > 0 ? [{ fileOffset: offset, length, dataOffset }] : [];
}

/** What became of parts that were cut. */
export interface PackedCuts {
  /** Stretches of each part; -1 where it could not be read. */
  readonly stretches: Int32Array;
  /** Rows that are not as they were planned, and problems, in the order of their parts. */
  readonly told: readonly ({ readonly index: number; readonly row: Row } | {
    readonly index: number;
    readonly problem: RemoteError;
  })[];
}

/** Packs what became of parts: of most there is only to say how many stretches they have. */
export function packCuts(parts: readonly BlockPart[], outcomes: readonly CutOutcome[]): PackedCuts {
  const told: PackedCuts["told"][number][] = [];
  const stretches = Int32Array.from(outcomes, (outcome, index) => {
    if (!outcome.ok) told.push({ index, problem: encodeError(outcome.problem) });
    else if (outcome.row !== parts[index]?.row) told.push({ index, row: outcome.row });
    return outcome.ok ? outcome.stretches : -1;
  });
  return { stretches, told };
}

/** What was packed, beside the parts it belongs to. */
export function unpackCuts(parts: readonly BlockPart[], { stretches, told }: PackedCuts): CutOutcome[] {
  let next = 0;
  return parts.map(({ row, last }, index): CutOutcome => {
    const known = told[next]?.index === index ? told[next++] : undefined;
    if (known !== undefined && "problem" in known) return { ok: false, row, last, problem: decodeError(known.problem) };
    return { ok: true, row: known?.row ?? row, stretches: stretches[index] as number };
  });
}
