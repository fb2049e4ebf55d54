/** Archives with random access. */
import { abortable } from "../archive/abortable.ts";
import { Archive as CoreArchive } from "../archive/archive.ts";
import type { ChangedField, ChangeKind } from "../archive/diff.ts";
import { pauseEvery } from "../archive/pause.ts";
import { diffSnapshots } from "../archive/snapshot_diff.ts";
import type { SnapshotChoice } from "../archive/snapshots.ts";
import type { Engine } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import type { PageEntry } from "../format/page.ts";
import type { Totals } from "../format/tables.ts";
import { isAtOrBelow, pathFault, ROOT_PATH } from "../format/path.ts";
import { type EntryInfo, infoOf } from "./entry.ts";
import { type ArchiveInput, sourceOf } from "./input.ts";
import { coreOpenOptions, type OpenOptions } from "./keys.ts";
import { streamOf, zeros } from "./outlet.ts";
import { type ArchiveSummary, idText, summaryOf } from "./summary.ts";
import { verifyArchive } from "./verify.ts";

/** An opened archive. It holds nothing that must be closed; what it was opened from stays its owner's. */
export interface Archive extends ArchiveSummary {
  /**
   * Entries in path order (a folder, then all below it; names by their UTF-8 bytes): all of them, or `below` and what
   * lies below it. Catalog pages are read as the iteration goes on, and nothing else.
   *
   * @throws {TypeError} for a path that no archive can have.
   * @throws {ArchiveError} `damaged`, `malformed`, `inconsistent`, `unsafe` or `limit`.
   */
  list(below?: string): AsyncIterableIterator<EntryInfo, undefined, undefined>;
  /**
   * The entry with that very path; `undefined` when there is none.
   *
   * @throws as {@linkcode Archive.list}.
   */
  get(path: string): Promise<EntryInfo | undefined>;
  /**
   * A file's content. A hardlink gives that of its file; holes are zeros. Only the blocks it lies in are read, and each
   * chunk has been authenticated and compared with the catalog before it comes out. An archive can hold a hole of any
   * size: look at {@linkcode EntryInfo.size} before content of unknown origin goes into memory.
   *
   * An entry from {@linkcode Archive.list} is found faster than a path.
   *
   * The stream errors with a `TypeError` when there is no such entry or it is no file, with an {@linkcode ArchiveError}
   * `damaged`, `malformed`, `inconsistent`, `unsafe` or `limit`, or with what its source says.
   */
  read(entry: string | EntryInfo): ReadableStream<Uint8Array<ArrayBuffer>>;
  /** All snapshots of the archive, the oldest first. */
  snapshots(): AsyncIterableIterator<SnapshotInfo, undefined, undefined>;
  /**
   * What differs from another snapshot of the archive, which is opened for it, in path order: what became of each entry
   * between that one and this. It is compared by kind, content, target, mode, time and owner; content that lies in the
   * same place is the same, other content of the same length is read.
   *
   * @throws {SnapshotError} when there is no such snapshot.
   * @throws {ArchiveError} as {@linkcode Archive.list} and {@linkcode Archive.read}.
   */
  diff(from: SnapshotName): AsyncIterableIterator<EntryChange, undefined, undefined>;
  /**
   * Reads and checks every byte of the archive, and that its newest snapshot can be put together. A key is derived from
   * the passphrase once more.
   *
   * @throws {ArchiveError} at the first thing that is wrong, with its place.
   */
  verify(): Promise<ArchiveSummary>;
}

/** One snapshot of an archive. */
export interface SnapshotInfo {
  /** Counted from 1, the oldest. */
  readonly number: number;
  /** Its id, 64 hexadecimal digits. */
  readonly id: string;
  /** When it was begun. */
  readonly time: Date;
  /** Its label, or empty. */
  readonly label: string;
  /** How many entries of which kind it has, and how many bytes of content. */
  readonly totals: Totals;
  /** Whether some entries could not be stored, or changed while they were stored. */
  readonly partial: boolean;
  /** Whether it is what had been stored when its writer was interrupted, and no whole snapshot. */
  readonly checkpoint: boolean;
  /** Bytes that it added to the archive. */
  readonly addedBytes: number;
}

/** A snapshot: its number, counted from 1, or its id, or at least the first 4 digits of that. */
export type SnapshotName = number | string;

/** What became of one entry from one snapshot to another. */
export interface EntryChange {
  /** Its path. */
  readonly path: string;
  /**
   * `"kind"`: it is something else now. `"content"`: its bytes, or a link's target, are others. `"metadata"`: only its
   * mode, time or owner are.
   */
  readonly kind: ChangeKind;
  /** All that differs; empty for what was added or removed. */
  readonly fields: readonly ChangedField[];
  /** How it was; `undefined` when it was added. */
  readonly before: EntryInfo | undefined;
  /** How it is; `undefined` when it was removed. */
  readonly after: EntryInfo | undefined;
}

/** How an archive is opened with random access. */
export interface OpenArchiveOptions extends OpenOptions {
  /** Which snapshot; the newest complete one unless given. */
  readonly snapshot?: SnapshotName | undefined;
}

/**
 * A snapshot, as the core takes it.
 *
 * @throws {RangeError} for what is neither a number nor the beginning of an id.
 */
export function snapshotChoice(name: SnapshotName): SnapshotChoice {
  if (typeof name === "number") return { kind: "number", number: name };
  if (/^[0-9a-f]{4,64}$/i.test(name)) return { kind: "id", digits: name };
  throw new RangeError(`Cannot use ${JSON.stringify(name)} as a snapshot: it is not 4 to 64 hexadecimal digits`);
}

/** Opens an archive with the given engine; see `mod.ts`. */
export async function openArchive(engine: Engine, input: ArchiveInput, options: OpenArchiveOptions): Promise<Archive> {
  const source = sourceOf(input, options.signal);
  const { snapshot } = options;
  const coreOptions = {
    ...coreOpenOptions(options),
    ...(snapshot === undefined ? {} : { snapshot: snapshotChoice(snapshot) }),
  };
  const core = await abortable(() => CoreArchive.open(engine, source, coreOptions), options.signal);
  const summary = summaryOf(core.header, core.trailer, core.id, source.size);
  const reader = new Reader(core);
  return {
    ...summary,
    list: (below = ROOT_PATH) => reader.list(below),
    get: (path) => reader.get(path),
    read: (entry) => streamOf(reader.content(entry)),
    snapshots: () => reader.snapshots(),
    diff: (from) =>
      reader.diff(() => {
        // Whatever the first opening warned of or accepted is known by now.
        const another = { snapshot: snapshotChoice(from), acceptRollback: true };
        return CoreArchive.openBehind(engine, source, core.opened, another);
      }),
    verify: () => verifyArchive(engine, source, options),
  };
}

class Reader {
  readonly #core: CoreArchive;
  /** Where the content of entries that were listed lies: finding it again would mean decoding a page for each. */
  readonly #places = new WeakMap<EntryInfo, PageEntry>();

  constructor(core: CoreArchive) {
    this.#core = core;
  }

  async *snapshots(): AsyncGenerator<SnapshotInfo, undefined, undefined> {
    for await (const snapshot of this.#core.snapshots()) {
      const { number, id, time, label, totals, partial, checkpoint = false, addedBytes } = snapshot;
      const milliseconds = time.seconds * 1000 + Math.floor(time.nanoseconds / 1_000_000);
      yield { number, id: idText(id), time: new Date(milliseconds), label, totals, partial, checkpoint, addedBytes };
    }
  }

  async *diff(open: () => Promise<CoreArchive>): AsyncGenerator<EntryChange, undefined, undefined> {
    const pause = pauseEvery();
    for await (const { path, kind, fields, before, after } of diffSnapshots(await open(), this.#core)) {
      await pause();
      yield {
        path,
        kind,
        fields,
        before: before === undefined ? undefined : infoOf(before.row),
        after: after === undefined ? undefined : this.#info(after, true),
      };
    }
  }

  list(below: string): AsyncGenerator<EntryInfo, undefined, undefined> {
    const fault = pathFault(below);
    if (fault !== undefined) throw new TypeError(`Cannot list ${JSON.stringify(below)}: ${fault}`);
    return this.#list(below);
  }

  async *#list(below: string): AsyncGenerator<EntryInfo, undefined, undefined> {
    const pause = pauseEvery();
    let held: PageEntry | undefined;
    for await (const entry of this.#core.entries(below)) {
      await pause();
      // A folder and all below it are one range.
      if (!isAtOrBelow(entry.row.path, below)) break;
      if (held !== undefined) yield this.#info(held, !entry.continued);
      held = entry.continued ? undefined : entry;
    }
    if (held !== undefined) yield this.#info(held, true);
  }

  #info(entry: PageEntry, complete: boolean): EntryInfo {
    const info = infoOf(entry.row);
    if (complete) this.#places.set(info, entry);
    return info;
  }

  async get(path: string): Promise<EntryInfo | undefined> {
    for await (const { row } of this.#core.find(path)) return infoOf(row);
    return undefined;
  }

  async *content(entry: string | EntryInfo): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const path = typeof entry === "string" ? entry : entry.path;
    const known = typeof entry === "string" ? undefined : this.#places.get(entry);
    const pieces = known === undefined ? this.#core.find(path) : [known];
    let position = 0;
    let size: number | undefined;
    const pause = pauseEvery();
    for await (const piece of pieces) {
      const { row } = piece;
      if (row.kind === "hardlink") {
        yield* this.#linked(row.link, path);
        return;
      }
      if (row.kind !== "file") throw new TypeError(`Cannot read ${JSON.stringify(path)}: it is a ${row.kind}`);
      size = row.size;
      for await (const { fileOffset, bytes } of this.#core.read(piece)) {
        if (fileOffset < position) throw misplaced(path);
        for (; position < fileOffset; await pause()) {
          const hole = zeros(fileOffset - position);
          position += hole.length;
          yield hole;
        }
        position += bytes.length;
        // A copy: neighbouring files lie in the same memory.
        yield bytes.slice();
        await pause();
      }
    }
    if (size === undefined) throw new TypeError(`Cannot read ${JSON.stringify(path)}: the archive has no such entry`);
    for (; position < size; await pause()) {
      const hole = zeros(size - position);
      position += hole.length;
      yield hole;
    }
  }

  async *#linked(target: string, path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const info = await this.get(target);
    if (info?.kind !== "file") {
      const message = `Cannot accept ${JSON.stringify(path)}: it links to no file of the archive`;
      throw new ArchiveError("malformed", message, { path });
    }
    yield* this.content(info);
  }
}

function misplaced(path: string): ArchiveError {
  return new ArchiveError("malformed", `Cannot accept ${JSON.stringify(path)}: its parts overlap`, { path });
}
