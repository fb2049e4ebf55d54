/** What survives the way into an archive and out again. */
import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { inFolder, installed, LINUX, POSIX, ROOT, testWith } from "./conditions.ts";
import { create, expectExit, jsonLines, QUICK, together } from "./program.ts";
import { describeTree, randomBytes, writeTree } from "./trees.ts";

/** Archives `in`, restores it from a file and from a pipe, and returns the two places. */
async function roundTrip(folder: string, ...extractOptions: string[]): Promise<string[]> {
  const [, piped] = await together([
    create("x.coffer", ["in"], { cwd: folder }),
    create("-", ["in"], { cwd: folder }),
  ]);
  await together([
    expectExit(0, ["extract", "x.coffer", "-C", "file", ...extractOptions], { cwd: folder }),
    expectExit(0, ["extract", "-", "-C", "pipe", ...extractOptions], { cwd: folder, stdin: piped.bytes }),
  ]);
  return [`${folder}/file/in`, `${folder}/pipe/in`];
}

async function runs(program: string, args: readonly string[], cwd: string): Promise<{ code: number; out: string }> {
  const { code, stdout } = await new Deno.Command(program, { args: [...args], cwd, stdin: "null" }).output();
  return { code, out: new TextDecoder().decode(stdout) };
}

/** A tree with every kind of entry, odd names and odd times. */
function writeEveryKind(folder: string): void {
  writeTree(`${folder}/in`, {
    "empty": "",
    "text": "text\n",
    "large": randomBytes(5_000_000),
    "bare folder": null,
    "sub/one": "first name",
    "link/absolute": { link: "/no/such/place" },
    "link/relative": { link: "../sub/one" },
    "link/loop": { link: "loop" },
    "link/folder": { link: "../sub" },
    "odd/two\nlines": "a",
    "odd/\u202eright to left": "b",
    "odd/ blanks ": "c",
    "odd/\"quotes\" and 'more'": "d",
    "odd/back\\slash": "e",
    "odd/-rf": "f",
    "odd/*": "g",
    "odd/\u{1f600}\u0301": "h",
    "odd/...": "i",
    "odd/caf\u00e9": "composed",
    "odd/cafe\u0301": "decomposed",
    [`odd/${"n".repeat(255)}`]: "j",
    [`odd/${"\u00e9".repeat(127)}x`]: "k",
  });
  Deno.linkSync(`${folder}/in/sub/one`, `${folder}/in/sub/two`);
  Deno.linkSync(`${folder}/in/sub/one`, `${folder}/in/a name before it`);
  const modes = { empty: 0o000, text: 0o640, large: 0o755, "sub/one": 0o4711, "bare folder": 0o1777, sub: 0o2750 };
  for (const [path, mode] of Object.entries(modes)) Deno.chmodSync(`${folder}/in/${path}`, mode);
  const times = { "text": 1, "large": -86_400.5, "odd/-rf": 4_102_444_800.123, "odd/*": 981_173_106.789 };
  for (const [path, time] of Object.entries(times)) {
    Deno.utimeSync(`${folder}/in/${path}`, new Date(0), new Date(time * 1000));
  }
  for (const path of ["sub", "bare folder", "odd", "link", "."]) {
    Deno.utimeSync(`${folder}/in/${path}`, new Date(0), new Date(1_000_000_000_123));
  }
}

testWith(
  LINUX,
  "every kind of entry comes back with its name, mode, time, target, links and content",
  async () => {
    await inFolder(async (folder) => {
      writeEveryKind(folder);
      await runs("mkfifo", ["-m", "620", "in/odd/fifo"], folder);
      Deno.utimeSync(`${folder}/in/odd/fifo`, new Date(0), new Date(1_000_000_000_000));
      Deno.utimeSync(`${folder}/in/odd`, new Date(0), new Date(1_000_000_000_123));
      const source = await describeTree(`${folder}/in`);
      for (const place of await roundTrip(folder, "--same-permissions")) {
        assertEquals(await describeTree(place), source);
      }
      await expectExit(0, ["verify", "x.coffer", "--against", "."], { cwd: folder });
      // Set-id and sticky bits only on request.
      await expectExit(0, ["extract", "x.coffer", "-C", "plain"], { cwd: folder });
      const modes = (path: string) => ((Deno.lstatSync(`${folder}/plain/in/${path}`).mode ?? 0) & 0o7777).toString(8);
      assertEquals(["sub/one", "sub", "bare folder", "empty"].map(modes), ["711", "750", "777", "0"]);
    });
  },
);

const RSYNC = installed("rsync", "--version");

testWith([LINUX, RSYNC], "rsync and diff find no difference either", async () => {
  await inFolder(async (folder) => {
    writeEveryKind(folder);
    await runs("mkfifo", ["in/fifo"], folder);
    Deno.chmodSync(`${folder}/in/empty`, 0o400);
    for (const place of await roundTrip(folder, "--same-permissions")) {
      const compared = await runs(
        "rsync",
        ["-naHi", "--checksum", "--delete", "--specials", "in/", `${place}/`],
        folder,
      );
      assertEquals(compared, { code: 0, out: "" });
      // diff would wait for a writer of the FIFO.
      Deno.removeSync(`${place}/fifo`);
    }
    Deno.removeSync(`${folder}/in/fifo`);
    assertEquals(await runs("diff", ["-r", "--no-dereference", "in", "file/in"], folder), { code: 0, out: "" });
  });
});

testWith(LINUX, "paths of 4,000 bytes come back; longer ones are named and left out", async () => {
  await inFolder(async (folder) => {
    // Too long for one system call: made and looked at step by step.
    const script = (last: string) =>
      `mkdir in && cd in && for i in $(seq 40); do d=$(printf 'd%03d%095d' $i 0); mkdir $d && cd $d; done; ${last}`;
    await runs("sh", ["-c", script("echo deep > file; f=$(printf 'f%0250d' 0); echo too deep > $f")], folder);
    const { err } = await expectExit(3, ["create", ...QUICK, "x.coffer", "in"], { cwd: folder });
    assertMatch(err, /Cannot store "in\/d001.*f0{250}": it is over 4096 bytes/);
    const { out } = await expectExit(0, ["list", "x.coffer"], { cwd: folder });
    const longest = out.split("\n").reduce((a, b) => a.length >= b.length ? a : b);
    assertEquals(longest.length, 2 + 40 * 100 + 5);
    await expectExit(0, ["extract", "x.coffer", "-C", "out"], { cwd: folder });
    const walk = `cd out/in && for i in $(seq 40); do cd d*; done; cat file`;
    assertEquals(await runs("sh", ["-c", walk], folder), { code: 0, out: "deep\n" });
    assertEquals((await expectExit(0, ["cat", "x.coffer", longest], { cwd: folder })).out, "deep\n");
    const wrong = await expectExit(4, ["verify", "x.coffer", "--against", "."], { cwd: folder });
    assertNotMatch(wrong.out, /d040.*\/file:/);
    // Clean up what Deno.remove could not reach.
    await runs("rm", ["-rf", "in", "out"], folder);
  });
});

testWith(LINUX, "sparse files keep holes and content, and holes do not count against --max-expansion", async () => {
  await inFolder(async (folder) => {
    const MEBIBYTE = 2 ** 20;
    const size = 64 * MEBIBYTE;
    Deno.mkdirSync(`${folder}/in`);
    const sparse = Deno.openSync(`${folder}/in/sparse`, { write: true, create: true });
    const patches = [[0, "at its start"], [40_000_001, "in the middle"], [size - 10, "at its end"]] as const;
    for (const [at, text] of patches) {
      sparse.seekSync(at, Deno.SeekMode.Start);
      sparse.writeSync(new TextEncoder().encode(text));
    }
    sparse.close();
    const hole = Deno.openSync(`${folder}/in/hole`, { write: true, create: true });
    // More than the bytes that are free.
    hole.truncateSync(1100 * MEBIBYTE);
    hole.close();
    const blocks = (path: string) => Deno.statSync(path).blocks ?? 0;
    assert(blocks(`${folder}/in/sparse`) < 1000, "This file system has no holes");
    await together([
      create("x.coffer", ["in"], { cwd: folder }),
      create("small.coffer", ["in/sparse"], { cwd: folder }),
    ]);
    assert(Deno.statSync(`${folder}/x.coffer`).size < MEBIBYTE);
    await together([
      expectExit(0, ["extract", "x.coffer", "-C", "file", "--max-expansion", "1"], { cwd: folder }),
      expectExit(0, ["extract", "-", "-C", "pipe", "--max-expansion", "1"], {
        cwd: folder,
        stdin: Deno.readFileSync(`${folder}/x.coffer`),
      }),
      expectExit(0, ["verify", "small.coffer", "--against", "."], { cwd: folder }),
    ]);
    for (const place of ["file", "pipe"]) {
      for (const name of ["sparse", "hole"]) {
        const path = `${folder}/${place}/in/${name}`;
        assertEquals(Deno.statSync(path).size, Deno.statSync(`${folder}/in/${name}`).size);
        assert(blocks(path) < 1000, `${place} ${name}: ${blocks(path)} blocks`);
      }
      assertEquals(Deno.readFileSync(`${folder}/${place}/in/sparse`), Deno.readFileSync(`${folder}/in/sparse`));
    }
  });
});

testWith(
  ROOT,
  "--same-owner gives owners back to root, also to symlinks; without it files are the user's own",
  async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { "in/file": "a", "in/link": { link: "file" }, "in/sub/b": "b", "in/setuid": "s" });
      Deno.chownSync(`${folder}/in/file`, 12_345, 54_321);
      Deno.chownSync(`${folder}/in/sub`, 12_345, 0);
      Deno.chownSync(`${folder}/in/setuid`, 12_345, 54_321);
      Deno.chmodSync(`${folder}/in/setuid`, 0o6755);
      await runs("chown", ["-h", "12345:54321", "in/link"], folder);
      const source = await describeTree(`${folder}/in`);
      for (const place of await roundTrip(folder, "--same-owner", "--same-permissions")) {
        assertEquals(await describeTree(place), source);
      }
      await expectExit(0, ["extract", "x.coffer", "-C", "plain", "--same-permissions"], { cwd: folder });
      for (const name of ["file", "link", "sub", "setuid"]) {
        const { uid, gid } = Deno.lstatSync(`${folder}/plain/in/${name}`);
        assertEquals([uid, gid], [Deno.uid(), Deno.gid()], name);
      }
      const rows = jsonLines((await expectExit(0, ["list", "--json", "x.coffer"], { cwd: folder })).out);
      const owner = rows.find(({ path }) => path === "in/file")?.owner;
      assertEquals(owner, { uid: 12_345, gid: 54_321, user: "", group: "" });
      const { out } = await expectExit(0, ["list", "-l", "x.coffer", "in/file"], { cwd: folder });
      assertMatch(out, /^-rw\S+ 12345\/54321 +1 /);
    });
  },
);

testWith(POSIX, "a hard link whose first name is not restored becomes a file of its own", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": randomBytes(3_000_000) });
    Deno.linkSync(`${folder}/in/a`, `${folder}/in/b`);
    await create("x.coffer", ["in"], { cwd: folder });
    await expectExit(0, ["extract", "x.coffer", "-C", "file", "in/b"], { cwd: folder });
    assertEquals(Deno.readFileSync(`${folder}/file/in/b`), Deno.readFileSync(`${folder}/in/a`));
    assertEquals([...Deno.readDirSync(`${folder}/file/in`)].length, 1);
    // A pipe has gone past its content by then: that is said.
    const { err } = await expectExit(3, ["extract", "-", "-C", "pipe", "in/b"], {
      cwd: folder,
      stdin: Deno.readFileSync(`${folder}/x.coffer`),
    });
    assertMatch(err, /"in\/b": .*"in\/a".* was not restored/);
  });
});

Deno.test("a new folder that has no row of its own gets the ordinary mode", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/sub/a": "a" });
    await create("x.coffer", ["in/sub/a"], { cwd: folder });
    await expectExit(0, ["extract", "x.coffer", "-C", "out"], { cwd: folder });
    Deno.mkdirSync(`${folder}/ordinary`);
    const { mode } = Deno.statSync(`${folder}/ordinary`);
    for (const path of ["out", "out/in", "out/in/sub"]) {
      assertEquals(Deno.statSync(`${folder}/${path}`).mode, mode, path);
    }
  });
});
