/** What differs between two snapshots of one archive. */
import type { PageEntry } from "../format/page.ts";
import type { Extent } from "../format/row.ts";
import type { Archive } from "./archive.ts";
import { takeWhole } from "./catalog_cursor.ts";
import { sameBytes } from "./content_comparison.ts";
import { contentOf } from "./copy.ts";
import { type Change, diffEntries } from "./diff.ts";

/** The entries of a snapshot in path order, each with all its extents. */
export async function* wholeEntries(archive: Archive): AsyncGenerator<PageEntry> {
  const cursor = archive.cursor();
  await cursor.advance();
  while (cursor.current !== undefined) {
    const entry = await takeWhole(cursor);
    if (entry.mark !== "gone") yield entry;
  }
}

/**
 * What differs between two snapshots of one archive, in path order. Content that lies in the same places is the same;
 * other content of the same length is read and compared.
 *
 * @throws {ArchiveError} as reading the archive does.
 */
export function diffSnapshots(before: Archive, after: Archive): AsyncGenerator<Change<PageEntry, PageEntry>> {
  return diffEntries(
    wholeEntries(before),
    wholeEntries(after),
    async (a, b) => samePlaces(a.extents, b.extents) || await sameContent(before, a, after, b),
  );
}

/** Whether the bytes of two entries of one archive are the very same ones. */
export function samePlaces(a: readonly Extent[], b: readonly Extent[]): boolean {
  return a.length === b.length && a.every((extent, i) => {
    const other = b[i] as Extent;
    return extent.fileOffset === other.fileOffset && extent.length === other.length &&
      extent.dataOffset === other.dataOffset && extent.block.frame === other.block.frame &&
      (extent.block.segment ?? 0) === (other.block.segment ?? 0);
  });
}

/** Compares the content of two entries, holes as zeros. */
async function sameContent(before: Archive, a: PageEntry, after: Archive, b: PageEntry): Promise<boolean> {
  return await sameBytes(contentOf(before, a.row.size, [a]), contentOf(after, b.row.size, [b]));
}
