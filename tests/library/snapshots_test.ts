/** Archives of several snapshots through the library. */
import { assertArrayIncludes, assertEquals, assertRejects } from "@std/assert";
import { decodeHex } from "@std/encoding/hex";
import {
  ArchiveError,
  fileSource,
  openArchive,
  readArchive,
  SeveralSnapshotsError,
  SnapshotError,
  verifyArchive,
} from "../../mod.ts";
import { create, expectExit, PASSPHRASE } from "../e2e/program.ts";
import { inFolder } from "../e2e/conditions.ts";
import { writeTree } from "../e2e/trees.ts";
import { archiveOf, readVector, vectorNames } from "../vectors/vector_file.ts";

Deno.test("openArchive() opens the newest snapshot or another, lists them, and knows the one expected", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": "one", "in/b": "b" });
    const at = { cwd: folder };
    await create("x.coffer", ["in"], at);
    writeTree(folder, { "in/a": "the second" });
    await expectExit(0, ["update", "--label", "later", "x.coffer", "in"], at);
    const path = `${folder}/x.coffer`;
    using source = fileSource(path);
    const options = { passphrase: PASSPHRASE };
    const archive = await openArchive(source, options);
    assertEquals(await new Response(archive.read("in/a")).text(), "the second");
    const first = await openArchive(source, { ...options, snapshot: 1 });
    assertEquals(await new Response(first.read("in/a")).text(), "one");
    const snapshots = await Array.fromAsync(archive.snapshots());
    assertEquals(snapshots.map(({ number, id, label }) => [number, id, label]), [
      [1, first.id, ""],
      [2, archive.id, "later"],
    ]);
    assertEquals(snapshots.map(({ totals }) => totals.bytes), [4, 11]);
    await openArchive(source, { ...options, expect: archive.id });
    const error = await assertRejects(() => openArchive(source, { ...options, expect: first.id }), ArchiveError);
    assertEquals(error.code, "rolled-back");
    await assertRejects(() => openArchive(source, { ...options, snapshot: 3 }), SnapshotError);
    assertEquals((await verifyArchive(source, options)).id, archive.id);
    await assertRejects(() => readArchive(Deno.readFileSync(path), options).next(), SeveralSnapshotsError);
  });
});

Deno.test("verifyArchive() finds what only putting the newest snapshot together shows, with random access", async () => {
  const found: string[] = [];
  for (const name of vectorNames().filter((name) => /^(kept|moved|shared)_/.test(name))) {
    const vector = readVector(name);
    const { stream, seek, key } = vector;
    if (stream.outcome !== "none" || seek.outcome === "none" || !("archiveKey" in key)) continue;
    const bytes = await archiveOf(vector);
    const options = { archiveKey: decodeHex(key.archiveKey) };
    const error = await assertRejects(() => verifyArchive(bytes, options), ArchiveError, undefined, name);
    assertEquals(error.code, seek.outcome, name);
    // A stream cannot go back to what it passed.
    await verifyArchive([bytes], options);
    found.push(name);
  }
  assertArrayIncludes(found, ["kept_of_another_path"]);
});
