/** Runs that are killed or stopped after a checkpoint, and the same command again. */
import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { inFolder, MOUNT, onSmallDisk, POSIX, testWith } from "./conditions.ts";
import { create, expectExit, jsonLines, PASSPHRASE, pathsIn, QUICK, run, type RunOptions, start } from "./program.ts";
import { exists, leftovers, randomBytes, writeTree } from "./trees.ts";

const MIB = 2 ** 20;
const CHECKPOINTS = ["--checkpoint", "1MiB"];
const FILES = 48;

/** Random files of 1 MiB below `in`. */
function writeFiles(folder: string): void {
  const tree = Array.from({ length: FILES }, (_, i) => [`in/${String(i).padStart(2, "0")}`, randomBytes(MIB)] as const);
  writeTree(folder, Object.fromEntries(tree));
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Runs the program, and ends it as soon as something is the case. */
async function endWhen(
  signal: Deno.Signal,
  isSo: () => boolean,
  args: readonly string[],
  options: RunOptions,
): Promise<{ code: number; err: string }> {
  const child = start(args, options);
  const output = child.output();
  await child.stdin.close().catch(() => {});
  for (const begin = performance.now(); !isSo(); await sleep(1)) {
    assert(performance.now() - begin < 30_000, "Waited too long for a checkpoint");
  }
  try {
    child.kill(signal);
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof TypeError)) throw error;
  }
  const { code, stderr } = await output;
  return { code, err: new TextDecoder().decode(stderr) };
}

/** Begins `x.coffer` of `in`, and ends that after a checkpoint. Gives what it said. */
async function begin(folder: string, args: readonly string[] = [], signal: Deno.Signal = "SIGKILL"): Promise<string> {
  writeFiles(folder);
  const partial = `${folder}/x.coffer.partial`;
  const command = ["create", ...QUICK, ...CHECKPOINTS, ...args, "x.coffer", "in"];
  for (let tries = 0; tries < 10; tries++) {
    const isThere = () => exists(partial) || exists(`${folder}/x.coffer`);
    const { err } = await endWhen(signal, isThere, command, { cwd: folder });
    if (exists(partial)) return err;
    // It was finished before it could be ended.
    Deno.removeSync(`${folder}/x.coffer`);
  }
  throw new Error("Cannot end it after a checkpoint: it is always finished before");
}

testWith(POSIX, "create that was killed goes on where it stopped, and stores nothing twice", async () => {
  await inFolder(async (folder) => {
    const at = { cwd: folder };
    await begin(folder);
    const unfinished = jsonLines((await expectExit(0, ["snapshots", "--json", "x.coffer.partial"], at)).out);
    assert(unfinished.length > 0 && unfinished.every(({ checkpoint }) => checkpoint === true));
    for (const verb of [["extract", "-C", "out"], ["list"], ["cat"], ["verify", "--against", "."], ["diff"]]) {
      const more = verb[0] === "cat" ? ["in/00"] : verb[0] === "diff" ? ["1"] : [];
      const [name = "", ...options] = verb;
      const { err } = await expectExit(1, [name, ...options, "x.coffer.partial", ...more], at);
      assertStringIncludes(err, "unfinished");
      assertStringIncludes(err, "--snapshot N");
    }
    assertEquals(exists(`${folder}/out`), false);
    await expectExit(0, ["verify", "x.coffer.partial"], at);
    await expectExit(0, ["extract", "-C", "out", "--snapshot", "1", "x.coffer.partial"], at);
    const taken = [...Deno.readDirSync(`${folder}/out/in`)].map(({ name }) => name);
    assert(taken.length > 0 && taken.length < FILES);
    for (const name of taken) {
      assertEquals(Deno.readFileSync(`${folder}/out/in/${name}`), Deno.readFileSync(`${folder}/in/${name}`));
    }

    const { err } = await expectExit(0, ["create", ...QUICK, ...CHECKPOINTS, "--verify", "x.coffer", "in"], at);
    assertStringIncludes(err, "going on from");
    assertEquals(exists(`${folder}/x.coffer.partial`), false);
    assertEquals((Deno.statSync(`${folder}/x.coffer`).mode ?? 0) & 0o777, 0o600);
    await expectExit(0, ["verify", "--against", ".", "x.coffer"], at);
    assertEquals((await pathsIn(`${folder}/x.coffer`)).length, FILES + 1);
    const finished = jsonLines((await expectExit(0, ["snapshots", "--json", "x.coffer"], at)).out);
    assertEquals(finished.map(({ checkpoint }) => checkpoint), [false]);
    const all = jsonLines((await expectExit(0, ["snapshots", "--json", "--unfinished", "x.coffer"], at)).out);
    assert(all.length > unfinished.length);
    // A few pages for each segment, and no file twice.
    assert(Deno.statSync(`${folder}/x.coffer`).size < FILES * MIB + MIB / 2);

    await expectExit(0, ["copy", "x.coffer", "y.coffer", "--new-passphrase-file", "-"], {
      ...at,
      stdin: "another one, long enough",
    });
    const copied = await expectExit(0, ["snapshots", "--json", "--unfinished", "y.coffer", "--passphrase-file", "-"], {
      ...at,
      stdin: "another one, long enough",
    });
    assertEquals(jsonLines(copied.out).map(({ checkpoint }) => checkpoint), [false]);
  });
});

testWith(POSIX, "create that is interrupted says how to go on, and keeps what it says", async () => {
  await inFolder(async (folder) => {
    const err = await begin(folder, [], "SIGINT");
    assertStringIncludes(err, 'is kept in "x.coffer.partial": the same command goes on from there');
    assertEquals(leftovers(folder), []);
    await expectExit(0, ["verify", "x.coffer.partial"], { cwd: folder });
  });
});

testWith(POSIX, "create refuses to go on from what is not its own, and --restart begins anew", async () => {
  await inFolder(async (folder) => {
    const at = { cwd: folder };
    await begin(folder);
    const before = Deno.readFileSync(`${folder}/x.coffer.partial`);
    const again = ["create", ...QUICK, "x.coffer", "in"];
    await expectExit(0, ["keygen", "-o", "k.key"], at);
    writeTree(folder, { "p": PASSPHRASE });
    const refusals: readonly (readonly [number, RegExp, readonly string[], RunOptions])[] = [
      [11, /Cannot go on from "x\.coffer\.partial": .*--restart/s, again, {
        ...at,
        env: { COFFER_PASSPHRASE: "some other words for it" },
      }],
      [11, /Cannot go on from/, [...again, "-k", "k.key"], at],
      [1, /other keys/, [...again, "-k", "k.key", "--passphrase-file", "p"], at],
      [1, /cipher suite/, [...again, "--suite", "aes-256-gcm"], at],
      [1, /another cost/, ["create", "x.coffer", "in"], at],
      [1, /without --dedup/, [...again, "--dedup"], at],
      [1, /recovery record/, [...again, "--recovery", "5"], at],
      [1, /new passphrase/, [...again, "--generate-passphrase"], at],
      [1, /standard input/, [...again, "--stdin-name", "s"], at],
    ];
    for (const [code, message, args, options] of refusals) {
      const { err } = await run(args, options).then((outcome) => {
        assertEquals(outcome.code, code, `${args}: ${outcome.err}`);
        return outcome;
      });
      assertMatch(err, message);
      assertNotMatch(err, /is kept in/);
      assertEquals(Deno.readFileSync(`${folder}/x.coffer.partial`), before, String(message));
      assertEquals(exists(`${folder}/x.coffer`), false);
    }
    const { err } = await expectExit(0, [...again, "--restart"], at);
    assertNotMatch(err, /going on/);
    assertEquals(exists(`${folder}/x.coffer.partial`), false);
    await expectExit(0, ["verify", "--against", ".", "x.coffer"], at);
    const all = jsonLines((await expectExit(0, ["snapshots", "--json", "--unfinished", "x.coffer"], at)).out);
    assertEquals(all.length, 1);
  });
});

Deno.test("create does not take a finished archive, another file or a folder for what it left", async () => {
  await inFolder(async (folder) => {
    const at = { cwd: folder };
    writeTree(folder, { "in/a": "a", "y.coffer.partial": "no archive", "z.coffer.partial/x": "x" });
    await create("x.coffer.partial", ["in"], at);
    const finished = Deno.readFileSync(`${folder}/x.coffer.partial`);
    const [x, y, z] = [
      await run(["create", ...QUICK, "x.coffer", "in"], at),
      await run(["create", ...QUICK, "y.coffer", "in"], at),
      await run(["create", ...QUICK, "z.coffer", "in"], at),
    ];
    assertEquals([x.code, y.code, z.code], [1, 10, 1]);
    assertStringIncludes(x.err, "finished");
    assertStringIncludes(y.err, "not a Coffer archive");
    assertStringIncludes(z.err, "no regular file");
    assertEquals(Deno.readFileSync(`${folder}/x.coffer.partial`), finished);
    assertEquals(Deno.readTextFileSync(`${folder}/y.coffer.partial`), "no archive");
    assertEquals(leftovers(folder), []);
  });
});

testWith(POSIX, "create removes the second name of an archive that was finished as the power went", async () => {
  await inFolder(async (folder) => {
    const at = { cwd: folder };
    writeTree(folder, { "in/a": "a" });
    await create("x.coffer", ["in"], at);
    Deno.linkSync(`${folder}/x.coffer`, `${folder}/x.coffer.partial`);
    const before = Deno.readFileSync(`${folder}/x.coffer`);
    await expectExit(1, ["create", ...QUICK, "x.coffer", "in"], at);
    assertEquals(Deno.readFileSync(`${folder}/x.coffer`), before);
    await expectExit(0, ["create", ...QUICK, "--force", "x.coffer", "in"], at);
    assertEquals(exists(`${folder}/x.coffer.partial`), false);
    await expectExit(0, ["verify", "x.coffer"], at);
  });
});

testWith(
  POSIX,
  "create that is at work is not gone on with, and one that is forced replaces only at its end",
  async () => {
    await inFolder(async (folder) => {
      const at = { cwd: folder };
      writeTree(folder, { "old/a": "old" });
      await create("x.coffer", ["old"], at);
      const old = Deno.readFileSync(`${folder}/x.coffer`);
      writeFiles(folder);
      const partial = `${folder}/x.coffer.partial`;
      const command = ["create", ...QUICK, ...CHECKPOINTS, "--force", "x.coffer", "in"];
      for (let tries = 0; tries < 10 && !exists(partial); tries++) {
        Deno.writeFileSync(`${folder}/x.coffer`, old);
        const isThere = () => exists(partial) || Deno.statSync(`${folder}/x.coffer`).size > MIB;
        await endWhen("SIGKILL", isThere, command, at);
      }
      assertEquals(Deno.readFileSync(`${folder}/x.coffer`), old);
      {
        using locked = Deno.openSync(partial, { read: true, write: true });
        locked.lockSync(true);
        for (const more of [[], ["--restart"]]) {
          const { err } = await expectExit(1, [...command, ...more], at);
          assertStringIncludes(err, "another program");
        }
      }
      await expectExit(0, command, at);
      await expectExit(0, ["verify", "--against", ".", "x.coffer"], at);
      assertEquals(exists(partial), false);
    });
  },
);

testWith(
  POSIX,
  "update that was killed goes on from its checkpoint, and the snapshot before stays the latest",
  async () => {
    await inFolder(async (folder) => {
      const at = { cwd: folder };
      writeTree(folder, { "in/a": "first" });
      await create("x.coffer", ["in"], at);
      const id = String(jsonLines((await expectExit(0, ["snapshots", "--json", "x.coffer"], at)).out)[0]?.id);
      writeFiles(folder);
      const x = `${folder}/x.coffer`;
      const command = ["update", ...CHECKPOINTS, "x.coffer", "in"];
      const before = Deno.readFileSync(x);
      for (let tries = 0; tries < 10; tries++) {
        Deno.writeFileSync(x, before);
        await endWhen("SIGKILL", () => Deno.statSync(x).size > FILES * MIB / 2, command, at);
        if ((await pathsIn(x)).length === 2) break;
      }
      assertEquals(await pathsIn(x), ["in", "in/a"]);
      assertEquals(await pathsIn(x, "--expect", id), ["in", "in/a"]);
      const listed = jsonLines((await expectExit(0, ["snapshots", "--json", "x.coffer"], at)).out);
      assert(listed.length > 1 && listed.slice(1).every(({ checkpoint }) => checkpoint === true));
      await expectExit(0, command, at);
      await expectExit(0, ["verify", "--against", ".", "x.coffer"], at);
      assertEquals(await pathsIn(x, "--snapshot", "first"), ["in", "in/a"]);
      assert(Deno.statSync(x).size < FILES * MIB + MIB / 2);
      const now = jsonLines((await expectExit(0, ["snapshots", "--json", "x.coffer"], at)).out);
      assertEquals(now.map(({ checkpoint }) => checkpoint), [false, false]);
    });
  },
);

for (const more of [["--dedup"], ["--recovery", "5"]]) {
  testWith(POSIX, `create ${more.join(" ")} that was killed goes on too`, async () => {
    await inFolder(async (folder) => {
      const at = { cwd: folder };
      await begin(folder, more);
      await expectExit(0, ["create", ...QUICK, ...CHECKPOINTS, ...more, "--verify", "x.coffer", "in"], at);
      await expectExit(0, ["verify", "--against", ".", "x.coffer"], at);
      assert(Deno.statSync(`${folder}/x.coffer`).size < FILES * MIB * 1.15);
    });
  });
}

testWith(MOUNT, "create that fills a disk keeps its checkpoints, and goes on when there is room", async () => {
  await inFolder(async (folder) => {
    writeFiles(folder);
    await onSmallDisk(folder, "32m", async (disk) => {
      const command = ["create", ...QUICK, ...CHECKPOINTS, `${disk}/x.coffer`, "in"];
      for (let attempt = 0; attempt < 2; attempt++) {
        const { err } = await expectExit(1, command, { cwd: folder });
        assertMatch(err, /no space left|disk is full/i);
        assertStringIncludes(err, "is kept in");
        assertEquals([...Deno.readDirSync(disk)].map(({ name }) => name), ["x.coffer.partial"]);
      }
      Deno.copyFileSync(`${disk}/x.coffer.partial`, `${folder}/x.coffer.partial`);
    });
    await expectExit(0, ["create", ...QUICK, "x.coffer", "in"], { cwd: folder });
    await expectExit(0, ["verify", "--against", ".", "x.coffer"], { cwd: folder });
  });
});

Deno.test("--checkpoint is refused where nothing can be gone on with", async () => {
  await inFolder(async (folder) => {
    const at = { cwd: folder };
    writeTree(folder, { "in/a": "a" });
    const pipe = await expectExit(2, ["create", "-", "in", "--checkpoint", "1MiB"], at);
    assertStringIncludes(pipe.err, "pipe");
    const input = await expectExit(2, ["create", "x.coffer", "--stdin-name", "a", "--checkpoint", "1MiB"], at);
    assertStringIncludes(input.err, "standard input");
    await create("-", ["in", "--checkpoint", "none"], at);
    await expectExit(2, ["create", "x.coffer", "in", "--checkpoint", "much"], at);
  });
});
