/** A block with its entries by path, for readers with random access: what a catalog says of a slice is checked here. */
import type { Bytes } from "../engine/engine.ts";
import { decodeBlock, type DecodedBlock } from "../format/decoded_block.ts";
import { ArchiveError } from "../format/errors.ts";
import type { BlockPlace, Extent, Row } from "../format/row.ts";
import type { FileValues } from "../format/row_table.ts";
import type { RowMark } from "../format/rows.ts";
import type { OpenedFrame } from "./frame_source.ts";

/** Rows that are looked at for a path before an index of all is made. */
const NEAR_ROWS = 8;

/** A decoded block and its entries by path. */
export class IndexedBlock {
  readonly #block: DecodedBlock;
  readonly #place: BlockPlace;
  /** Where the next path is looked for first: they are mostly asked for in the order in which they lie. */
  #next = 0;
  #indexes: ReadonlyMap<string, number> | undefined;

  /**
   * Decodes the block at a place.
   *
   * @throws {ArchiveError} `malformed`, `unsafe` or `limit`.
   */
  constructor(place: BlockPlace, { head, raw }: OpenedFrame) {
    this.#place = place;
    this.#block = decodeBlock(raw, head.rows);
  }

  #indexOf(path: string): number | undefined {
    const { count, paths } = this.#block.rows;
    const end = Math.min(count, this.#next + NEAR_ROWS);
    let index: number | undefined = this.#next;
    while (index < end && !paths.is(index, path)) index++;
    if (index === end) {
      this.#indexes ??= new Map(Array.from({ length: count }, (_, i) => [paths.text(i), i]));
      index = this.#indexes.get(path);
    }
    if (index !== undefined) this.#next = index;
    return index;
  }

  /**
   * The bytes of an extent of a file that nothing marks, as {@linkcode slice} gives them, where they are seen to be its
   * own at once, as with nearly all; `undefined` leaves it to that to find them or to say what is wrong.
   */
  ownSlice(
    file: FileValues,
    place: BlockPlace,
    fileOffset: number,
    length: number,
    dataOffset: number,
  ): Bytes | undefined {
    const { rows, slices, data } = this.#block;
    let index = this.#next;
    const end = Math.min(rows.count, index + NEAR_ROWS);
    while (index < end && !rows.paths.hasBytes(index, file.paths, file.pathStart, file.pathEnd)) index++;
    if (index === end || rows.isProvisional(index) || !rows.equalsFile(index, file) || !this.#isAt(place)) {
      return undefined;
    }
    if (!slices.has(index, fileOffset, length, dataOffset)) return undefined;
    this.#next = index;
    return data.subarray(dataOffset, dataOffset + length);
  }

  /**
   * The bytes of an extent of an entry, as a view.
   *
   * @throws {ArchiveError} `inconsistent` when the block does not hold the very same slice of the very same path, or
   * has the full row and it is another one. A row that was `kept` by a later update may differ: its metadata changed.
   * One that has `moved` may have the slice of any path. Of what is shared, only the bytes have to be there.
   */
  slice(row: Row, extent: Extent, mark?: RowMark): Bytes {
    if (extent.shared) return this.#shared(row, extent);
    const { rows, slices } = this.#block;
    const found = mark === "moved" ? slices.holderOf(extent.dataOffset) : this.#indexOf(row.path);
    const same = found !== undefined && slices.has(found, extent.fileOffset, extent.length, extent.dataOffset) &&
      (mark !== undefined || rows.isProvisional(found) || rows.equals(found, row));
    if (same && this.#isAt(extent.block)) return this.#bytesOf(extent);
    throw disagreement(row, extent);
  }

  #shared(row: Row, extent: Extent): Bytes {
    if (extent.dataOffset + extent.length > this.#block.data.length || !this.#isAt(extent.block)) {
      throw disagreement(row, extent);
    }
    return this.#bytesOf(extent);
  }

  #isAt({ offset, frameBytes }: BlockPlace): boolean {
    return offset === this.#place.offset && frameBytes === this.#place.frameBytes;
  }

  #bytesOf({ dataOffset, length }: Extent): Bytes {
    return this.#block.data.subarray(dataOffset, dataOffset + length);
  }
}

function disagreement({ path }: Row, { block: { frame } }: Extent): ArchiveError {
  return new ArchiveError(
    "inconsistent",
    `Cannot accept ${JSON.stringify(path)}: its block and the catalog disagree about it`,
    { path, frame },
  );
}
