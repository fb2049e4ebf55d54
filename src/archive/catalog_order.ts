/** Checks pages of one kind as they come, one after the other (FORMAT.md, "Pages"). */
import { checkRising, checkRowOrder, type Page, type PageEntry } from "../format/block.ts";
import { ArchiveError } from "../format/errors.ts";
import type { Row } from "../format/row.ts";
import { equalRows } from "../format/rows.ts";

/** The order of rows over the edges of pages, and rows whose extents fill several. */
export class CatalogOrder {
  #last: { readonly row: Row; readonly end: number; readonly alone: boolean } | undefined;
  /** The last row of a path that is not gone. */
  #above: Row | undefined;

  /** Begins in the middle of a catalog, with a page that goes on with `row`. */
  resume(row: Row): void {
    this.#last = { row, end: 0, alone: true };
  }

  /**
   * Takes the next page.
   *
   * @throws {ArchiveError} `unsafe` when rows do not rise, `malformed` when a page does not go on where the last ended.
   */
  next(page: Page): void {
    const first = page.entries[0] as PageEntry;
    const last = page.entries[page.entries.length - 1] as PageEntry;
    let end = 0;
    if (page.continues) end = this.#goOn(page, first);
    else if (this.#last !== undefined) checkRising(this.#last.row.path, first.row.path);
    const isThere = ({ mark }: PageEntry) => mark !== "gone";
    const firstThere = page.continues ? undefined : page.entries.find(isThere);
    if (this.#above !== undefined && firstThere !== undefined) checkRowOrder(this.#above, firstThere.row);
    this.#above = page.entries.findLast(isThere)?.row ?? this.#above;
    const extent = last.extents[last.extents.length - 1];
    if (extent !== undefined) end = extent.fileOffset + extent.length;
    this.#last = { row: last.row, end, alone: page.entries.length === 1 };
  }

  /** A row that fills several pages shares none of them, so that the first of them is found by its path. */
  #goOn(page: Page, { row, extents }: PageEntry): number {
    const before = this.#last;
    const fault = before === undefined || !equalRows(before.row, row)
      ? "continues another row than the last"
      : !before.alone || page.entries.length !== 1
      ? "shares a row that fills several pages with others"
      : (extents[0]?.fileOffset ?? before.end) < before.end
      ? "goes back in a row's content"
      : undefined;
    if (fault !== undefined) throw new ArchiveError("malformed", `Cannot accept the catalog: a page ${fault}`);
    return before?.end ?? 0;
  }
}
