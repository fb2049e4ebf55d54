/**
 * Column sets taken apart and put together by hand, so that tests can say what the project's own encoder refuses to.
 */
import type { Bytes } from "../../src/engine/engine.ts";
import { joined } from "./archive_draft.ts";

/** The columns of a set, in their order. A test may repeat, reorder or invent them. */
export type RawColumns = { number: number; bytes: Bytes }[];

/** A variable-length integer, filled up to `length` bytes with a form that is not the shortest. */
export function varint(value: number, length = 1): Bytes {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push(0x80 + value % 0x80);
  bytes.push(value);
  while (bytes.length < length) {
    bytes.push(0x80 + (bytes.pop() as number));
    bytes.push(0);
  }
  return Uint8Array.from(bytes);
}

/** Several variable-length integers. */
export function varints(...values: readonly number[]): Bytes {
  return joined(...values.map((value) => varint(value)));
}

/** Bytes behind their length. */
export function sized(bytes: Bytes): Bytes {
  return joined(varint(bytes.length), bytes);
}

/** A signed variable-length integer. */
export function zigzag(value: number): Bytes {
  return varint(value < 0 ? -2 * value - 1 : 2 * value);
}

/**
 * Takes a column set apart.
 *
 * @throws {RangeError} when it is none.
 */
export function splitColumns(raw: Bytes): RawColumns {
  const columns: RawColumns = [];
  for (let at = 0; at < raw.length;) {
    const number = raw[at++] as number;
    let length = 0;
    for (let scale = 1;; scale *= 0x80) {
      const byte = raw[at++];
      if (byte === undefined) throw new RangeError("Cannot take the columns apart: the last one is cut");
      length += (byte % 0x80) * scale;
      if (byte < 0x80) break;
    }
    columns.push({ number, bytes: raw.slice(at, at + length) });
    at += length;
  }
  return columns;
}

/** Puts a column set together. */
export function joinColumns(columns: RawColumns): Bytes {
  return joined(...columns.map(({ number, bytes }) => joined(Uint8Array.of(number), sized(bytes))));
}

/** Changes the columns of a page, the index or the trailer. */
export function editColumns(raw: Bytes, edit: (columns: RawColumns) => void): Bytes {
  const columns = splitColumns(raw);
  edit(columns);
  return joinColumns(columns);
}

/** Changes the columns of a block; its data stays. */
export function editBlockColumns(raw: Bytes, edit: (columns: RawColumns) => void): Bytes {
  const length = new DataView(raw.buffer, raw.byteOffset).getUint32(0);
  return rawBlock(editColumns(raw.subarray(4, 4 + length), edit), raw.subarray(4 + length));
}

/** A block's raw bytes from its rows and its data. */
export function rawBlock(rows: Bytes, data: Bytes): Bytes {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, rows.length);
  return joined(length, rows, data);
}

/** Sets a column, in its place among the others. */
export function setColumn(columns: RawColumns, number: number, bytes: Bytes): void {
  const at = columns.findIndex((column) => column.number >= number);
  if (at < 0) columns.push({ number, bytes });
  else columns.splice(at, columns[at]?.number === number ? 1 : 0, { number, bytes });
}
