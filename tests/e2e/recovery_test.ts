/** Recovery records from the command line: written to files and pipes, shown, and checked. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { inFolder } from "./conditions.ts";
import { create, expectExit, jsonLines, QUICK } from "./program.ts";
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
