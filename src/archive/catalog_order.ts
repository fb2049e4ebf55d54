/** Checks pages of one kind as they come, one after the other (FORMAT.md, "Pages"). */
import { ArchiveError } from "../format/errors.ts";
import { checkRising, checkRowOrder, type DecodedPage } from "../format/page.ts";
import type { Row } from "../format/row.ts";
import { equalRows } from "../format/rows.ts";

/** What a page has at its edges: all that only the pages beside it can be compared with. */
export interface PageEdges {
  /** Whether it has one row only: no other goes on in the next page. */
  readonly alone: boolean;
  /** Whether its first row is the last one of the page before. */
  readonly continues: boolean;
  readonly first: Row;
  readonly last: Row;
  /** The first and the last row of a path that is not gone. */
  readonly firstThere: Row | undefined;
  readonly lastThere: Row | undefined;
  /** Where in the file the extents of a row that is alone begin, and where they end; `undefined` without any. */
  readonly start: number | undefined;
  readonly end: number | undefined;
}

/** What a page has at its edges. Extents are decoded only where they are asked for. */
export function edgesOf(page: DecodedPage): PageEdges {
  const { rows, continues } = page;
  const last = rows.count - 1;
  const isThere = (index: number) => rows.mark(index) !== "gone";
  let firstThere = 0;
  while (firstThere <= last && !isThere(firstThere)) firstThere++;
  let lastThere = last;
  while (lastThere >= 0 && !isThere(lastThere)) lastThere--;
  const alone = rows.count === 1;
  const extents = alone ? page.extents.of(0) : [];
  const end = extents.at(-1);
  return {
    alone,
    continues,
    first: rows.row(0),
    last: rows.row(last),
    firstThere: firstThere <= last ? rows.row(firstThere) : undefined,
    lastThere: lastThere >= 0 ? rows.row(lastThere) : undefined,
    start: extents[0]?.fileOffset,
    end: end === undefined ? undefined : end.fileOffset + end.length,
  };
}

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
  next(page: PageEdges): void {
    let end = 0;
    if (page.continues) end = this.#goOn(page);
    else if (this.#last !== undefined) checkRising(this.#last.row.path, page.first.path);
    if (this.#above !== undefined && !page.continues && page.firstThere !== undefined) {
      checkRowOrder(this.#above, page.firstThere);
    }
    this.#above = page.lastThere ?? this.#above;
    this.#last = { row: page.last, end: page.end ?? end, alone: page.alone };
  }

  /** A row that fills several pages shares none of them, so that the first of them is found by its path. */
  #goOn({ first, alone, start }: PageEdges): number {
    const before = this.#last;
    const fault = before === undefined || !equalRows(before.row, first)
      ? "continues another row than the last"
      : !before.alone || !alone
      ? "shares a row that fills several pages with others"
      : (start ?? before.end) < before.end
      ? "goes back in a row's content"
      : undefined;
    if (fault !== undefined) throw new ArchiveError("malformed", `Cannot accept the catalog: a page ${fault}`);
    return before?.end ?? 0;
  }
}
