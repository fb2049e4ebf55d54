import { assertEquals, assertRejects } from "@std/assert";
import { Archive } from "../../src/archive/archive.ts";
import { checkSnapshot } from "../../src/archive/check_snapshot.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { sealDrafts } from "./archive_draft.ts";
import { CountedSource } from "./sources.ts";
import { threeDrafts } from "../vectors/segment_cases.ts";
import { ARCHIVE_KEY } from "../vectors/vector_case.ts";
import { archiveOf, readVector } from "../vectors/vector_file.ts";

const { signal } = new AbortController();

async function check(bytes: Bytes, number?: number): Promise<void> {
  const snapshot = number === undefined ? { kind: "latest" as const } : { kind: "number" as const, number };
  await checkSnapshot(
    await Archive.open(nativeEngine, new CountedSource(bytes), { keys: [ARCHIVE_KEY], snapshot }),
    signal,
  );
}

Deno.test("checkSnapshot() takes every snapshot of an honest archive", async () => {
  for (const name of ["segments_three", "segments_merged", "segments_folder_gone", "stack_8_runs"]) {
    const { archive, snapshots = [] } = readVector(name);
    const bytes = await archiveOf({ archive });
    for (const i of snapshots.keys()) await check(bytes, i + 1);
  }
});

Deno.test("checkSnapshot() finds what a reader of the whole leaves to it", async () => {
  const cases = {
    kept_of_another_path: "inconsistent",
    kept_part_of_slice: "inconsistent",
    moved_part_of_slice: "inconsistent",
    stack_below_file: "unsafe",
  };
  for (const [name, code] of Object.entries(cases)) {
    const vector = readVector(name);
    assertEquals(vector.stream.outcome, "none", name);
    const bytes = await archiveOf(vector);
    const error = await assertRejects(() => check(bytes), ArchiveError, undefined, name);
    assertEquals(error.code, code, name);
    // The snapshot before has nothing to do with it.
    await check(bytes, 1);
  }
});

Deno.test("checkSnapshot() counts a stack of runs by kind", async () => {
  const drafts = threeDrafts(([, , third]) => {
    third.onTrailer = (trailer) => ({
      ...trailer,
      // As many entries and bytes as there are.
      totals: { ...trailer.totals, directories: trailer.totals.directories + 1, symlinks: trailer.totals.symlinks - 1 },
    });
  });
  const error = await assertRejects(() => check(sealDrafts(drafts).bytes), ArchiveError);
  assertEquals(error.code, "inconsistent");
});
