/** Appending snapshots to an archive. */
import { abortable } from "../archive/abortable.ts";
import { Archive } from "../archive/archive.ts";
import { ChangeFinder } from "../archive/changes.ts";
import type { PlannedEntry } from "../archive/planner.ts";
import type { ContentAccess } from "../archive/source.ts";
import { type AppendableSource, updateArchive as updateCore } from "../archive/update.ts";
import type { Engine } from "../engine/engine.ts";
import { comparePaths, isAtOrBelow, pathFault, ROOT_PATH } from "../format/path.ts";
import type { Totals } from "../format/tables.ts";
import { coreStoreOptions, type StoreOptions } from "./create.ts";
import { type Entry, plannedEntries } from "./entry.ts";
import { Intake, isValues, type Values } from "./intake.ts";
import { coreOpenOptions, type OpenOptions } from "./keys.ts";
import { idText } from "./summary.ts";

/** How a snapshot is appended. */
export interface UpdateOptions extends Omit<OpenOptions, "acceptRollback" | "goWithoutHeader">, StoreOptions {
  /**
   * Paths that are gone, with all below them, unless they are among the entries. Those that are not there are ignored.
   */
  readonly remove?: readonly string[] | undefined;
  /** Whether the new snapshot has the entries and nothing else; otherwise what is not among them stays as it was. */
  readonly replace?: boolean | undefined;
  /** Whether a snapshot is appended although nothing has changed. */
  readonly always?: boolean | undefined;
}

/** The newest snapshot of an archive after an update. */
export interface UpdatedArchive {
  /** Whether it is new: `false` when nothing had changed, and then nothing was appended. */
  readonly appended: boolean;
  /** Its id, 64 hexadecimal digits: keep it for `expect`. */
  readonly id: string;
  /** Its number, counted from 1. */
  readonly number: number;
  /** Bytes that were added to the archive. */
  readonly addedBytes: number;
  /** Bytes of the whole archive. */
  readonly length: number;
  /** How many entries of which kind it has, and how many bytes of content. */
  readonly totals: Totals;
  /** Entries whose content was stored, entries with the old content and something else new, and paths that are gone. */
  readonly changes: { readonly stored: number; readonly kept: number; readonly gone: number };
}

/** Content comes as bytes here, and never by the name of a file. */
const NO_FILES: ContentAccess = {
  open: (location) => {
    throw new TypeError(`Cannot open "${location}": content comes as bytes`);
  },
};

/** Appends a snapshot with the given engine; see `mod.ts`. */
export async function updateArchive(
  engine: Engine,
  target: AppendableSource,
  entries: Values<Entry>,
  options: UpdateOptions,
): Promise<UpdatedArchive> {
  if (!isValues(entries)) throw new TypeError("Cannot update an archive: its entries are not iterable");
  const storing = coreStoreOptions(options);
  const opening = coreOpenOptions(options);
  const signal = options.signal ?? new AbortController().signal;
  const intake = new Intake(entries, signal);
  try {
    signal.throwIfAborted();
    const newest = { ...opening, snapshot: { kind: "newest" } } as const;
    const archive = await abortable(() => Archive.open(engine, target, newest), signal);
    const plan = new UpdatePlan(archive, options);
    const finder = new ChangeFinder(engine, archive, { isGone: (path) => plan.isGone(path), access: NO_FILES });
    const planned = plan.checked(plannedEntries(intake, storing.time, signal));
    const always = options.always ?? false;
    const written = await updateCore(engine, target, archive, finder, planned, { ...storing, signal, always });
    const { stored, kept, gone } = finder.counts;
    return {
      appended: written !== undefined,
      id: idText(written?.id ?? archive.id),
      number: written?.number ?? archive.number,
      addedBytes: written?.addedBytes ?? 0,
      length: target.size,
      totals: written?.totals ?? archive.trailer.totals,
      changes: { stored, kept, gone },
    };
  } finally {
    // The core may have failed before it asked for the first entry.
    await intake.return().catch(() => {});
  }
}

/** What is to stay of the newest snapshot, and whether the entries fit in with that. */
class UpdatePlan {
  readonly #archive: Archive;
  readonly #removed: readonly string[];
  readonly #replace: boolean;
  #last: string | undefined;
  /** The two latest entries that are no folders: nothing below them can stay. The finder may be one behind. */
  #leaves: readonly string[] = [];
  /** The folder whose parents, and which itself, were last found to be folders in the new snapshot. */
  #checkedFolder: string | undefined;
  /** The entries that are folders above the latest one, outermost first. */
  #folders: string[] = [];

  constructor(archive: Archive, { remove = [], replace = false }: UpdateOptions) {
    for (const path of remove) {
      const fault = pathFault(path);
      if (fault !== undefined) throw new TypeError(`Cannot remove ${JSON.stringify(path)}: ${fault}`);
    }
    this.#archive = archive;
    this.#removed = remove;
    this.#replace = replace;
  }

  /** Whether what the archive has at a path, and is not among the entries, does not stay. */
  isGone(path: string): boolean {
    return this.#replace || this.#leaves.some((leaf) => isAtOrBelow(path, leaf)) ||
      this.#removed.some((removed) => removed === ROOT_PATH || isAtOrBelow(path, removed));
  }

  /** The entries, each of which comes behind the one before and lies in folders. */
  async *checked(entries: AsyncIterable<PlannedEntry>): AsyncGenerator<PlannedEntry> {
    for await (const entry of entries) {
      const { path, kind } = entry.row;
      const fault = pathFault(path);
      if (fault !== undefined) throw new TypeError(`Cannot store ${JSON.stringify(path)}: ${fault}`);
      if (this.#last !== undefined && comparePaths(this.#last, path) >= 0) {
        const what = this.#last === path ? "it comes twice" : `it comes behind ${JSON.stringify(this.#last)}`;
        throw new TypeError(`Cannot store ${JSON.stringify(path)}: ${what}, and entries come in path order`);
      }
      await this.#checkAbove(path);
      this.#last = path;
      if (kind === "directory") this.#folders.push(path);
      else this.#leaves = [...this.#leaves.slice(-1), path];
      yield entry;
    }
  }

  async #checkAbove(path: string): Promise<void> {
    const cut = path.lastIndexOf("/");
    if (cut < 0) return;
    const folder = path.slice(0, cut);
    while (this.#folders.length > 0 && !isAtOrBelow(path, this.#folders.at(-1) as string)) this.#folders.pop();
    if (folder === this.#checkedFolder || folder === this.#folders.at(-1)) return;
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
      const above = path.slice(0, at);
      if (this.#folders.includes(above)) continue;
      const kind = this.#leaves.includes(above) ? "entry that is no folder" : await this.#kindOf(above);
      if (kind === undefined || kind === "directory") continue;
      throw new TypeError(
        `Cannot store ${JSON.stringify(path)}: there is a ${kind} called ${JSON.stringify(above)}`,
      );
    }
    this.#checkedFolder = folder;
  }

  /** What stays of the newest snapshot at a path. */
  async #kindOf(path: string): Promise<string | undefined> {
    if (this.isGone(path)) return undefined;
    for await (const { row } of this.#archive.find(path)) return row.kind;
    return undefined;
  }
}
