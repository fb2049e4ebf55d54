/**
 * Restores entries into a folder, from an archive with random access or from a stream. Both go the same two ways
 * through it: content first (folders and files), then the catalog (links, FIFOs, and what metadata a folder gets
 * when nothing is put into it any more).
 */
import type { Archive, CatalogEntry } from "../archive/archive.ts";
import { pauseEvery } from "../archive/pause.ts";
import { visitEntries } from "../archive/ranges.ts";
import type { ArchiveStream } from "../archive/stream_reader.ts";
import type { PageEntry } from "../format/page.ts";
import { comparePaths } from "../format/path.ts";
import type { EntryKind, Row } from "../format/row.ts";
import type { RestoreTarget } from "./restore.ts";
import type { Piece } from "./restore_options.ts";
import { type ExtractOptions, type ExtractReport, type FileCrew, placeOf, Restorer } from "./restorer.ts";

/** What is made on the first way through the catalog. */
const CONTENT: ReadonlySet<EntryKind> = new Set(["file", "directory"]);
/** What is made or finished on the second. */
const FINISHED: ReadonlySet<EntryKind> = new Set(["directory", "symlink", "hardlink", "fifo"]);
const EVERYTHING: ReadonlySet<EntryKind> = new Set([...CONTENT, ...FINISHED]);
/** Entries of the second way that are remembered from the first; with more, the catalog is read again. */
const KEPT_ENTRIES = 16_384;

/**
 * Restores from an archive with random access: reads the catalog and the blocks that are needed.
 *
 * @throws {ArchiveError} when the archive is bad; `limit` when it expands beyond the limit.
 */
export async function extractArchive(
  archive: Archive,
  archiveBytes: number,
  target: RestoreTarget,
  options: ExtractOptions,
): Promise<ExtractReport> {
  const restorer = new Restorer(target, options, () => archiveBytes);
  const placed = placeOf(options);
  const turn = turnOf(options);
  const isTurn = everySoManyCalls();
  const restoreHere = (entry: PageEntry, path: string) =>
    restoreFile(archive, restorer, { ...entry, continued: false }, false, path, turn);
  const finished = new KeptEntries();
  const restore = (crew: FileCrew | undefined, entry: CatalogEntry, more: boolean): Promise<void> | undefined => {
    const { kind } = entry.row;
    if (FINISHED.has(kind)) finished.add(entry);
    if (!CONTENT.has(kind)) return undefined;
    const path = placed(entry.row);
    if (path === undefined) return undefined;
    if (kind === "directory") {
      restorer.directory(entry.row, path);
      return undefined;
    }
    const taken = crew?.take(entry, more, path) ?? false;
    // Most entries are taken at once, and awaiting nothing costs more than that.
    return taken === true ? undefined : restoreUnlessTaken(taken, archive, restorer, entry, more, path, turn);
  };
  const finish = (entry: CatalogEntry): Promise<void> | undefined => {
    const path = placed(entry.row);
    if (path === undefined || restorer.finishEntry(entry.row, path)) return undefined;
    return copyLinked(archive, restorer, entry.row, path, turn);
  };
  const inTurn = (action: () => Promise<void> | undefined): Promise<void> | undefined => {
    options.signal?.throwIfAborted();
    return isTurn() ? turn().then(action) : action();
  };
  const crew = options.crew?.(restorer.host(turn, restoreHere, (entry) => archive.read(entry)));
  let next = 0;
  /** Finishes the entries that are remembered, up to one that cannot be yet. */
  const finishUntil = async (pending?: string) => {
    for (const entry of (finished.entries ?? []).slice(next)) {
      if (pending !== undefined && !isBefore(entry, pending)) return;
      next++;
      const finishing = entry.continued ? undefined : inTurn(() => finish(entry));
      if (finishing !== undefined) await finishing;
    }
  };
  try {
    const visit = (entry: CatalogEntry, more: boolean) => inTurn(() => restore(crew, entry, more));
    const take = options.place === undefined ? takerOf(crew) : undefined;
    await visitEntries(archive, options.prefixes, EVERYTHING, visit, take);
    // Others may have files to write for a while: what lies before them is finished meanwhile.
    const pending = await crew?.giveOut();
    if (pending !== undefined) await finishUntil(pending);
    await crew?.finish();
  } finally {
    await crew?.stop();
  }
  if (finished.entries === undefined) {
    await visitEntries(archive, options.prefixes, FINISHED, (entry) => {
      return entry.continued ? undefined : inTurn(() => finish(entry));
    });
  } else {
    await finishUntil();
  }
  return restorer.done();
}

/** Whether an entry can be finished when nothing is there yet from a path on. */
function isBefore({ row }: CatalogEntry, pending: string): boolean {
  return row.kind !== "hardlink" && comparePaths(row.path, pending) < 0;
}

/** What takes files without an object for each, to their own paths. */
function takerOf(crew: FileCrew | undefined): FileCrew["takeRow"] | undefined {
  return crew === undefined ? undefined : (page, index) => crew.takeRow(page, index);
}

/** Remembers entries, as long as they are not too many. */
class KeptEntries {
  /** In their order; `undefined` when there were too many. */
  entries: CatalogEntry[] | undefined = [];

  add(entry: CatalogEntry): void {
    if (this.entries === undefined) return;
    if (this.entries.length < KEPT_ENTRIES) this.entries.push(entry);
    else this.entries = undefined;
  }
}

async function restoreUnlessTaken(
  taken: boolean | Promise<boolean>,
  ...[archive, restorer, entry, more, path, turn]: Parameters<typeof restoreFile>
): Promise<void> {
  if (!(await taken)) await restoreFile(archive, restorer, entry, more, path, turn);
}

/** Gives the event loop its turn between pieces of work, one large file included, and ends the work on a signal. */
function turnOf({ signal }: ExtractOptions): () => Promise<void> {
  const pause = pauseEvery();
  return async () => {
    await pause();
    signal?.throwIfAborted();
  };
}

/** Entries between two turns: each is little work, and one that is not has turns of its own. */
const ENTRIES_A_TURN = 16;

function everySoManyCalls(): () => boolean {
  let calls = 0;
  return () => ++calls % ENTRIES_A_TURN === 0;
}

async function restoreFile(
  archive: Archive,
  restorer: Restorer,
  entry: CatalogEntry,
  more: boolean,
  path: string,
  turn: () => Promise<void>,
): Promise<void> {
  const frame = entry.extents[0]?.block.frame;
  const small = !entry.continued && !more && entry.extents.every((extent) => extent.block.frame === frame);
  if (small) {
    const pieces: Piece[] = [];
    for await (const piece of archive.read(entry)) pieces.push(piece);
    restorer.file(entry.row, path, pieces);
    return;
  }
  for await (const piece of archive.read(entry)) {
    await turn();
    restorer.part(entry.row.path, path, [piece]);
  }
  if (!more) restorer.endFile(entry.row, path);
}

/** A hardlink whose first name was not restored becomes a file of its own. */
async function copyLinked(
  archive: Archive,
  restorer: Restorer,
  link: Row,
  path: string,
  turn: () => Promise<void>,
): Promise<void> {
  let found = false;
  for await (const { entry, more } of withContinuations(archive.find(link.link))) {
    if (entry.row.kind !== "file") break;
    found = true;
    for await (const piece of archive.read(entry)) {
      await turn();
      restorer.part(link.path, path, [piece]);
    }
    if (!more) restorer.endFile({ ...entry.row, path: link.path }, path);
  }
  if (!found) restorer.refuseLink(link, path);
}

/** Says of each piece of an entry whether more of it follows. */
async function* withContinuations(
  entries: AsyncIterable<CatalogEntry>,
): AsyncGenerator<{ readonly entry: CatalogEntry; readonly more: boolean }> {
  let entry: CatalogEntry | undefined;
  for await (const next of entries) {
    if (entry !== undefined) yield { entry, more: next.continued };
    entry = next;
  }
  if (entry !== undefined) yield { entry, more: false };
}

/**
 * Restores from a stream, in one pass and constant memory. The target is filled as blocks come; whether all of it was
 * right is known at the end, so nothing should be relied on before this returns.
 *
 * @throws {ArchiveError} when the archive is bad; `limit` when it expands beyond the limit.
 */
export async function extractStream(
  stream: ArchiveStream,
  target: RestoreTarget,
  options: ExtractOptions,
): Promise<ExtractReport> {
  const restorer = new Restorer(target, options, () => stream.offset);
  const turn = turnOf(options);
  for await (const event of options.opener === undefined ? stream.events() : stream.events(options.opener)) {
    await turn();
    if (event.kind === "block") {
      for (const entry of event.block.entries) restorer.blockEntry(entry, event.block.data);
    }
    if (event.kind === "page") restorer.page(event.page.entries, event.page.continues);
    if (event.kind === "orphans") restorer.orphans(event.page.entries);
  }
  return restorer.done();
}
