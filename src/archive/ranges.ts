/** Parts of the catalog: paths that begin alike lie together in path order, so only their pages are read. */
import { comparePaths, ROOT_PATH } from "../format/path.ts";
import type { Archive, CatalogEntry } from "./archive.ts";

/**
 * The entries whose paths begin with any of `prefixes`, in path order and once each. An empty prefix begins them all,
 * and so, to be safe, does `.`, because the root's own row stands apart from the order of the others.
 */
export async function* entriesBeginning(archive: Archive, prefixes: readonly string[]): AsyncGenerator<CatalogEntry> {
  if (prefixes.includes("") || prefixes.includes(ROOT_PATH)) {
    yield* archive.entries();
    return;
  }
  let last: string | undefined;
  for (const prefix of [...prefixes].sort(comparePaths)) {
    if (last !== undefined && prefix.startsWith(last)) continue;
    last = prefix;
    for await (const entry of archive.entries(prefix)) {
      if (!entry.row.path.startsWith(prefix)) break;
      yield entry;
    }
  }
}
