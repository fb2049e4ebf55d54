/** Parts of the catalog: a folder and all below it are one range in path order, so only its pages are read. */
import { comparePaths, isAtOrBelow, ROOT_PATH } from "../format/path.ts";
import type { Archive, CatalogEntry } from "./archive.ts";

/**
 * The entries at or below any of `paths`, in path order and once each; all entries when `paths` is `undefined` or
 * names the root.
 */
export async function* entriesBelow(
  archive: Archive,
  paths: readonly string[] | undefined,
): AsyncGenerator<CatalogEntry> {
  if (paths === undefined || paths.includes(ROOT_PATH)) {
    yield* archive.entries();
    return;
  }
  let last: string | undefined;
  for (const path of [...paths].sort(comparePaths)) {
    if (last !== undefined && isAtOrBelow(path, last)) continue;
    last = path;
    for await (const entry of archive.entries(path)) {
      if (!isAtOrBelow(entry.row.path, path)) break;
      yield entry;
    }
  }
}
