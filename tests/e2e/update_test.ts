/** Snapshots, end to end: update, snapshots, and reading any of them. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { inFolder } from "./conditions.ts";
import { create, expectExit, jsonLines, pathsIn, run, together } from "./program.ts";
import { writeTree } from "./trees.ts";

Deno.test("update stores what changed, keeps what is elsewhere, and every snapshot can be read", async () => {
  await inFolder(async (folder) => {
    const at = { cwd: folder };
    const x = `${folder}/x.coffer`;
    writeTree(folder, { "in/a": "1", "in/b/c": "2", "in/b/d": "3", "other": "o" });
    await create("x.coffer", ["in", "other"], at);
    const none = await expectExit(0, ["update", "x.coffer", "in"], at);
    assertStringIncludes(none.err, "nothing has changed");
    writeTree(folder, { "in/a": "one", "in/e": "5" });
    Deno.removeSync(`${folder}/in/b/c`);
    const dry = await expectExit(0, ["update", "--dry-run", "x.coffer", "in"], at);
    assertMatch(dry.out, /^gone +in\/b\/c$/m);
    assertMatch(dry.out, /^store +in\/e$/m);
    const { out } = await expectExit(0, ["update", "--json", "--label", "second", "x.coffer", "in"], at);
    const [report] = jsonLines(out);
    assertEquals([report?.appended, report?.number, report?.gone], [true, 2, 1]);
    assertEquals(await pathsIn(x), ["in", "in/a", "in/b", "in/b/d", "in/e", "other"]);
    assertEquals(await pathsIn(x, "--snapshot", "first"), ["in", "in/a", "in/b", "in/b/c", "in/b/d", "other"]);
    await expectExit(0, ["update", "--replace", "x.coffer", "in/e"], at);
    assertEquals(await pathsIn(x), ["in/e"]);
    const listed = jsonLines((await expectExit(0, ["snapshots", "--json", "x.coffer"], at)).out);
    assertEquals(listed.map(({ number, label }) => [number, label]), [[1, ""], [2, "second"], [3, ""]]);
    const ids = listed.map(({ id }) => String(id));
    assertEquals(ids[1], report?.id);
    const [first, byId, verified, streamed, expected, other, versions] = await together([
      expectExit(0, ["cat", "--snapshot", "1", "x.coffer", "in/a"], at),
      expectExit(0, ["cat", "--snapshot", ids[1]?.slice(0, 10) as string, "x.coffer", "in/a"], at),
      expectExit(0, ["verify", "x.coffer"], at),
      expectExit(0, ["list", "--snapshot", "first", "-"], { ...at, stdin: Deno.readFileSync(x) }),
      expectExit(0, ["list", "--expect", ids[2] as string, "x.coffer"], at),
      expectExit(13, ["list", "--expect", ids[1] as string, "x.coffer"], at),
      expectExit(0, ["list", "--all-versions", "x.coffer", "in/a"], at),
    ]);
    assertEquals([first.out, byId.out], ["1", "one"]);
    assertStringIncludes(verified.err, "is whole");
    assertStringIncludes(streamed.out, "in/b/c");
    assertEquals(expected.out, "in/e\n");
    assertStringIncludes(other.err, "not the one expected");
    assertMatch(versions.out, /^ +1 +in\/a\n +2 +in\/a\n +3 .* gone: in\/a\n$/);
    await expectExit(1, ["list", "--snapshot", "4", "x.coffer"], at);
  });
});

Deno.test("update keeps what it cannot see, and refuses what cannot be", async () => {
  await inFolder(async (folder) => {
    const at = { cwd: folder };
    writeTree(folder, { "in/a": "1", "mount/x": "2" });
    await create("x.coffer", ["in", "mount"], at);
    Deno.removeSync(`${folder}/mount`, { recursive: true });
    writeTree(folder, { "in/a": "changed" });
    const { err } = await expectExit(3, ["update", "x.coffer", "in", "mount"], at);
    assertStringIncludes(err, '"mount"');
    assertEquals(await pathsIn(`${folder}/x.coffer`), ["in", "in/a", "mount", "mount/x"]);
    const absent = await expectExit(1, ["update", "absent.coffer", "in"], at);
    assertStringIncludes(absent.err, "coffer create");
    const locked = Deno.openSync(`${folder}/x.coffer`, { read: true, write: true });
    await locked.lock(true);
    const busy = await expectExit(1, ["update", "x.coffer", "in"], at);
    assertStringIncludes(busy.err, "another program");
    locked.close();
  });
});

Deno.test("two updates at once: both snapshots are whole, or one of them says that the other was there", async () => {
  await inFolder(async (folder) => {
    const at = { cwd: folder };
    writeTree(folder, { "in/a": "1" });
    await create("x.coffer", ["in"], at);
    writeTree(folder, { "left/l": "left", "right/r": "right" });
    const outcomes = await together(
      ["left", "right"].map((name) => run(["update", "--lock-wait", "60", "x.coffer", name], at)),
    );
    assertEquals(outcomes.map(({ code }) => code), [0, 0]);
    assertEquals(await pathsIn(`${folder}/x.coffer`), ["in", "in/a", "left", "left/l", "right", "right/r"]);
    await expectExit(0, ["verify", "x.coffer"], at);
  });
});

Deno.test("an archive that was cut to an earlier snapshot is refused with 13, and read when that is accepted", async () => {
  await inFolder(async (folder) => {
    const at = { cwd: folder };
    writeTree(folder, { "in/a": "1" });
    await create("x.coffer", ["in"], at);
    const length = Deno.statSync(`${folder}/x.coffer`).size;
    writeTree(folder, { "in/a": "second" });
    await expectExit(0, ["update", "x.coffer", "in"], at);
    assert(Deno.statSync(`${folder}/x.coffer`).size > length);
    Deno.truncateSync(`${folder}/x.coffer`, length);
    await expectExit(13, ["list", "x.coffer"], at);
    await expectExit(13, ["update", "x.coffer", "in"], at);
    const { out, err } = await expectExit(0, ["cat", "--accept-rollback", "x.coffer", "in/a"], at);
    assertEquals(out, "1");
    assertStringIncludes(err, "older than its header");
  });
});
