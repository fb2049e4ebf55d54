/** Checks pages of one kind as they come, one after the other (FORMAT.md, "Pages"). */
import { ArchiveError } from "../format/errors.ts";
import { checkRising, checkRowOrder, type DecodedPage } from "../format/page.ts";
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
  next(page: DecodedPage): void {
    const { rows } = page;
    const lastIndex = rows.count - 1;
    let end = 0;
    if (page.continues) end = this.#goOn(page);
    else if (this.#last !== undefined) checkRising(this.#last.row.path, rows.paths.text(0));
    const isThere = (index: number) => rows.mark(index) !== "gone";
    let firstThere = 0;
    while (firstThere <= lastIndex && !isThere(firstThere)) firstThere++;
    if (this.#above !== undefined && !page.continues && firstThere <= lastIndex) {
      checkRowOrder(this.#above, rows.row(firstThere));
    }
    let lastThere = lastIndex;
    while (lastThere >= 0 && !isThere(lastThere)) lastThere--;
    if (lastThere >= 0) this.#above = rows.row(lastThere);
    const alone = rows.count === 1;
    // Only a page with one row goes on in the next.
    const extent = alone ? page.extents.of(0).at(-1) : undefined;
    if (extent !== undefined) end = extent.fileOffset + extent.length;
    this.#last = { row: rows.row(lastIndex), end, alone };
  }

  /** A row that fills several pages shares none of them, so that the first of them is found by its path. */
  #goOn(page: DecodedPage): number {
    const { row, extents } = page.entry(0);
    const before = this.#last;
    const fault = before === undefined || !equalRows(before.row, row)
      ? "continues another row than the last"
      : !before.alone || page.rows.count !== 1
      ? "shares a row that fills several pages with others"
      : (extents[0]?.fileOffset ?? before.end) < before.end
      ? "goes back in a row's content"
      : undefined;
    if (fault !== undefined) throw new ArchiveError("malformed", `Cannot accept the catalog: a page ${fault}`);
    return before?.end ?? 0;
  }
}
