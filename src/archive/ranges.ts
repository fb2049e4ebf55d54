/** Parts of the catalog: paths that begin alike lie together in path order, so only their pages are read. */
import { comparePaths, ROOT_PATH } from "../format/path.ts";
import type { Archive, CatalogEntry } from "./archive.ts";
import type { DecodedPage } from "../format/page.ts";
import type { EntryKind } from "../format/row.ts";
import type { MergedCursor } from "./catalog_cursor.ts";
import type { RunCursor } from "./catalog_run.ts";

/**
 * The entries whose paths begin with any of `prefixes`, in path order and once each. An empty prefix begins them all,
 * and so, to be safe, does `.`, because the root's own row stands apart from the order of the others.
 */
export async function* entriesBeginning(archive: Archive, prefixes: readonly string[]): AsyncGenerator<CatalogEntry> {
  for (const prefix of apart(prefixes)) {
    for await (const entry of archive.entries(prefix === "" ? undefined : prefix)) {
      if (!entry.row.path.startsWith(prefix)) break;
      yield entry;
    }
  }
}

/**
 * Calls `visit` with a cursor at each entry that {@linkcode entriesBeginning} gives, but for those that go on with the
 * one before: thousands of them without a promise or an object for each. `pause` is waited for at every page.
 */
export async function visitBeginning(
  archive: Archive,
  prefixes: readonly string[],
  visit: (cursor: MergedCursor<RunCursor>) => void,
  pause: () => Promise<void> | undefined,
): Promise<void> {
  for (const prefix of apart(prefixes)) {
    const cursor = archive.cursor(prefix === "" ? undefined : prefix);
    const isWithin = withinOf(cursor, prefix);
    await cursor.advance();
    while (isWithin()) {
      if (cursor.kind !== undefined && !cursor.continued) visit(cursor);
      const reading = cursor.advance();
      if (reading === undefined) continue;
      await reading;
      await pause();
    }
  }
}

/**
 * Calls `visit` with each entry of the wanted kinds that {@linkcode entriesBeginning} gives, and with whether a further
 * piece of it follows. It is waited for only when it returns a promise.
 *
 * `take` is asked first of files that lie in one page as a whole, most files by far, and no object is made of those
 * that it takes.
 */
export async function visitEntries(
  archive: Archive,
  prefixes: readonly string[],
  wanted: ReadonlySet<EntryKind>,
  visit: (entry: CatalogEntry, more: boolean) => Promise<void> | undefined,
  take?: (page: DecodedPage, index: number) => boolean,
): Promise<void> {
  for (const prefix of apart(prefixes)) {
    const cursor = archive.cursor(prefix === "" ? undefined : prefix);
    const isWithin = withinOf(cursor, prefix);
    await cursor.advance();
    while (isWithin()) {
      const page = take === undefined ? undefined : cursor.run?.pageOfWholeFile;
      if (page !== undefined && take?.(page, cursor.at)) {
        // Another run may come next, and have to be read.
        const reading = cursor.advance();
        if (reading !== undefined) await reading;
        continue;
      }
      const entry = cursor.kind !== undefined && wanted.has(cursor.kind) ? cursor.current : undefined;
      const reading = cursor.advance();
      if (reading !== undefined) await reading;
      if (entry === undefined) continue;
      const visiting = visit(entry, cursor.continued && cursor.path === entry.row.path);
      if (visiting !== undefined) await visiting;
    }
  }
}

/** Whether a cursor's path begins with a prefix. To make a string of it takes time that nobody asked for. */
function withinOf(cursor: MergedCursor<RunCursor>, prefix: string): () => boolean {
  return prefix === "" ? () => cursor.paths !== undefined : () => cursor.path?.startsWith(prefix) === true;
}

/** Prefixes none of which begins with another, in path order. */
function apart(prefixes: readonly string[]): readonly string[] {
  if (prefixes.includes("") || prefixes.includes(ROOT_PATH)) return [""];
  const kept: string[] = [];
  for (const prefix of [...prefixes].sort(comparePaths)) {
    const last = kept.at(-1);
    if (last === undefined || !prefix.startsWith(last)) kept.push(prefix);
  }
  return kept;
}
