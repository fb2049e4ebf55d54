/** Joins what blocks hold of files, where blocks or parts of them are missing, and says of each what it lacks. */
import type { Bytes } from "../engine/engine.ts";
import type { BlockEntry } from "../format/block.ts";
import type { Row } from "../format/row.ts";
import { equalRows, provisionalRow } from "../format/rows.ts";
import { addRange, type ByteRange, gapsIn, partsIn } from "./byte_ranges.ts";
import type { SalvagedBlock } from "./damaged_block.ts";
import type { CatalogAnswer, SalvageCatalog } from "./salvage_catalog.ts";

/** Some bytes of a file. */
export interface SalvagedPiece {
  readonly fileOffset: number;
  readonly bytes: Bytes;
}

/** What comes out of a damaged archive. */
export type SalvageEvent =
  /** A folder is there; its metadata comes with `folder`. */
  | { readonly kind: "directory"; readonly row: Row }
  /** Some content of the file at hand, of which more may follow. */
  | { readonly kind: "part"; readonly path: string; readonly pieces: readonly SalvagedPiece[] }
  /** The file at hand gets no more. It is whole when nothing is lost. */
  | {
    readonly kind: "file";
    readonly row: Row;
    /** What of it has not been given out as parts. */
    readonly pieces: readonly SalvagedPiece[];
    /** Bytes that are lost, or may be: where nothing says that they were zeros. */
    readonly lost: readonly ByteRange[];
    /** Its size and metadata are lost: `row` has the path and how far it goes, and more may be missing behind that. */
    readonly isRowLost: boolean;
  }
  /** The parts that were given out belong to no entry of the archive. */
  | { readonly kind: "dropped"; readonly path: string }
  /** A file of which nothing is left but what its row says. */
  | { readonly kind: "lost"; readonly row: Row }
  /** A file without content, to be made unless it is there already. */
  | { readonly kind: "bare"; readonly row: Row }
  /** A file that may have been given out, and that the archive withdrew. */
  | { readonly kind: "withdrawn"; readonly row: Row }
  /** A symlink, hard link or FIFO. */
  | { readonly kind: "link"; readonly row: Row }
  /** Nothing more is put into this folder. */
  | { readonly kind: "folder"; readonly row: Row };

interface OpenFile {
  readonly path: string;
  readonly recovered: ByteRange[];
  /** Whether a block was lost behind the last part. */
  gap: boolean;
}

/** Takes the entries of blocks in their order. */
export class FileJoiner {
  readonly #catalog: SalvageCatalog;
  #open: OpenFile | undefined;

  /** What the catalog still says decides where blocks alone cannot. */
  constructor(catalog: SalvageCatalog) {
    this.#catalog = catalog;
  }

  /** A block is missing here, or its rows are. */
  gap(): void {
    if (this.#open !== undefined) this.#open.gap = true;
  }

  /** Takes an entry of a block. */
  async *take(
    { block, intact }: SalvagedBlock,
    { row, provisional, slices }: BlockEntry,
  ): AsyncGenerator<SalvageEvent> {
    yield* this.#breakOff(row.path);
    if (row.kind === "directory") yield { kind: "directory", row };
    if (row.kind !== "file") return;
    const file = this.#open ?? { path: row.path, recovered: [], gap: false };
    file.gap = false;
    const pieces: SalvagedPiece[] = [];
    for (const { fileOffset, length, dataOffset } of slices) {
      for (const { start, end } of partsIn(intact, dataOffset, dataOffset + length)) {
        const at = fileOffset + start - dataOffset;
        addRange(file.recovered, at, at + end - start);
        pieces.push({ fileOffset: at, bytes: (block?.data as Bytes).subarray(start, end) });
      }
    }
    if (provisional) {
      this.#open = file;
      yield { kind: "part", path: row.path, pieces };
      return;
    }
    this.#open = undefined;
    yield await this.#finish(file, row, pieces);
  }

  /** No block follows. */
  async *end(): AsyncGenerator<SalvageEvent> {
    yield* this.#breakOff(undefined);
  }

  /** The file at hand ends without its row when another one comes. */
  async *#breakOff(path: string | undefined): AsyncGenerator<SalvageEvent> {
    const file = this.#open;
    if (file === undefined || file.path === path) return;
    this.#open = undefined;
    // Without a gap, whoever wrote the archive gave up on the file, as a reader of the whole does.
    if (!file.gap) {
      yield { kind: "dropped", path: file.path };
      return;
    }
    yield await this.#finish(file, undefined, []);
  }

  /** What became of a file: `row` is its full row from a block, if that was there. */
  async #finish(file: OpenFile, row: Row | undefined, pieces: readonly SalvagedPiece[]): Promise<SalvageEvent> {
    const { path, recovered } = file;
    if (row !== undefined && gapsIn(recovered, 0, row.size).length === 0) {
      return { kind: "file", row, pieces, lost: [], isRowLost: false };
    }
    const answer = await this.#catalog.find(path);
    const known = answer?.pieces[0]?.row ?? row;
    if (answer !== undefined && answer.pieces.length === 0) return { kind: "dropped", path };
    if (known === undefined) {
      const end = recovered.at(-1)?.end ?? 0;
      const unknown = { ...provisionalRow(path, "file"), size: end };
      if (end === 0) return { kind: "lost", row: unknown };
      return { kind: "file", row: unknown, pieces, lost: gapsIn(recovered, 0, end), isRowLost: true };
    }
    const agrees = row === undefined || equalRows(known, row);
    const lost = answer === undefined || answer.isPartial || !agrees
      ? gapsIn(recovered, 0, known.size)
      : lostOf(answer, recovered);
    if (recovered.length > 0 || lost.length === 0) return { kind: "file", row: known, pieces, lost, isRowLost: false };
    // The catalog's own turn comes later, for every file of which nothing is left.
    return answer === undefined ? { kind: "lost", row: known } : { kind: "dropped", path };
  }
}

/** What of a file's extents was not recovered; between them are holes, which nobody can lose. */
function lostOf({ pieces }: CatalogAnswer, recovered: readonly ByteRange[]): ByteRange[] {
  const lost: ByteRange[] = [];
  for (const { extents } of pieces) {
    for (const { fileOffset, length } of extents) {
      for (const { start, end } of gapsIn(recovered, fileOffset, fileOffset + length)) addRange(lost, start, end);
    }
  }
  return lost;
}
