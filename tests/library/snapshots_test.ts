/** Archives of several snapshots through the library. */
import { assertEquals, assertRejects } from "@std/assert";
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
