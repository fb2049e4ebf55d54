/** Memory of cells and the loop that adds multiples of one to many (kernel.wat). */
import type { Bytes } from "../engine/engine.ts";
import { RECOVERY_CELL_BYTES } from "../format/limits.ts";
import { halfProducts } from "./field.ts";
import { KERNEL_BASE64 } from "./kernel_bytes.ts";

const MEMORY_PAGE_BYTES = 65_536;
const TABLE_BYTES = 32;
/** Tables of one cell's multiples; a codeword has at most 255 cells. */
const TABLES_BYTES = 255 * TABLE_BYTES;
const CELLS_OFFSET = 8192;
/** Cells do not stand a power of two apart: all rows of a codeword would compete for the same places of the cache. */
const STRIDE = RECOVERY_CELL_BYTES + 64;

interface KernelExports {
  readonly memory: WebAssembly.Memory;
  addMultiples(target: number, stride: number, source: number, tables: number, rows: number, length: number): void;
}

let compiled: WebAssembly.Module | undefined;

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** A number of cells in memory of their own, all zero at first. */
export class CellMemory {
  readonly #exports: KernelExports;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #tables: Uint8Array<ArrayBuffer>;
  #factors: readonly number[] = [];

  /** Makes room for `count` cells. */
  constructor(count: number) {
    compiled ??= new WebAssembly.Module(decodeBase64(KERNEL_BASE64));
    this.#exports = new WebAssembly.Instance(compiled).exports as unknown as KernelExports;
    const { memory } = this.#exports;
    const needed = CELLS_OFFSET + count * STRIDE;
    memory.grow(Math.ceil(needed / MEMORY_PAGE_BYTES) - memory.buffer.byteLength / MEMORY_PAGE_BYTES);
    this.#bytes = new Uint8Array(memory.buffer as ArrayBuffer);
    this.#tables = this.#bytes.subarray(0, TABLES_BYTES);
  }

  /** A view of one cell. */
  cell(index: number): Bytes {
    const at = CELLS_OFFSET + index * STRIDE;
    return this.#bytes.subarray(at, at + RECOVERY_CELL_BYTES);
  }

  /** Adds `factors[i]` times the cell `source` to the cell `target + i`, for all of them. */
  addMultiples(target: number, source: number, factors: readonly number[]): void {
    if (factors.length === 0) return;
    // Cells of one row have the same factors: the caller passes the same array again.
    if (factors !== this.#factors) {
      factors.forEach((factor, i) =>
        halfProducts(factor, this.#tables.subarray(i * TABLE_BYTES, (i + 1) * TABLE_BYTES))
      );
      this.#factors = factors;
    }
    const place = (index: number) => CELLS_OFFSET + index * STRIDE;
    this.#exports.addMultiples(place(target), STRIDE, place(source), 0, factors.length, RECOVERY_CELL_BYTES);
  }

  /** Makes all cells zero again. */
  clear(): void {
    this.#bytes.fill(0, CELLS_OFFSET);
  }
}
