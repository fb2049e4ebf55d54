/**
 * Column sets (FORMAT.md, "Column sets"): the one encoding of rows, pages, the index, the tables and the trailer.
 * A column is a number, a length and its bytes; numbers rise. An unknown column may be skipped when bit 7 of its
 * number is set and is an error otherwise; a missing one means that every row has the default.
 */
import type { Bytes } from "../engine/engine.ts";
import { ByteReader, type ByteWriter } from "./bytes.ts";
import { ArchiveError } from "./errors.ts";

/** Bit 7: a reader that does not know the column passes over it. */
const SKIPPABLE = 0x80;

/** Appends one column; an empty one is left out. Call in rising order of `number`. */
export function encodeColumn(out: ByteWriter, number: number, bytes: Bytes): void {
  if (bytes.length === 0) return;
  out.u8(number);
  out.sizedBytes(bytes);
}

/**
 * Splits a column set.
 *
 * @returns the known columns by number, as readers.
 * @throws {ArchiveError} `malformed` for numbers that do not rise, an unknown column that is not skippable, or bytes
 * left over.
 */
export function decodeColumns(bytes: Bytes, known: ReadonlySet<number>, what: string): Map<number, ByteReader> {
  const reader = new ByteReader(bytes, what);
  const columns = new Map<number, ByteReader>();
  let previous = -1;
  while (reader.remaining > 0) {
    const number = reader.u8();
    if (number <= previous) throw new ArchiveError("malformed", `Cannot decode ${what}: columns are out of order`);
    previous = number;
    const column = reader.sizedBytes(reader.remaining);
    if (known.has(number)) columns.set(number, new ByteReader(column, `${what}, column ${number}`));
    else if (number < SKIPPABLE) throw new ArchiveError("malformed", `Cannot decode ${what}: unknown column ${number}`);
  }
  return columns;
}

/** Says that every column was used up, or every one of those named. */
export function endColumns(
  columns: ReadonlyMap<number, ByteReader>,
  numbers: Iterable<number> = columns.keys(),
): void {
  for (const number of numbers) columns.get(number)?.end();
}

/** Takes a required column. */
export function requireColumn(columns: ReadonlyMap<number, ByteReader>, number: number, what: string): ByteReader {
  const column = columns.get(number);
  if (column === undefined) throw new ArchiveError("malformed", `Cannot decode ${what}: column ${number} is missing`);
  return column;
}

/**
 * Where the values of each row begin among those of all, by how many each row has; one more says how many there are.
 * `fields` is how many numbers a value has in its own column, and `noun` what the values are called.
 *
 * @throws {ArchiveError} `malformed` when there are more than their column can hold.
 */
export function decodeStarts(
  counts: ByteReader | undefined,
  values: ByteReader | undefined,
  { rows, fields, noun, what }: {
    readonly rows: number;
    readonly fields: number;
    readonly noun: string;
    readonly what: string;
  },
): Uint32Array<ArrayBuffer> {
  const starts = new Uint32Array(rows + 1);
  if (counts === undefined) return starts;
  const lengths = new Float64Array(rows);
  counts.varints(lengths);
  let total = 0;
  for (let i = 0; i < rows; i++) {
    total += lengths[i] as number;
    // Nothing is allocated by a number that has no bytes behind it.
    if (fields * total > (values?.remaining ?? 0)) {
      throw new ArchiveError("malformed", `Cannot decode ${what}: its ${noun} are missing`);
    }
    starts[i + 1] = total;
  }
  return starts;
}
