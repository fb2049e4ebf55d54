/** Recovery records from the command line: written to files and pipes, shown, and checked. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { inFolder } from "./conditions.ts";
import { create, expectExit, jsonLines, PASSPHRASE, QUICK } from "./program.ts";
import { describeTree, randomBytes, writeTree } from "./trees.ts";

Deno.test("create --recovery makes an archive that reads like any other, and that verify checks to its last byte", async () => {
  await inFolder(async (folder) => {
    const cwd = folder;
    writeTree(folder, { "in/noise": randomBytes(5_000_000), "in/text": "text\n".repeat(1000), "in/empty": null });
    await create("x.coffer", ["--recovery", "5", "in"], { cwd });
    const source = await describeTree(`${folder}/in`);
    await expectExit(0, ["extract", "x.coffer", "-C", "out", "--jobs", "2"], { cwd });
    assertEquals(await describeTree(`${folder}/out/in`), source);
    await expectExit(0, ["verify", "x.coffer"], { cwd });
    assertStringIncludes((await expectExit(0, ["info", "x.coffer"], { cwd })).out, "recovery record:    5 %");
    const [record] = jsonLines((await expectExit(0, ["info", "--json", "x.coffer"], { cwd })).out);
    assertEquals(record?.recovery, 5);
    const bytes = await Deno.readFile(`${folder}/x.coffer`);
    const last = bytes.length - 1;
    bytes[last] = (bytes[last] as number) ^ 1;
    await Deno.writeFile(`${folder}/x.coffer`, bytes);
    const { err } = await expectExit(12, ["verify", "x.coffer"], { cwd });
    assertStringIncludes(err, "all its data is whole, but 1 page of its recovery record is damaged");
    await expectExit(0, ["extract", "x.coffer", "-C", "again"], { cwd });
    assertEquals(await describeTree(`${folder}/again/in`), source);
  });
});

Deno.test("copy keeps the percentage of a recovery record unless another is given", async () => {
  await inFolder(async (folder) => {
    const cwd = folder;
    writeTree(folder, { a: "text" });
    await create("x.coffer", ["--recovery", "7", "a"], { cwd });
    const percent = async (archive: string) =>
      jsonLines(
        (await expectExit(0, ["info", "--json", archive], { cwd, env: { COFFER_PASSPHRASE: undefined } })).out,
      )[0]?.recovery;
    await expectExit(0, ["copy", "x.coffer", "y.coffer", ...QUICK, "--generate-passphrase"], { cwd });
    const none = ["--recovery", "0", "--generate-passphrase"];
    await expectExit(0, ["copy", "x.coffer", "z.coffer", ...QUICK, ...none], { cwd });
    assertEquals([await percent("x.coffer"), await percent("y.coffer"), await percent("z.coffer")], [7, 7, 0]);
    const { err } = await expectExit(2, ["create", "--recovery", "51", "w.coffer", "a"], { cwd });
    assert(err.includes("a whole number from 0 to 50"), err);
  });
});

Deno.test("repair mends an archive by its recovery record without a key, in place and into a new file", async () => {
  await inFolder(async (folder) => {
    const cwd = folder;
    const env = { COFFER_PASSPHRASE: undefined };
    writeTree(folder, { "in/noise": randomBytes(6_000_000), "in/text": "text\n".repeat(1000) });
    await create("x.coffer", ["--recovery", "5", "in"], { cwd });
    const good = await Deno.readFile(`${folder}/x.coffer`);
    const bad = good.slice().fill(0, 3_000_000, 3_300_000);
    await Deno.writeFile(`${folder}/x.coffer`, bad);
    await expectExit(12, ["verify", "x.coffer"], { cwd });
    const dry = await expectExit(12, ["repair", "x.coffer", "--without-key", "--dry-run"], { cwd, env });
    assertStringIncludes(dry.err, "would be mended by computing them anew from the recovery record");
    assertEquals(await Deno.readFile(`${folder}/x.coffer`), bad);
    await expectExit(0, ["repair", "x.coffer", "--without-key", "--output", "y.coffer"], { cwd, env });
    assertEquals(await Deno.readFile(`${folder}/y.coffer`), good);
    const [told] = jsonLines((await expectExit(0, ["repair", "x.coffer", "--json"], { cwd })).out);
    assertEquals((told?.findings as { what: string; mended: boolean }[]).map(({ what, mended }) => [what, mended]), [
      ["content", true],
    ]);
    assertEquals(await Deno.readFile(`${folder}/x.coffer`), good);
    await expectExit(0, ["verify", "x.coffer"], { cwd });
    // Too much, and a header besides: the header is mended all the same.
    await Deno.writeFile(`${folder}/x.coffer`, good.slice().fill(0, 0, 4096).fill(0, 1_000_000, 3_000_000));
    const { err } = await expectExit(12, ["repair", "x.coffer"], { cwd });
    assertStringIncludes(err, "than the recovery record can mend");
    assertStringIncludes(err, "writing copy A anew");
    const left = await Deno.readFile(`${folder}/x.coffer`);
    assertEquals(left.subarray(0, 1_000_000), good.subarray(0, 1_000_000));
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["in", "x.coffer", "y.coffer"]);
    await create("plain.coffer", ["in/text"], { cwd });
    await expectExit(1, ["repair", "plain.coffer", "--without-key"], { cwd, env });
    await expectExit(2, ["repair", "x.coffer", "--output", "z.coffer", "--dry-run"], { cwd, env });
  });
});

Deno.test("protect adds a recovery record, changes it and takes it away, and content, keys and id stay", async () => {
  await inFolder(async (folder) => {
    const cwd = folder;
    writeTree(folder, { "in/noise": randomBytes(300_000), "in/text": "text\n".repeat(1000) });
    await create("x.coffer", ["in"], { cwd });
    const info = async () => {
      const [record] = jsonLines((await expectExit(0, ["info", "--json", "x.coffer"], { cwd })).out);
      return record as { recovery: number; generation: number; archiveBytes: number };
    };
    const body = (await Deno.readFile(`${folder}/x.coffer`)).subarray(8192);
    const { archiveBytes } = await info();
    const id = async () => jsonLines((await expectExit(0, ["verify", "--json", "x.coffer"], { cwd })).out)[0]?.id;
    const before = await id();
    let generation = 1;
    for (const [args, percent] of [[[], 5], [["--recovery", "20"], 20], [["--recovery", "0"], 0]] as const) {
      await expectExit(0, ["protect", "x.coffer", ...args], { cwd });
      const now = await info();
      generation++;
      assertEquals([now.recovery, now.generation], [percent, generation]);
      assertEquals((await Deno.readFile(`${folder}/x.coffer`)).subarray(8192, 8192 + body.length), body);
      assertEquals(await id(), before);
    }
    assertEquals((await info()).archiveBytes, archiveBytes);
    // What is damaged is not protected, and stays as it is.
    const bad = await Deno.readFile(`${folder}/x.coffer`);
    bad.fill(0, 100_000, 100_100);
    await Deno.writeFile(`${folder}/x.coffer`, bad);
    await expectExit(12, ["protect", "x.coffer"], { cwd });
    assertEquals(await Deno.readFile(`${folder}/x.coffer`), bad);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["in", "x.coffer"]);
  });
});

Deno.test("an archive with a recovery record takes updates, copies them, is mended in every snapshot, and protect takes it all", async () => {
  await inFolder(async (folder) => {
    const cwd = folder;
    const env = { COFFER_PASSPHRASE: undefined };
    writeTree(folder, { "in/noise": randomBytes(500_000), "in/text": "text\n".repeat(1000) });
    await create("x.coffer", ["--recovery", "5", "in"], { cwd });
    const one = await describeTree(`${folder}/in`);
    const first = (await Deno.readFile(`${folder}/x.coffer`)).length;
    writeTree(folder, { "in/more": randomBytes(300_000) });
    await expectExit(0, ["update", "x.coffer", "in"], { cwd });
    writeTree(folder, { "in/text": "changed" });
    await expectExit(0, ["update", "x.coffer", "in"], { cwd });
    const three = await describeTree(`${folder}/in`);
    const good = await Deno.readFile(`${folder}/x.coffer`);
    await expectExit(0, ["verify", "x.coffer"], { cwd });
    const bad = good.slice();
    for (const at of [20_000, first + 50_000, good.length - 10_000]) bad.fill(0, at, at + 5000);
    await Deno.writeFile(`${folder}/x.coffer`, bad);
    await expectExit(12, ["verify", "x.coffer"], { cwd });
    await expectExit(0, ["repair", "x.coffer", "--without-key", "--output", "y.coffer"], { cwd, env });
    assertEquals(await Deno.readFile(`${folder}/y.coffer`), good);
    await expectExit(0, ["repair", "x.coffer", "--without-key"], { cwd, env });
    assertEquals(await Deno.readFile(`${folder}/x.coffer`), good);
    const listed = jsonLines((await expectExit(0, ["snapshots", "x.coffer", "--json"], { cwd })).out);
    const added = listed.map(({ addedBytes }) => addedBytes as number);
    assertEquals(added.reduce((sum, bytes) => sum + bytes, 8192), good.length);
    await expectExit(4, ["diff", "x.coffer", "1", "3"], { cwd });
    const holds = async (archive: string, snapshot: string, tree: unknown) => {
      await expectExit(0, ["extract", archive, "-C", "out", "--snapshot", snapshot, "--jobs", "2"], { cwd });
      assertEquals(await describeTree(`${folder}/out/in`), tree);
      await Deno.remove(`${folder}/out`, { recursive: true });
    };
    await holds("x.coffer", "1", one);
    await holds("x.coffer", "3", three);
    await Deno.writeTextFile(`${folder}/new`, PASSPHRASE);
    const newKey = ["--new-passphrase-file", "new", ...QUICK];
    await expectExit(0, ["copy", "x.coffer", "z.coffer", ...newKey], { cwd });
    await expectExit(0, ["verify", "z.coffer"], { cwd });
    await holds("z.coffer", "1", one);
    await expectExit(0, ["protect", "z.coffer", "--recovery", "0"], { cwd });
    await expectExit(0, ["update", "z.coffer", "in", "--always"], { cwd });
    await expectExit(0, ["protect", "z.coffer"], { cwd });
    await expectExit(0, ["verify", "z.coffer"], { cwd });
    await holds("z.coffer", "4", three);
    // A pipe gives its first snapshot.
    const bytes = await Deno.readFile(`${folder}/z.coffer`);
    await expectExit(0, ["extract", "-", "--snapshot", "first", "-C", "out"], { cwd, stdin: bytes });
    assertEquals(await describeTree(`${folder}/out/in`), one);
  });
});

Deno.test("repair cuts off what an interrupted update left of an archive with a recovery record", async () => {
  await inFolder(async (folder) => {
    const cwd = folder;
    writeTree(folder, { "in/a": "text" });
    await create("x.coffer", ["--recovery", "5", "in"], { cwd });
    const before = await Deno.readFile(`${folder}/x.coffer`);
    writeTree(folder, { "in/b": randomBytes(100_000) });
    await expectExit(0, ["update", "x.coffer", "in"], { cwd });
    const after = await Deno.readFile(`${folder}/x.coffer`);
    for (const length of [before.length + 50_000, after.length - 5000]) {
      const torn = after.slice(0, length);
      torn.set(before.subarray(0, 8192));
      // The cell with its end was not written.
      if (length > before.length + 50_000) torn.fill(0, before.length + 100_000, before.length + 130_000);
      await Deno.writeFile(`${folder}/x.coffer`, torn);
      const dry = await expectExit(12, ["repair", "x.coffer", "--dry-run"], { cwd });
      assertStringIncludes(dry.err, "an update was interrupted");
      await expectExit(0, ["repair", "x.coffer"], { cwd });
      assertEquals(await Deno.readFile(`${folder}/x.coffer`), before);
    }
    await Deno.writeFile(`${folder}/x.coffer`, new Uint8Array([...before, ...randomBytes(30_000)]));
    await expectExit(12, ["repair", "x.coffer"], { cwd });
    await expectExit(0, ["repair", "x.coffer", "--cut-trailing"], { cwd });
    assertEquals(await Deno.readFile(`${folder}/x.coffer`), before);
  });
});
