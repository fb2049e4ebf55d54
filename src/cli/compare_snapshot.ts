/** Comparing one snapshot of an archive with a tree, and with what the archive says of it. */
import type { Archive } from "../archive/archive.ts";
import { SnapshotCount } from "../archive/check_snapshot.ts";
import { pauseEvery } from "../archive/pause.ts";
import type { TreeComparison } from "../disk/compare.ts";
import type { Row } from "../format/row.ts";

/**
 * Checks that a snapshot holds what it says, and gives its entries and their content to a comparison.
 *
 * @throws {ArchiveError} `inconsistent`, or what is wrong with the archive.
 */
export async function compareSnapshot(
  archive: Archive,
  comparison: TreeComparison,
  signal: AbortSignal,
): Promise<void> {
  const pause = pauseEvery();
  const count = new SnapshotCount();
  let last: Row | undefined;
  const endFile = () => {
    if (last === undefined) return;
    const block = { entries: [{ row: last, provisional: false, slices: [] }], data: new Uint8Array(0) };
    comparison.take({ kind: "block", frame: 0, block });
  };
  for await (const entry of archive.entries()) {
    await pause();
    signal.throwIfAborted();
    const { row, continued } = entry;
    count.take(entry);
    if (!continued) {
      endFile();
      last = row.kind === "file" ? row : undefined;
    }
    for await (const { fileOffset, bytes: data } of archive.read(entry)) {
      await pause();
      const slices = [{ fileOffset, length: data.length, dataOffset: 0 }];
      comparison.take({ kind: "block", frame: 0, block: { entries: [{ row, provisional: true, slices }], data } });
    }
    comparison.take({ kind: "page", page: { entries: [entry], continues: continued } });
  }
  endFile();
  comparison.take({ kind: "end", id: archive.id, length: 0 });
  count.check(archive);
}
