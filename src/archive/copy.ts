/** An archive's entries as what another archive is made of: decrypted, checked, and not touched by anything else. */
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import type { PageEntry } from "../format/page.ts";
import type { Archive, CatalogEntry } from "./archive.ts";
import type { PlannedEntry } from "./planner.ts";

/** Bytes of zeros that stand for a part of a hole. */
const HOLE_PIECE = 2 ** 16;

/**
 * Every entry of the catalog in path order, with its row as it is. Content is read when it is asked for, and was
 * compared with the catalog before it comes out; holes come as zeros.
 *
 * @throws {ArchiveError} as reading the archive does.
 */
export async function* plannedCopies(archive: Archive): AsyncGenerator<PlannedEntry> {
  let held: CatalogEntry | undefined;
  let pieces: PageEntry[] = [];
  const planned = (): PlannedEntry => {
    const { row } = held as CatalogEntry;
    const parts = pieces;
    return {
      row,
      content: row.kind === "file" ? { kind: "bytes", bytes: contentOf(archive, row.size, parts) } : undefined,
    };
  };
  for await (const entry of archive.entries()) {
    if (entry.continued) {
      pieces.push(entry);
      continue;
    }
    if (held !== undefined) yield planned();
    held = entry;
    pieces = [entry];
  }
  if (held !== undefined) yield planned();
}

/** A file's content, with its holes as zeros. */
export async function* contentOf(archive: Archive, size: number, pieces: readonly PageEntry[]): AsyncGenerator<Bytes> {
  let position = 0;
  for (const piece of pieces) {
    for await (const { fileOffset, bytes } of archive.read(piece)) {
      if (fileOffset < position) {
        const { path } = piece.row;
        throw new ArchiveError("malformed", `Cannot accept ${JSON.stringify(path)}: its parts overlap`, { path });
      }
      yield* zeros(fileOffset - position);
      // A copy: neighbouring files lie in the same memory.
      yield bytes.slice();
      position = fileOffset + bytes.length;
    }
  }
  yield* zeros(size - position);
}

function* zeros(count: number): Generator<Bytes> {
  for (let left = count; left > 0; left -= HOLE_PIECE) yield new Uint8Array(Math.min(left, HOLE_PIECE));
}
