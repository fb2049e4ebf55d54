/** `diff` between snapshots and with the disk, and `copy` of some of them. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { inFolder } from "./conditions.ts";
import { create, expectExit, jsonLines, pathsIn, QUICK } from "./program.ts";
import { exists, randomBytes, writeTree } from "./trees.ts";

/** An archive of three snapshots of the folder `in`. */
async function threeSnapshots(folder: string): Promise<string> {
  const archive = `${folder}/a.coffer`;
  const run = (args: string[]) => expectExit(0, args, { cwd: folder });
  writeTree(folder, { "in/a": "a", "in/b": "b", "in/c/d": "d", "in/gone": randomBytes(500_000) });
  await create(archive, ["in"], { cwd: folder });
  Deno.removeSync(`${folder}/in/gone`);
  Deno.writeTextFileSync(`${folder}/in/b`, "longer");
  await run(["update", archive, "in"]);
  Deno.writeTextFileSync(`${folder}/in/new`, "new");
  Deno.chmodSync(`${folder}/in/a`, 0o600);
  await run(["update", archive, "in", "--label", "third"]);
  return archive;
}

/** Lines without those of folders, whose times change with what is in them. */
function linesOf(out: string): string[] {
  return out.trimEnd().split("\n").filter((line) => line !== "M in (mtime)" && line !== "");
}

Deno.test("diff shows what differs between snapshots, and its exit code says whether anything does", async () => {
  await inFolder(async (folder) => {
    const archive = await threeSnapshots(folder);
    const first = await expectExit(4, ["diff", archive, "1", "2"]);
    assertEquals(linesOf(first.out), ["C in/b (mtime)", "- in/gone"]);
    const second = await expectExit(4, ["diff", archive, "2"]);
    assertEquals(linesOf(second.out), ["M in/a (mode)", "+ in/new"]);
    const back = await expectExit(4, ["diff", archive, "latest", "2"]);
    assertEquals(linesOf(back.out), ["M in/a (mode)", "- in/new"]);
    const same = await expectExit(0, ["diff", archive, "latest", "3"]);
    assertEquals(same.out, "");
    assertStringIncludes(same.err, "no difference");
    const json = jsonLines((await expectExit(4, ["diff", archive, "first", "--json"])).out);
    const changes = json.filter(({ path }) => path !== "in").map(({ schema, path, change, fields }) => [
      schema,
      path,
      change,
      fields,
    ]);
    assertEquals(changes, [
      ["coffer/diff/1", "in/a", "metadata", ["mode"]],
      ["coffer/diff/1", "in/b", "content", ["content", "mtime"]],
      ["coffer/diff/1", "in/gone", "removed", []],
      ["coffer/diff/1", "in/new", "added", []],
    ]);
    const content = json.find(({ path }) => path === "in/b") as Record<string, Record<string, unknown>>;
    assertEquals([content.before?.size, content.after?.size], [1, 6]);
  });
});

Deno.test("diff --against compares a snapshot with a folder, and names each path once", async () => {
  await inFolder(async (folder) => {
    const archive = await threeSnapshots(folder);
    await expectExit(0, ["diff", archive, "latest", "--against", folder]);
    Deno.writeTextFileSync(`${folder}/in/b`, "Longer and longer");
    Deno.removeSync(`${folder}/in/a`);
    Deno.writeTextFileSync(`${folder}/in/c/more`, "more");
    const { out } = await expectExit(4, ["diff", archive, "latest", "--against", folder, "--json"]);
    const changes = jsonLines(out).map(({ schema, path, change }) => `${schema} ${path} ${change}`);
    assertEquals(changes.filter((line) => !line.endsWith(" metadata")), [
      "coffer/diff-disk/1 in/a removed",
      "coffer/diff-disk/1 in/b content",
      "coffer/diff-disk/1 in/c/more added",
    ]);
    const old = await expectExit(4, ["diff", archive, "first", "--against", folder]);
    assertStringIncludes(old.out, "- in/gone\n");
    assertStringIncludes(old.out, "+ in/new\n");
  });
});

Deno.test("diff refuses what it cannot take with exit code 2, and a snapshot that is not there", async () => {
  await inFolder(async (folder) => {
    const archive = await threeSnapshots(folder);
    await expectExit(2, ["diff", archive]);
    await expectExit(2, ["diff", archive, "1", "2", "3"]);
    await expectExit(2, ["diff", archive, "1", "2", "--against", folder]);
    await expectExit(2, ["diff", archive, "yesterday"]);
    const missing = await expectExit(1, ["diff", archive, "4"]);
    assertStringIncludes(missing.err, "Cannot find snapshot 4");
  });
});

Deno.test("copy takes all snapshots, one, or those that rules choose, and leaves out what they do not need", async () => {
  await inFolder(async (folder) => {
    const archive = await threeSnapshots(folder);
    const copy = async (name: string, ...args: string[]) => {
      const keys = ["--new-passphrase-file", `${folder}/new`];
      await expectExit(0, ["copy", archive, `${folder}/${name}`, ...QUICK, ...keys, ...args]);
      return `${folder}/${name}`;
    };
    Deno.writeTextFileSync(`${folder}/new`, "another six word passphrase of mine\n");
    const opened = ["--passphrase-file", `${folder}/new`];
    const snapshots = async (path: string) =>
      jsonLines((await expectExit(0, ["snapshots", "--json", path, ...opened])).out).map(({ time, label }) => [
        time,
        label,
      ]);
    const original = jsonLines((await expectExit(0, ["snapshots", "--json", archive])).out).map(({ time, label }) => [
      time,
      label,
    ]);
    const all = await copy("all.coffer");
    assertEquals(await snapshots(all), original);
    for (const number of ["1", "2", "3"]) {
      const snapshot = ["--snapshot", number];
      assertEquals(await pathsIn(all, ...snapshot, ...opened), await pathsIn(archive, ...snapshot));
    }
    await expectExit(0, ["verify", all, ...opened]);
    await expectExit(4, ["verify", all, "--snapshot", "1", "--against", folder, ...opened]);
    await expectExit(0, ["verify", all, "--against", folder, ...opened]);

    const last = await copy("last.coffer", "--keep-last", "2");
    assertEquals(await snapshots(last), original.slice(1));
    const one = await copy("one.coffer", "--snapshot", "2");
    assertEquals(await snapshots(one), original.slice(1, 2));
    assert(Deno.statSync(all).size - Deno.statSync(last).size > 450_000);

    const refused = await expectExit(2, ["copy", archive, "-", "--new-passphrase-file", `${folder}/new`]);
    assertStringIncludes(refused.err, "only one");
    await expectExit(2, ["copy", archive, `${folder}/x`, "--snapshot", "1", "--keep-last", "1"]);
    await expectExit(2, ["copy", archive, `${folder}/x`, "--keep-daily", "0"]);
    assert(!exists(`${folder}/x`));
  });
});
