/** Finds what is bad in a region, and what stood there. */
import type { Bytes, Engine } from "../engine/engine.ts";
import { RECOVERY_CELL_BYTES as CELL_BYTES } from "../format/limits.ts";
import { invertCoefficients } from "./field.ts";
import { fullRegion, parityCells, type RegionShape } from "./geometry.ts";
import { CellMemory } from "./kernel.ts";
import { CodeRows } from "./region_encoder.ts";
import { decodeTables, encodeTables, type RegionIdentity } from "./table_page.ts";

/** Reads bytes of a region, counted from its start: `length`, or fewer where the archive ends. */
export type ReadRegion = (offset: number, length: number) => Promise<Bytes>;

/** What was found in a region. */
export interface RegionFindings {
  /** Data cells that are bad. */
  readonly badData: readonly number[];
  /** Parity cells that are bad. */
  readonly badParity: readonly number[];
  /** Table pages that are bad. */
  readonly badTables: readonly number[];
  /** What belongs in their places, by offsets from the region's start; `undefined` when it cannot be told. */
  readonly mended: readonly MendedCell[] | undefined;
}

/** What belongs at an offset, counted from the region's start; 4096 bytes. */
export interface MendedCell {
  readonly offset: number;
  readonly bytes: Bytes;
}

const READ_CELLS = 256;
const GATHERED = 0;
/** Cells into which the missing cells of one codeword are computed: no codeword misses more than it has parity. */
const SCRATCH = 1;

/**
 * Examines regions one after the other, and mends what can be mended; nothing is written. Its memory is one region's
 * parity.
 */
export class RegionExaminer {
  readonly #engine: Engine;
  readonly #memory: CellMemory;

  /** For regions of one percentage. */
  constructor(engine: Engine, percent: number) {
    const full = fullRegion(percent);
    this.#engine = engine;
    this.#memory = new CellMemory(SCRATCH + full.rows + parityCells(full));
  }

  /** Examines one region. */
  async examine(identity: RegionIdentity, shape: RegionShape, read: ReadRegion): Promise<RegionFindings> {
    this.#memory.clear();
    return await new Examination(this.#engine, this.#memory, identity, shape, read).run();
  }
}

class Examination {
  readonly #engine: Engine;
  readonly #identity: RegionIdentity;
  readonly #shape: RegionShape;
  readonly #read: ReadRegion;
  readonly #memory: CellMemory;
  readonly #code: CodeRows;
  readonly #checksums: Uint32Array;
  readonly #bad: number[] = [];

  constructor(engine: Engine, memory: CellMemory, identity: RegionIdentity, shape: RegionShape, read: ReadRegion) {
    this.#engine = engine;
    this.#memory = memory;
    this.#identity = identity;
    this.#shape = shape;
    this.#read = read;
    this.#code = new CodeRows(shape.rows);
    this.#checksums = new Uint32Array(shape.data + parityCells(shape));
  }

  async run(): Promise<RegionFindings> {
    const { data, tablePages } = this.#shape;
    const halfBytes = tablePages * CELL_BYTES;
    const firstHalf = data * CELL_BYTES;
    const secondHalf = firstHalf + halfBytes + parityCells(this.#shape) * CELL_BYTES;
    const pages = new Uint8Array(2 * halfBytes);
    // A page that is cut off is none, whatever stood in what is missing.
    pages.set(wholeCells(await this.#read(firstHalf, halfBytes)));
    pages.set(wholeCells(await this.#read(secondHalf, halfBytes)), halfBytes);
    const tables = decodeTables(this.#engine, this.#identity, this.#shape, pages);
    await this.#takeCells(0, data, 0, tables.checksums);
    await this.#takeCells(data, parityCells(this.#shape), firstHalf + halfBytes, tables.checksums);
    const badData = this.#bad.filter((cell) => cell < data);
    const badParity = this.#bad.filter((cell) => cell >= data).map((cell) => cell - data);
    const cells = this.#mend();
    const findings = { badData, badParity, badTables: tables.bad };
    if (cells === undefined) return { ...findings, mended: undefined };
    const whole = encodeTables(this.#engine, this.#identity, this.#shape, this.#checksums);
    const mendedPages = tables.bad.map((page) => ({
      offset: page < tablePages ? firstHalf + page * CELL_BYTES : secondHalf + (page - tablePages) * CELL_BYTES,
      bytes: whole.slice(page * CELL_BYTES, (page + 1) * CELL_BYTES),
    }));
    return { ...findings, mended: [...cells, ...mendedPages].toSorted((a, b) => a.offset - b.offset) };
  }

  /** Where the syndrome of a codeword's row is kept: what parity and data that are good leave unexplained. */
  #syndrome(codeword: number, row: number): number {
    return SCRATCH + this.#shape.rows + codeword * this.#shape.rows + row;
  }

  /** Reads `count` cells from the cell number `first` on, which stand at `offset`. */
  async #takeCells(first: number, count: number, offset: number, checksums: Uint32Array | undefined): Promise<void> {
    const absent = new Uint8Array(CELL_BYTES);
    for (let i = 0; i < count; i += READ_CELLS) {
      const cells = Math.min(READ_CELLS, count - i);
      const bytes = await this.#read(offset + i * CELL_BYTES, cells * CELL_BYTES);
      for (let j = 0; j < cells; j++) {
        const cell = bytes.subarray(j * CELL_BYTES, (j + 1) * CELL_BYTES);
        const isWhole = cell.length === CELL_BYTES;
        this.#takeCell(first + i + j, isWhole ? cell : absent, isWhole, checksums);
      }
    }
  }

  #takeCell(index: number, cell: Bytes, isWhole: boolean, checksums: Uint32Array | undefined): void {
    const checksum = this.#engine.crc32(cell);
    this.#checksums[index] = checksums?.[index] ?? checksum;
    if (!isWhole || this.#checksums[index] !== checksum) {
      this.#bad.push(index);
      return;
    }
    const { data, codewords } = this.#shape;
    const codeword = index % codewords;
    if (index < data) {
      this.#memory.cell(GATHERED).set(cell);
      const position = Math.floor(index / codewords);
      this.#memory.addMultiples(this.#syndrome(codeword, 0), GATHERED, this.#code.at(position));
    } else {
      this.#memory.cell(GATHERED).set(cell);
      this.#memory.addMultiples(this.#syndrome(codeword, Math.floor((index - data) / codewords)), GATHERED, ONE);
    }
  }

  /** What belongs into the bad cells; `undefined` when too many are bad, or what is left contradicts itself. */
  #mend(): MendedCell[] | undefined {
    const { codewords } = this.#shape;
    const badOf = Array.from({ length: codewords }, (): number[] => []);
    for (const index of this.#bad) badOf[index % codewords]?.push(index);
    const mended: MendedCell[] = [];
    for (const [codeword, bad] of badOf.entries()) {
      const cells = this.#mendCodeword(codeword, bad);
      if (cells === undefined) return undefined;
      mended.push(...cells);
    }
    return mended;
  }

  #mendCodeword(codeword: number, bad: readonly number[]): MendedCell[] | undefined {
    const { data, codewords, rows, tablePages } = this.#shape;
    const memory = this.#memory;
    const lostRows = new Set(
      bad.filter((index) => index >= data).map((index) => Math.floor((index - data) / codewords)),
    );
    const lost = bad.filter((index) => index < data);
    const usable = Array.from({ length: rows }, (_, row) => row).filter((row) => !lostRows.has(row));
    if (lost.length > usable.length) return undefined;
    const mended: MendedCell[] = [];
    if (lost.length > 0) {
      const positions = lost.map((index) => Math.floor(index / codewords));
      const chosen = usable.slice(0, lost.length);
      const inverse = invertCoefficients(chosen, positions);
      for (let i = 0; i < lost.length; i++) memory.cell(SCRATCH + i).fill(0);
      chosen.forEach((row, j) =>
        memory.addMultiples(SCRATCH, this.#syndrome(codeword, row), inverse.map((line) => line[j] as number))
      );
      for (const [i, index] of lost.entries()) {
        const bytes = memory.cell(SCRATCH + i).slice();
        if (this.#engine.crc32(bytes) !== this.#checksums[index]) return undefined;
        mended.push({ offset: index * CELL_BYTES, bytes });
        memory.addMultiples(this.#syndrome(codeword, 0), SCRATCH + i, this.#code.at(positions[i] as number));
      }
    }
    // With all data there, a row that is there leaves nothing, and one that is lost leaves itself.
    for (let row = 0; row < rows; row++) {
      const left = memory.cell(this.#syndrome(codeword, row));
      if (!lostRows.has(row)) {
        if (left.some((byte) => byte !== 0)) return undefined;
        continue;
      }
      // Parity cell i is of codeword (data + i) modulo codewords.
      const first = (codeword - data % codewords + codewords) % codewords;
      const index = row * codewords + first;
      const checksum = this.#engine.crc32(left);
      if (checksum !== this.#checksums[data + index]) return undefined;
      mended.push({ offset: (data + tablePages + index) * CELL_BYTES, bytes: left.slice() });
    }
    return mended;
  }
}

function wholeCells(bytes: Bytes): Bytes {
  return bytes.subarray(0, Math.floor(bytes.length / CELL_BYTES) * CELL_BYTES);
}

/** A good parity cell is taken as it is. */
const ONE: readonly number[] = [1];
