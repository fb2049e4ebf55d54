/** Reads a run of a catalog row by row, and makes an object only of the rows that somebody asks for. */
import type { Bytes } from "../engine/engine.ts";
import { comparePathBytes } from "../format/path_table.ts";
import type { EntryKind } from "../format/row.ts";
import { RowReader } from "../format/row_reader.ts";
import type { CatalogEntry, CatalogRun } from "./catalog_run.ts";

/** Reads a run from its start. Within a page nothing waits. */
export class RowCursor {
  readonly #run: CatalogRun;
  readonly #reader: RowReader;
  #next = 0;
  #ended = false;
  #current: CatalogEntry | undefined;

  /** Reads `run`. */
  constructor(run: CatalogRun) {
    this.#run = run;
    this.#reader = new RowReader(run.segment, run.deduplicated);
  }

  /** The row at hand; `undefined` at the end. */
  get row(): RowReader | undefined {
    return this.#ended ? undefined : this.#reader;
  }

  /** The row at hand as an object that stays good; `undefined` at the end. */
  get current(): CatalogEntry | undefined {
    if (this.#ended) return undefined;
    return this.#current ??= Object.assign(this.#reader.entry(), { continued: this.#reader.continued });
  }

  get path(): string | undefined {
    return this.#ended ? undefined : this.#reader.text;
  }

  get kind(): EntryKind | undefined {
    return this.#ended || this.#reader.mark === "gone" ? undefined : this.#reader.kind;
  }

  get continued(): boolean {
    return !this.#ended && this.#reader.continued;
  }

  comparePath(other: Bytes): number {
    const { path, length } = this.#reader;
    return this.#ended ? 1 : comparePathBytes(path, 0, length, other);
  }

  copyPath(into: Bytes): number {
    const { path, length } = this.#reader;
    if (this.#ended) return 0;
    for (let i = 0; i < length; i++) into[i] = path[i] as number;
    return length;
  }

  /** Goes on to the next row; a promise only when a page has to be read. */
  advance(): Promise<void> | undefined {
    this.#current = undefined;
    if (this.#reader.left === 0) return this.#advancePage();
    this.#reader.next();
    return undefined;
  }

  async #advancePage(): Promise<void> {
    const number = this.#next++;
    if (number >= this.#run.pageCount) {
      this.#ended = true;
      return;
    }
    const { raw, rows } = await this.#run.rawPage(number);
    this.#reader.page(raw, rows);
    this.#reader.next();
    this.#run.checkFirst(number, rows, this.#reader.text);
  }
}
