/** Makes the parity and the tables of one region after the other from the data as it passes. */
import type { Bytes, Engine } from "../engine/engine.ts";
import { RECOVERY_CELL_BYTES as CELL_BYTES, RECOVERY_CODEWORDS } from "../format/limits.ts";
import { coefficient } from "./field.ts";
import { fullRegion, parityCells, type RegionShape, regionShape, type SegmentStart } from "./geometry.ts";
import { CellMemory } from "./kernel.ts";
import { encodeTables, type RegionIdentity } from "./table_page.ts";

/** The cell into which data is gathered; the parity cells stand behind it, codeword by codeword. */
const GATHERED = 0;
const FIRST_PARITY = 1;

/** The coefficients of all rows at one position; always the same array, which the kernel knows again. */
export class CodeRows {
  readonly #rows: number;
  readonly #positions = new Map<number, readonly number[]>();

  /** Of so many rows. */
  constructor(rows: number) {
    this.#rows = rows;
  }

  /** Of one position. */
  at(position: number): readonly number[] {
    const known = this.#positions.get(position);
    if (known !== undefined) return known;
    const made = Array.from({ length: this.#rows }, (_, row) => coefficient(row, position));
    this.#positions.set(position, made);
    return made;
  }
}

/**
 * The recovery data of one segment. Its memory is that of one region's parity. Data goes in in pieces of any length;
 * when {@linkcode room} is 0, or the segment ends, {@linkcode finishRegion} gives what follows the region's data.
 */
export class RegionEncoder {
  readonly #engine: Engine;
  readonly #percent: number;
  #segment: SegmentStart;
  readonly #full: RegionShape;
  readonly #memory: CellMemory;
  readonly #code: CodeRows;
  readonly #checksums: Uint32Array;
  #number = 0;
  #cells = 0;
  #gathered = 0;

  /** Begins the segment that stands at `segment`. */
  constructor(engine: Engine, percent: number, segment: SegmentStart = { offset: 0, physical: 0 }) {
    this.#engine = engine;
    this.#percent = percent;
    this.#segment = segment;
    this.#full = fullRegion(percent);
    this.#memory = new CellMemory(FIRST_PARITY + parityCells(this.#full));
    this.#code = new CodeRows(this.#full.rows);
    this.#checksums = new Uint32Array(this.#full.data + parityCells(this.#full));
  }

  /** Begins another segment, when the one before has been finished. */
  begin(segment: SegmentStart): void {
    if (!this.isEmpty) throw new RangeError("Cannot begin a segment: the one before is not finished");
    this.#segment = segment;
    this.#number = 0;
  }

  /** Data bytes that the region still takes. */
  get room(): number {
    return (this.#full.data - this.#cells) * CELL_BYTES - this.#gathered;
  }

  /** Whether the region has no data yet. */
  get isEmpty(): boolean {
    return this.#cells === 0 && this.#gathered === 0;
  }

  /** Takes data, at most {@linkcode room} bytes. */
  add(bytes: Bytes): void {
    if (bytes.length > this.room) throw new RangeError("Cannot add to the region: it is full");
    const cell = this.#memory.cell(GATHERED);
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + CELL_BYTES - this.#gathered);
      cell.set(piece, this.#gathered);
      this.#gathered += piece.length;
      at += piece.length;
      if (this.#gathered === CELL_BYTES) this.#takeCell(cell);
    }
  }

  #takeCell(cell: Bytes): void {
    const codeword = this.#cells % RECOVERY_CODEWORDS;
    const position = Math.floor(this.#cells / RECOVERY_CODEWORDS);
    this.#checksums[this.#cells] = this.#engine.crc32(cell);
    this.#memory.addMultiples(this.#place(codeword, 0), GATHERED, this.#code.at(position));
    this.#cells++;
    this.#gathered = 0;
  }

  #place(codeword: number, row: number): number {
    return FIRST_PARITY + codeword * this.#full.rows + row;
  }

  /**
   * What follows the region's data, in pieces that are good until the next one: tables, parity, tables. The next
   * region begins when all were taken.
   */
  *finishRegion(): Generator<Bytes, void, undefined> {
    if (this.#gathered !== 0) throw new RangeError("Cannot finish the region: its data does not fill its last cell");
    const shape = regionShape(this.#percent, this.#cells);
    const identity: RegionIdentity = { percent: this.#percent, number: this.#number, segment: this.#segment };
    for (let i = 0; i < parityCells(shape); i++) {
      this.#checksums[shape.data + i] = this.#engine.crc32(this.#parityCell(shape, i));
    }
    const tables = encodeTables(this.#engine, identity, shape, this.#checksums);
    const half = tables.length / 2;
    yield tables.subarray(0, half);
    for (let row = 0; row < shape.rows; row++) {
      const piece = new Uint8Array(shape.codewords * CELL_BYTES);
      for (let i = 0; i < shape.codewords; i++) {
        piece.set(this.#parityCell(shape, row * shape.codewords + i), i * CELL_BYTES);
      }
      yield piece;
    }
    yield tables.subarray(half);
    this.#memory.clear();
    this.#number++;
    this.#cells = 0;
  }

  #parityCell(shape: RegionShape, index: number): Bytes {
    const codeword = (shape.data + index) % shape.codewords;
    return this.#memory.cell(this.#place(codeword, Math.floor(index / shape.codewords)));
  }
}
