/** `salvage` and `repair` as a program: damaged files and pipes, exit codes, the list of what is missing. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { inFolder } from "./conditions.ts";
import { create, expectExit, jsonLines, together } from "./program.ts";
import { exists, leftovers, randomBytes, writeTree } from "./trees.ts";

const REPORT = "coffer-salvage.damaged";

/** A tree, its archive, and a copy of that with a hole in the first large file. */
async function damaged(folder: string): Promise<{ noise: Uint8Array; bytes: Uint8Array<ArrayBuffer> }> {
  const noise = randomBytes(5_000_000);
  writeTree(folder, { "in/a": "first", "in/empty": "", "in/noise": noise, "in/sub/z": "last", "in/to": { link: "a" } });
  await create(`${folder}/good.coffer`, ["in"], { cwd: folder });
  const bytes = Deno.readFileSync(`${folder}/good.coffer`);
  bytes.fill(0, 400_000, 410_000);
  Deno.writeFileSync(`${folder}/bad.coffer`, bytes);
  return { noise, bytes };
}

Deno.test("salvage restores what is intact, names what is not, and exits with 12", async () => {
  await inFolder(async (folder) => {
    const { noise, bytes } = await damaged(folder);
    const at = { cwd: folder };
    const [plain, json, piped] = await together([
      expectExit(12, ["salvage", "bad.coffer", "-C", "out"], at),
      expectExit(12, ["salvage", "bad.coffer", "-C", "out-json", "--json"], at),
      expectExit(12, ["salvage", "-", "-C", "out-pipe"], { ...at, stdin: bytes }),
    ]);
    assertStringIncludes(plain.out, "damaged: in/noise: of 5,000,000 bytes, ");
    const [entry, end] = jsonLines(json.out) as [{ lost: { start: number; end: number }[] }, Record<string, unknown>];
    const { start, end: stop } = entry.lost[0] as { start: number; end: number };
    assert(start % 16 < 16 && stop - start >= 10_000 && stop - start <= 3 * 65_520);
    assertEquals([end["schema"], end["damagedFiles"], end["lostEntries"]], ["coffer/salvage/1", 1, 0]);
    const wanted = noise.slice().fill(0, start, stop);
    for (const out of ["out", "out-json", "out-pipe"]) {
      assertEquals(Deno.readTextFileSync(`${folder}/${out}/in/a`), "first");
      assertEquals(Deno.readTextFileSync(`${folder}/${out}/in/to`), "first");
      assertEquals(Deno.readTextFileSync(`${folder}/${out}/in/sub/z`), "last");
      assert(exists(`${folder}/${out}/in/empty`));
      assertEquals(Deno.readFileSync(`${folder}/${out}/in/noise`), wanted);
      const report = Deno.readTextFileSync(`${folder}/${out}/${REPORT}`);
      assertStringIncludes(report, `damaged: in/noise\n  bytes ${start} to ${stop - 1}, ${stop - start} of 5000000\n`);
    }
    assertStringIncludes(piped.err, "still encrypted");
    assertEquals(leftovers(folder), []);
  });
});

Deno.test("salvage of a whole archive exits with 0 and leaves no list", async () => {
  await inFolder(async (folder) => {
    await damaged(folder);
    const { err } = await expectExit(0, ["salvage", "good.coffer", "-C", "out"], { cwd: folder });
    assertStringIncludes(err, "nothing is lost");
    assert(!exists(`${folder}/out/${REPORT}`));
    await expectExit(0, ["verify", "good.coffer", "--against", "out"], { cwd: folder });
  });
});

Deno.test("salvage keeps what stands in its way, and gives its list another name", async () => {
  await inFolder(async (folder) => {
    await damaged(folder);
    writeTree(folder, { "out/in/a": "mine", [`out/${REPORT}`]: "mine too" });
    const { err } = await expectExit(12, ["salvage", "bad.coffer", "-C", "out"], { cwd: folder });
    assertStringIncludes(err, 'Cannot restore "in/a": it exists already');
    assertEquals(Deno.readTextFileSync(`${folder}/out/in/a`), "mine");
    assertEquals(Deno.readTextFileSync(`${folder}/out/${REPORT}`), "mine too");
    assert(exists(`${folder}/out/coffer-salvage-2.damaged`));
    assertEquals(leftovers(folder), []);
  });
});

Deno.test("salvage takes recovery words where both header copies are gone, and says so without them", async () => {
  await inFolder(async (folder) => {
    const { bytes } = await damaged(folder);
    const at = { cwd: folder };
    const { out } = await expectExit(0, ["keys", "backup", "good.coffer", "--words"], at);
    Deno.writeTextFileSync(`${folder}/words`, out);
    Deno.writeFileSync(`${folder}/bad.coffer`, bytes.fill(0, 0, 8192));
    const { err } = await expectExit(10, ["salvage", "bad.coffer", "-C", "none"], at);
    assertStringIncludes(err, "--recovery-words");
    assert(!exists(`${folder}/none`));
    await expectExit(12, ["salvage", "bad.coffer", "-C", "out", "--recovery-words", "words"], at);
    assertEquals(Deno.readTextFileSync(`${folder}/out/in/sub/z`), "last");
  });
});

Deno.test("salvage of an archive that was cut names what it knows and says that there may be more", async () => {
  await inFolder(async (folder) => {
    await damaged(folder);
    const cut = Deno.readFileSync(`${folder}/good.coffer`).slice(0, 3_000_000);
    const { out, err } = await expectExit(12, ["salvage", "-", "-C", "out"], { cwd: folder, stdin: cut });
    assertStringIncludes(out, "damaged: in/noise: its first ");
    assertStringIncludes(err, "More may be lost than is named");
    assertEquals(Deno.readTextFileSync(`${folder}/out/in/a`), "first");
  });
});

Deno.test("verify of a damaged file goes on, draws the damage and names what it touches", async () => {
  await inFolder(async (folder) => {
    const { bytes } = await damaged(folder);
    bytes.fill(0, 3_000_000, 3_000_100);
    Deno.writeFileSync(`${folder}/bad.coffer`, bytes);
    const at = { cwd: folder };
    const [plain, json, piped] = await together([
      expectExit(12, ["verify", "bad.coffer"], at),
      expectExit(12, ["verify", "bad.coffer", "--json"], at),
      expectExit(12, ["verify", "-"], { ...at, stdin: bytes }),
    ]);
    assertStringIncludes(plain.out, "in/noise: damaged, ");
    assertMatch(plain.err, /damage: \[\.+#+\.+#+\.+\]/);
    assertStringIncludes(plain.err, "coffer salvage");
    const [entry, end] = jsonLines(json.out) as [{ lost: unknown[] }, { damage: unknown[]; code: string }];
    assertEquals([entry.lost.length, end.damage.length, end.code], [2, 2, "damaged"]);
    assertEquals(piped.out, "");
  });
});

Deno.test("extract and cat of a damaged archive name the file, its bytes and salvage", async () => {
  await inFolder(async (folder) => {
    await damaged(folder);
    const at = { cwd: folder };
    const runs = await together([
      expectExit(12, ["extract", "bad.coffer", "-C", "out"], at),
      expectExit(12, ["extract", "bad.coffer", "-C", "out", "--jobs", "2"], at),
      expectExit(12, ["cat", "bad.coffer", "in/noise"], at),
    ]);
    for (const { err } of runs) {
      assertMatch(
        err,
        /Cannot read "in\/noise": bytes \d+ to \d+ of it(, and \w+ other files?,)? lie in a damaged block/,
      );
      assertStringIncludes(err, "coffer salvage ARCHIVE -C DIR");
    }
    assert(!exists(`${folder}/out`));
  });
});

Deno.test("repair mends header and end in place, tells with --dry-run, and cuts only when asked", async () => {
  await inFolder(async (folder) => {
    await damaged(folder);
    const at = { cwd: folder };
    const good = Deno.readFileSync(`${folder}/good.coffer`);
    const bad = new Uint8Array(good.length + 9);
    bad.set(good);
    bad.fill(0, 0, 4096).fill(0, good.length - 256, good.length).fill(7, good.length);
    Deno.writeFileSync(`${folder}/bad.coffer`, bad);
    const dry = await expectExit(12, ["repair", "bad.coffer", "--dry-run"], at);
    assertStringIncludes(dry.err, "header copy A is damaged or out of date; would be mended by writing copy A anew");
    assertEquals(Deno.readFileSync(`${folder}/bad.coffer`), bad);
    const { out } = await expectExit(12, ["repair", "bad.coffer", "--json"], at);
    const [{ findings }] = jsonLines(out) as [{ findings: { what: string; mended: boolean }[] }];
    assertEquals(findings.map(({ what, mended }) => [what, mended]), [
      ["header", true],
      ["locator", true],
      ["trailing bytes", false],
    ]);
    assertEquals(Deno.statSync(`${folder}/bad.coffer`).size, bad.length);
    await expectExit(0, ["repair", "bad.coffer", "--cut-trailing"], at);
    const { err } = await expectExit(0, ["verify", "bad.coffer", "--against", "."], at);
    assert(!err.includes("warning"));
    assertStringIncludes((await expectExit(0, ["repair", "bad.coffer"], at)).err, "needs no repair");
  });
});

Deno.test("repair of what it cannot mend says what can be done, with the exit code of the damage", async () => {
  await inFolder(async (folder) => {
    await damaged(folder);
    const at = { cwd: folder };
    const good = Deno.readFileSync(`${folder}/good.coffer`);
    Deno.writeFileSync(`${folder}/cut.coffer`, good.slice(0, 1_000_000));
    Deno.writeFileSync(`${folder}/headless.coffer`, good.slice().fill(0, 0, 8192));
    const [cut, headless] = await together([
      expectExit(13, ["repair", "cut.coffer"], at),
      expectExit(10, ["repair", "headless.coffer"], at),
    ]);
    assertStringIncludes(cut.err, "coffer salvage takes out what is there");
    assertStringIncludes(headless.err, "coffer keys restore");
  });
});

Deno.test("salvage takes the newest of several snapshots, or the one that is named", async () => {
  await inFolder(async (folder) => {
    const at = { cwd: folder };
    writeTree(folder, { "in/a": "first", "in/b": randomBytes(500_000) });
    await create(`${folder}/x.coffer`, ["in"], at);
    writeTree(folder, { "in/c": randomBytes(300_000) });
    await expectExit(0, ["update", "x.coffer", "in"], at);
    const bytes = Deno.readFileSync(`${folder}/x.coffer`);
    bytes.fill(0, bytes.length - 200_000, bytes.length - 190_000);
    Deno.writeFileSync(`${folder}/x.coffer`, bytes);
    const [newest, oldest] = await together([
      expectExit(12, ["salvage", "x.coffer", "-C", "new"], at),
      expectExit(0, ["salvage", "x.coffer", "-C", "old", "--snapshot", "1"], at),
    ]);
    assertMatch(newest.out, /^damaged: in\/c: .*\n$/);
    assertStringIncludes(oldest.err, "nothing is lost");
    assertEquals(Deno.readFileSync(`${folder}/new/in/b`), Deno.readFileSync(`${folder}/in/b`));
    assert(exists(`${folder}/new/in/c`) && !exists(`${folder}/old/in/c`));
  });
});
