/** Checks pages of one kind as they come, one after the other (FORMAT.md, "Pages"). */
import type { Bytes } from "../engine/engine.ts";
import { checkRowOrder, type Page, type PageEntry } from "../format/block.ts";
import { ArchiveError } from "../format/errors.ts";
import type { Owner, Row } from "../format/row.ts";

/** Whether two rows have one canonical value; by their fields, which is cheaper than to encode them. */
export function equalRows(a: Row, b: Row): boolean {
  return a === b || (a.path === b.path && a.kind === b.kind && a.mode === b.mode && a.size === b.size &&
    a.mtime.seconds === b.mtime.seconds && a.mtime.nanoseconds === b.mtime.nanoseconds && a.ctime === b.ctime &&
    a.dev === b.dev && a.inode === b.inode && equalOwners(a.owner, b.owner) && a.link === b.link &&
    a.changed === b.changed && equalHashes(a.contentHash, b.contentHash));
}

function equalOwners(a: Owner | undefined, b: Owner | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.uid === b.uid && a.gid === b.gid && a.user === b.user && a.group === b.group;
}

function equalHashes(a: Bytes | undefined, b: Bytes | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** The order of rows over the edges of pages, and rows whose extents fill several. */
export class CatalogOrder {
  #last: { readonly row: Row; readonly end: number; readonly alone: boolean } | undefined;

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
    else if (this.#last !== undefined) checkRowOrder(this.#last.row, first.row);
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
