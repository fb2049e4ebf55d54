/**
 * Extracts every golden vector onto the disk, in both ways: what the format refuses is refused there as well, what it
 * takes is restored or named, and nothing beside the target is touched.
 */
import { assert, assertEquals } from "@std/assert";
import { Archive } from "../../src/archive/archive.ts";
import { ArchiveStream, SeveralSnapshotsError, SharedContentError } from "../../src/archive/stream_reader.ts";
import { extractArchive, extractStream } from "../../src/disk/extract.ts";
import { type RestoreProblem, RestoreTarget } from "../../src/disk/restore.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import type { Key } from "../../src/archive/unlock.ts";
import { CountedSource } from "../archive/sources.ts";
import { inFolder } from "../e2e/conditions.ts";
import { describeTree, writeTree } from "../e2e/trees.ts";
import { archiveOf, keysOf, readVector, vectorNames } from "../vectors/vector_file.ts";

interface Extraction {
  /** The failure class, or `none`. */
  readonly outcome: string;
  readonly problems: readonly RestoreProblem[];
}

/**
 * An archive of several snapshots, or one whose files share content, is not extracted in one pass, and nothing of it.
 */
const NOT_IN_ONE_PASS = "not in one pass";

async function extract(
  bytes: Bytes,
  keys: readonly Key[],
  directory: string,
  way: "stream" | "seek",
): Promise<Extraction> {
  const problems: RestoreProblem[] = [];
  const options = { keys };
  const settings = { place: ({ path }: { path: string }) => path, prefixes: [""], maxExpansion: 1000 };
  try {
    using target = RestoreTarget.open({ directory, onProblem: (problem) => problems.push(problem) });
    if (way === "stream") {
      await extractStream(await ArchiveStream.open(nativeEngine, [bytes], options), target, settings);
    } else {
      const archive = await Archive.open(nativeEngine, new CountedSource(bytes), options);
      await extractArchive(archive, bytes.length, target, settings);
    }
    target.finish();
    return { outcome: "none", problems };
  } catch (error) {
    if (error instanceof SeveralSnapshotsError || error instanceof SharedContentError) {
      return { outcome: NOT_IN_ONE_PASS, problems };
    }
    if (!(error instanceof ArchiveError)) throw error;
    return { outcome: error.code, problems };
  }
}

for (const way of ["stream", "seek"] as const) {
  Deno.test(`every vector, extracted by ${way}, ends as it says and touches nothing beside its target`, async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { "beside/precious": "precious" });
      const before = await describeTree(`${folder}/beside`);
      const wrong: string[] = [];
      for (const name of vectorNames()) {
        const vector = readVector(name);
        const target = `${folder}/target`;
        const { outcome, problems } = await extract(await archiveOf(vector), keysOf(vector), target, way);
        const expected = vector[way].outcome;
        if (outcome !== expected && outcome !== NOT_IN_ONE_PASS) {
          wrong.push(`${name}: ${outcome} instead of ${expected}`);
        }
        for (const { error } of problems) assert(!(error instanceof TypeError), `${name}: ${error}`);
        const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
        assertEquals(names, outcome === "none" ? ["beside", "target"] : ["beside"], name);
        if (outcome === "none") await new Deno.Command("rm", { args: ["-rf", target] }).output();
      }
      assertEquals(wrong, []);
      assertEquals(await describeTree(`${folder}/beside`), before);
    });
  });
}
