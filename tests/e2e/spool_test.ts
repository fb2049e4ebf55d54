/** Archives of several snapshots from a pipe: kept as they come, read like files, and gone afterwards. */
import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { inFolder, installed, LINUX, MOUNT, POSIX, testWith } from "./conditions.ts";
import { create, environment, expectExit, jsonLines, PROGRAM, start, together } from "./program.ts";
import { onSmallDisk } from "./small_disk.ts";
import { describeTree, exists, randomBytes, writeTree } from "./trees.ts";

const KEPT = /standard input is kept, still encrypted, in a temporary file in "([^"]*)": (.*)/;

/** Makes `x.coffer` of three snapshots of `in`, whose newest is as the folder is. */
async function threeSnapshots(folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const at = { cwd: folder };
  writeTree(folder, { "in/a": "1", "in/b/c": "2", "in/noise": randomBytes(300_000), "spool/none": "" });
  Deno.removeSync(`${folder}/spool/none`);
  await create("x.coffer", ["in"], at);
  writeTree(folder, { "in/a": "one", "in/d": "4" });
  await expectExit(0, ["update", "x.coffer", "in"], at);
  Deno.removeSync(`${folder}/in/b/c`);
  await expectExit(0, ["update", "x.coffer", "in"], at);
  return Deno.readFileSync(`${folder}/x.coffer`);
}

/** What was said without the line that says what is kept, which is checked. */
function withoutKept(err: string, folder: string): string {
  const [, where, why] = KEPT.exec(err) ?? [];
  assertEquals(where, folder, err);
  assertMatch(why ?? "", /^the archive has 3 snapshots$|^it is not read from front to back$/);
  return err.split("\n").filter((line) => !KEPT.test(line)).join("\n");
}

Deno.test("every verb that reads a pipe reads several snapshots from it as from a file", async () => {
  await inFolder(async (folder) => {
    const stdin = await threeSnapshots(folder);
    const verbs: readonly (readonly [words: readonly string[], code?: number])[] = [
      [["list", "ARCHIVE"]],
      [["list", "-l", "ARCHIVE", "--snapshot", "2", "in/b"]],
      [["list", "ARCHIVE", "--all-versions", "in/a", "in/b"]],
      [["cat", "ARCHIVE", "in/a", "in/noise"]],
      [["cat", "ARCHIVE", "in/b/c", "--snapshot", "first"]],
      [["cat", "ARCHIVE", "in/none"], 1],
      [["snapshots", "ARCHIVE", "--json"]],
      [["diff", "ARCHIVE", "1", "2"], 4],
      [["diff", "ARCHIVE", "first", "--against", "."], 4],
      [["extract", "ARCHIVE", "--dry-run"]],
      [["list", "ARCHIVE", "--snapshot", "9"], 1],
    ];
    await together(verbs.map(async ([words, code = 0]) => {
      const named = await expectExit(code, words.map((word) => word === "ARCHIVE" ? "x.coffer" : word), {
        cwd: folder,
      });
      const from = [...words.map((word) => word === "ARCHIVE" ? "-" : word), "--spool", "spool"];
      const piped = await expectExit(code, from, { cwd: folder, stdin });
      assertEquals(piped.bytes, named.bytes);
      assertEquals(withoutKept(piped.err, "spool"), named.err);
    }));
    const verified = await expectExit(0, ["verify", "-", "--against", ".", "--spool", "spool"], { cwd: folder, stdin });
    assertStringIncludes(withoutKept(verified.err, "spool"), "the archive is whole");
    assertEquals([...Deno.readDirSync(`${folder}/spool`)], []);
  });
});

Deno.test("extract and copy take any snapshot of a pipe; the first one without keeping anything", async () => {
  await inFolder(async (folder) => {
    const stdin = await threeSnapshots(folder);
    const at = { cwd: folder, stdin };
    const keys = ["--new-key-file", "new.key"];
    await expectExit(0, ["keygen", "-o", "new.key"], { cwd: folder });
    const [newest, second, first, copied, shared] = await together([
      expectExit(0, ["extract", "-", "-C", "newest"], at),
      expectExit(0, ["extract", "-", "-C", "deep/second", "--snapshot", "2"], at),
      expectExit(0, ["extract", "-", "-C", "first", "--snapshot", "first", "--spool", "absent"], at),
      expectExit(0, ["copy", "-", "copy.coffer", ...keys], at),
      expectExit(0, ["list", "-", "--snapshot", "1"], at),
    ]);
    withoutKept(newest.err, ".");
    withoutKept(second.err, ".");
    for (const { err } of [first, shared]) assertNotMatch(err, KEPT);
    assertMatch(copied.err, KEPT);
    assertEquals(await describeTree(`${folder}/newest/in`), await describeTree(`${folder}/in`));
    assertEquals(Deno.readTextFileSync(`${folder}/deep/second/in/b/c`), "2");
    assertEquals(Deno.readTextFileSync(`${folder}/first/in/a`), "1");
    const opened = ["-k", "new.key"];
    const listed = jsonLines(
      (await expectExit(0, ["snapshots", "--json", "copy.coffer", ...opened], { cwd: folder })).out,
    );
    assertEquals(listed.map(({ files }) => files), [3, 4, 3]);
  });
});

Deno.test("what is wrong with a pipe of several snapshots is told by the same exit codes as with a file", async () => {
  await inFolder(async (folder) => {
    const bytes = await threeSnapshots(folder);
    const flipped = bytes.slice();
    flipped[20_000]! ^= 1;
    const longer = new Uint8Array([...bytes, ...randomBytes(9000)]);
    const ends: readonly (readonly [code: number, verb: string, stdin: Uint8Array<ArrayBuffer>])[] = [
      [13, "list", bytes.slice(0, bytes.length - 4096)],
      [12, "verify", flipped],
      [12, "list", longer],
    ];
    const [, damaged] = await together(
      ends.map(([code, verb, stdin]) => expectExit(code, [verb, "-", "--spool", "spool"], { cwd: folder, stdin })) as [
        ReturnType<typeof expectExit>,
        ReturnType<typeof expectExit>,
      ],
    );
    // It is all there, so that the damage can be shown.
    assertStringIncludes(damaged.out, "in/noise: ");
    assertEquals([...Deno.readDirSync(`${folder}/spool`)], []);
    const missing = await expectExit(1, ["list", "-", "--spool", "absent"], { cwd: folder, stdin: bytes });
    assertStringIncludes(missing.err, 'Cannot keep standard input in "absent": it does not exist');
    const unused = await expectExit(2, ["list", "x.coffer", "--spool", "spool"], { cwd: folder });
    assertStringIncludes(unused.err, "ARCHIVE is a file");
  });
});

Deno.test("with recovery words, what reads at random reads a pipe without its header too", async () => {
  await inFolder(async (folder) => {
    const stdin = await threeSnapshots(folder);
    const { out } = await expectExit(0, ["keys", "backup", "x.coffer", "--words"], { cwd: folder });
    Deno.writeTextFileSync(`${folder}/words`, out.replaceAll(/[0-9]+/g, ""));
    stdin.fill(0, 0, 8192);
    const words = ["--recovery-words", "words", "--spool", "spool"];
    const { out: content, err } = await expectExit(0, ["cat", "-", "in/a", ...words], { cwd: folder, stdin });
    assertEquals(content, "one");
    assertMatch(err, KEPT);
    assertStringIncludes(err, "header is lost");
    await expectExit(10, ["verify", "-", ...words], { cwd: folder, stdin });
    assertEquals([...Deno.readDirSync(`${folder}/spool`)], []);
  });
});

Deno.test("a wrong key is told before anything is kept", async () => {
  await inFolder(async (folder) => {
    const bytes = await threeSnapshots(folder);
    const child = start(["list", "-", "--spool", "spool"], { cwd: folder, env: { COFFER_PASSPHRASE: "another" } });
    const writer = child.stdin.getWriter();
    // The pipe stays open: more would come.
    await writer.write(bytes.slice(0, 10_000));
    const { code, stderr } = await child.output();
    await writer.close().catch(() => {});
    assertEquals(code, 11);
    assertNotMatch(new TextDecoder().decode(stderr), KEPT);
  });
});

testWith(LINUX, "a pipe is kept for its owner alone, under no name, and a signal leaves nothing", async () => {
  await inFolder(async (folder) => {
    const bytes = await threeSnapshots(folder);
    const child = start(["extract", "-", "-C", "out", "--spool", "spool"], { cwd: folder });
    const err = new Response(child.stderr).text();
    const out = new Response(child.stdout).arrayBuffer();
    const writer = child.stdin.getWriter();
    await writer.write(bytes.slice(0, 200_000));
    const spool = Deno.realPathSync(`${folder}/spool`);
    let kept: string | undefined;
    for (let i = 0; i < 2000 && kept === undefined; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const folderOf = `/proc/${child.pid}/fd`;
      kept = [...Deno.readDirSync(folderOf)].map(({ name }) => `${folderOf}/${name}`).find((descriptor) => {
        try {
          const target = Deno.readLinkSync(descriptor);
          return target.startsWith(`${spool}/`) && target.endsWith(" (deleted)") && Deno.statSync(descriptor).size > 0;
        } catch {
          return false;
        }
      });
    }
    assert(kept !== undefined);
    assertEquals((Deno.statSync(kept).mode ?? 0) & 0o777, 0o600);
    child.kill("SIGINT");
    assertEquals((await child.status).code, 130);
    await together([out, writer.close().catch(() => {})]);
    assertMatch(await err, KEPT);
    assertEquals([...Deno.readDirSync(spool)], []);
    assert(!exists(`${folder}/out`));
  });
});

const BASH = installed("bash", "-c", "exit 0");

testWith([POSIX, BASH], "a closed pipe behind a kept one ends the program quietly, and nothing is left", async () => {
  await inFolder(async (folder) => {
    await threeSnapshots(folder);
    const { stdout, stderr } = await new Deno.Command("bash", {
      args: [
        "-c",
        'cat x.coffer | "$@" cat - in/noise in/noise in/noise --spool spool -q | head -c 1 >/dev/null; echo ${PIPESTATUS[1]}',
        "bash",
        ...PROGRAM,
      ],
      cwd: folder,
      clearEnv: true,
      env: environment(),
      stdin: "null",
    }).output();
    assertEquals([new TextDecoder().decode(stdout), new TextDecoder().decode(stderr)], ["0\n", ""]);
    assertEquals([...Deno.readDirSync(`${folder}/spool`)], []);
  });
});

testWith(MOUNT, "a pipe that does not fit on the disk says so, and where else it may be kept", async () => {
  await onSmallDisk(1, async (disk, folder) => {
    writeTree(folder, { "in/noise": randomBytes(2_000_000) });
    await create("x.coffer", ["in"], { cwd: folder });
    writeTree(folder, { "in/a": "a" });
    await expectExit(0, ["update", "x.coffer", "in"], { cwd: folder });
    const stdin = Deno.readFileSync(`${folder}/x.coffer`);
    const { err } = await expectExit(1, ["extract", "-", "-C", disk], { cwd: folder, stdin });
    assertStringIncludes(err, `Cannot keep standard input in "${disk}": the disk is full`);
    assertStringIncludes(err, "--spool DIR names a folder with more room");
    assertEquals([...Deno.readDirSync(disk)], []);
    await expectExit(0, ["list", "-", "--spool", folder], { cwd: folder, stdin });
  });
});
