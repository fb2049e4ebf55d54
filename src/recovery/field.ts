/** Arithmetic in GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1, and the code made of it. */
import type { Bytes } from "../engine/engine.ts";

const POLYNOMIAL = 0x11d;
const ELEMENTS = 256;
const ORDER = ELEMENTS - 1;

const exponentials = new Uint8Array(2 * ORDER);
const logarithms = new Uint8Array(ELEMENTS);
let power = 1;
for (let i = 0; i < ORDER; i++) {
  exponentials[i] = power;
  exponentials[i + ORDER] = power;
  logarithms[power] = i;
  power = power * 2 >= ELEMENTS ? (power * 2) ^ POLYNOMIAL : power * 2;
}

/** The product of two elements. */
export function multiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0;
  return exponentials[(logarithms[a] as number) + (logarithms[b] as number)] as number;
}

/** The inverse of an element that is not zero. */
export function invert(a: number): number {
  if (a === 0) throw new RangeError("Cannot invert zero");
  return exponentials[ORDER - (logarithms[a] as number)] as number;
}

/**
 * What a parity cell takes of a data cell: an element of a Cauchy matrix, of which every square part can be inverted.
 * So any as many cells as there are data cells in a codeword give all of them.
 */
export function coefficient(row: number, position: number): number {
  return invert((ORDER - row) ^ position);
}

/**
 * Inverts the matrix whose element (i, j) is the coefficient of row `rows[i]` at position `positions[j]`.
 * Both have the same length, without repetitions. Gives the rows of the inverse.
 */
export function invertCoefficients(rows: readonly number[], positions: readonly number[]): readonly Bytes[] {
  const size = rows.length;
  const matrix = rows.map((row, i) => {
    const line = new Uint8Array(2 * size);
    positions.forEach((position, j) => line[j] = coefficient(row, position));
    line[size + i] = 1;
    return line;
  });
  for (let column = 0; column < size; column++) {
    const found = matrix.findIndex((line, i) => i >= column && line[column] !== 0);
    if (found < 0) throw new RangeError("Cannot invert the matrix: a row or position is repeated");
    const pivot = matrix[found] as Bytes;
    matrix[found] = matrix[column] as Uint8Array<ArrayBuffer>;
    matrix[column] = pivot as Uint8Array<ArrayBuffer>;
    scale(pivot, invert(pivot[column] as number));
    for (let i = 0; i < size; i++) {
      const line = matrix[i] as Bytes;
      if (i !== column) addMultiple(line, pivot, line[column] as number);
    }
  }
  return matrix.map((line) => line.slice(size));
}

function scale(line: Bytes, factor: number): void {
  for (let i = 0; i < line.length; i++) line[i] = multiply(line[i] as number, factor);
}

/** Adds `factor` times `source` to `target`, byte by byte. */
export function addMultiple(target: Bytes, source: Bytes, factor: number): void {
  if (factor === 0) return;
  for (let i = 0; i < target.length; i++) target[i] = (target[i] as number) ^ multiply(source[i] as number, factor);
}

/** The products of an element with all that have one half of their bits: 16 of the low half, then 16 of the high. */
export function halfProducts(factor: number, out: Bytes): void {
  for (let half = 0; half < 16; half++) {
    out[half] = multiply(factor, half);
    out[16 + half] = multiply(factor, half * 16);
  }
}
