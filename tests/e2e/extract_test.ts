/** What `extract` restores, where, and what it leaves alone. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { inFolder, POSIX, testWith } from "./conditions.ts";
import { create, environment, expectExit, jsonLines, PROGRAM, QUICK, start, together } from "./program.ts";
import { describeTree, exists, leftovers, writeTree } from "./trees.ts";

const TREE = {
  "in/a.txt": "a",
  "in/b.log": "bb",
  "in/sub/a.txt": "sub a",
  "in/sub/deep/c.log": "c",
  "in/sub/[x]": "brackets",
  "in/empty": null,
  "in/twin/a.txt": "twin",
};

/** A folder with the archive `x.coffer` of {@linkcode TREE}; the tree itself is gone. */
async function withArchive(use: (folder: string, archive: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    writeTree(folder, TREE);
    await create(`${folder}/x.coffer`, ["in"], { cwd: folder });
    Deno.removeSync(`${folder}/in`, { recursive: true });
    await use(folder, `${folder}/x.coffer`);
  });
}

/** Paths of all files below a folder, sorted. */
function filesIn(folder: string, prefix = ""): string[] {
  return [...Deno.readDirSync(`${folder}/${prefix}`)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(folder, `${prefix}${name}/`) : [prefix + name]
  ).sort();
}

const FILES = ["in/a.txt", "in/b.log", "in/sub/[x]", "in/sub/a.txt", "in/sub/deep/c.log", "in/twin/a.txt"];

Deno.test("extract restores into the current folder, into -C DIR and into folders it makes", async () => {
  await withArchive(async (folder, archive) => {
    Deno.mkdirSync(`${folder}/here`);
    const [plain, json] = await together([
      expectExit(0, ["extract", archive], { cwd: `${folder}/here` }),
      expectExit(0, ["extract", archive, "-C", "some/new/place", "--json"], { cwd: folder }),
      expectExit(0, ["extract", archive, "-Cslash/"], { cwd: folder }),
    ]);
    for (const place of ["here", "some/new/place", "slash"]) {
      assertEquals(filesIn(`${folder}/${place}`), FILES);
      assert(exists(`${folder}/${place}/in/empty`));
      assertEquals(Deno.readTextFileSync(`${folder}/${place}/in/sub/a.txt`), "sub a");
    }
    assertEquals([plain.out, plain.err], ["", "coffer: restored 11 entries (21 B)\n"]);
    assertEquals(jsonLines(json.out), [{
      schema: "coffer/extract/1",
      archive,
      directory: "some/new/place",
      entries: 11,
      bytes: 21,
      problems: [],
    }]);
    assertEquals(leftovers(folder), []);
  });
});

Deno.test("extract takes paths with all below them, globs, and both together", async () => {
  await withArchive(async (folder, archive) => {
    const cases: readonly (readonly [args: string[], files: string[]])[] = [
      [["in/sub"], ["in/sub/[x]", "in/sub/a.txt", "in/sub/deep/c.log"]],
      [["./in/sub/deep/"], ["in/sub/deep/c.log"]],
      [["in/*.txt"], ["in/a.txt"]],
      [["**.txt"], ["in/a.txt", "in/sub/a.txt", "in/twin/a.txt"]],
      [["in/*/*/c.log", "in/b.log"], ["in/b.log", "in/sub/deep/c.log"]],
      [["in/{a,b}.*"], ["in/a.txt", "in/b.log"]],
      [["in/sub/[x]"], ["in/sub/[x]"]],
      [["in/sub/[x]", "--literal"], ["in/sub/[x]"]],
      [["in/sub/\\[x\\]"], ["in/sub/[x]"]],
      [["in/sub", "--exclude", "*.log"], ["in/sub/[x]", "in/sub/a.txt"]],
      [["--exclude=in/sub"], ["in/a.txt", "in/b.log", "in/twin/a.txt"]],
      [["in", "--exclude", "**/a.txt", "--exclude", "b.log"], ["in/sub/[x]", "in/sub/deep/c.log"]],
    ];
    await together(cases.map(async ([args, files], i) => {
      await expectExit(0, ["extract", archive, "-C", `${i}`, ...args], { cwd: folder });
      assertEquals(filesIn(`${folder}/${i}`), files, args.join(" "));
    }));
  });
});

Deno.test("extract names patterns that matched nothing and exits 1, with the rest restored", async () => {
  await withArchive(async (folder, archive) => {
    const args = ["extract", archive, "-C", "out", "in/a.txt", "in/*.TXT", "gone"];
    const { err } = await expectExit(1, args, { cwd: folder });
    assertStringIncludes(err, '"in/*.TXT" matches nothing');
    assertStringIncludes(err, '"gone" matches nothing');
    assertEquals(err.match(/matches nothing/g)?.length, 2);
    assertEquals(filesIn(`${folder}/out`), ["in/a.txt"]);
    const literal = await expectExit(1, ["extract", archive, "-C", "none", "in/*.txt", "--literal"], { cwd: folder });
    assertStringIncludes(literal.err, '"in/*.txt" matches nothing');
  });
});

Deno.test("extract --strip-components drops the first parts of every path", async () => {
  await withArchive(async (folder, archive) => {
    const strip = (count: string, place: string, ...more: string[]) =>
      expectExit(0, ["extract", archive, "-C", place, "--strip-components", count, ...more], { cwd: folder });
    await together([strip("1", "one"), strip("2", "two", "in/sub"), strip("99", "all")]);
    assertEquals(filesIn(`${folder}/one`), FILES.map((path) => path.slice(3)));
    assertEquals(filesIn(`${folder}/two`), ["[x]", "a.txt", "deep/c.log"]);
    assertEquals(filesIn(`${folder}/all`), []);
    // Two paths become one: the second is refused, and said.
    const args = ["extract", archive, "-C", "mix", "--strip-components=2", "in/*/a.txt"];
    const { err } = await expectExit(3, args, { cwd: folder });
    assertStringIncludes(err, 'Cannot restore "a.txt": another entry has the same name');
    assertEquals(filesIn(`${folder}/mix`), ["a.txt"]);
    assertEquals(Deno.readTextFileSync(`${folder}/mix/a.txt`), "sub a");
  });
});

Deno.test("extract never replaces what exists unless --overwrite is given; --skip-existing goes on", async () => {
  await withArchive(async (folder, archive) => {
    const fill = (place: string) => writeTree(`${folder}/${place}`, { "in/a.txt": "mine", "in/mine": "too" });
    for (const place of ["refuse", "skip", "overwrite"]) fill(place);
    const [refused, skipped, overwritten] = await together([
      expectExit(3, ["extract", archive, "-C", "refuse"], { cwd: folder }),
      expectExit(0, ["extract", archive, "-C", "skip", "--skip-existing"], { cwd: folder }),
      expectExit(0, ["extract", archive, "-C", "overwrite", "--overwrite"], { cwd: folder }),
    ]);
    assertStringIncludes(refused.err, 'Cannot restore "in/a.txt": it exists already');
    assertMatch(refused.err, /1 entry was not restored/);
    assertEquals(skipped.err.includes("warning"), false);
    assertEquals(overwritten.err.includes("warning"), false);
    for (const [place, text] of [["refuse", "mine"], ["skip", "mine"], ["overwrite", "a"]]) {
      assertEquals(filesIn(`${folder}/${place}`), [...FILES, "in/mine"].sort());
      assertEquals(Deno.readTextFileSync(`${folder}/${place}/in/a.txt`), text);
      assertEquals(Deno.readTextFileSync(`${folder}/${place}/in/b.log`), "bb");
    }
    const again = await expectExit(3, ["extract", archive, "-C", "overwrite", "--json"], { cwd: folder });
    const [report] = jsonLines(again.out);
    assertEquals((report?.problems as { path: string; kind: string }[]).map(({ path, kind }) => [path, kind]), [
      ["in/a.txt", "exists"],
      ["in/b.log", "exists"],
      ["in/sub/[x]", "exists"],
      ["in/sub/a.txt", "exists"],
      ["in/sub/deep/c.log", "exists"],
      ["in/twin/a.txt", "exists"],
    ]);
  });
});

Deno.test("extract --overwrite replaces a file by a file, never a folder by a file or a file by a folder", async () => {
  await withArchive(async (folder, archive) => {
    writeTree(folder, { "out/in/a.txt/inside": "mine", "out/in/sub": "a file" });
    const { err } = await expectExit(3, ["extract", archive, "-C", "out", "--overwrite"], { cwd: folder });
    assertStringIncludes(err, '"in/a.txt": a folder has its name already');
    assertStringIncludes(err, '"in/sub"');
    assertEquals(Deno.readTextFileSync(`${folder}/out/in/a.txt/inside`), "mine");
    assertEquals(Deno.readTextFileSync(`${folder}/out/in/sub`), "a file");
    assertEquals(filesIn(`${folder}/out`), ["in/a.txt/inside", "in/b.log", "in/sub", "in/twin/a.txt"]);
  });
});

testWith(POSIX, "extract replaces a symlink and never writes through one", async () => {
  await withArchive(async (folder, archive) => {
    writeTree(folder, {
      "outside/precious": "precious",
      "outside/sub/precious": "precious",
      "out/in/a.txt": { link: "../../outside/precious" },
      "out/in/sub": { link: "../../outside/sub" },
    });
    const before = await describeTree(`${folder}/outside`);
    const { err } = await expectExit(14, ["extract", archive, "-C", "out", "--overwrite"], { cwd: folder });
    assertStringIncludes(err, "symlink");
    assertEquals(await describeTree(`${folder}/outside`), before);
    assertEquals(Deno.lstatSync(`${folder}/out/in/a.txt`).isFile, true);
    assertEquals(Deno.lstatSync(`${folder}/out/in/sub`).isSymlink, true);
    // A symlink that is given as the target itself is followed: the user named it.
    writeTree(folder, { "real/": null, alias: { link: "real" }, nowhere: { link: "gone" } });
    await expectExit(0, ["extract", archive, "-C", "alias"], { cwd: folder });
    assertEquals(filesIn(`${folder}/real`), FILES);
    await expectExit(1, ["extract", archive, "-C", "nowhere"], { cwd: folder });
    await expectExit(1, ["extract", archive, "-C", "alias/in/a.txt"], { cwd: folder });
  });
});

Deno.test("extract --dry-run writes nothing and says what would be restored, and where", async () => {
  await withArchive(async (folder, archive) => {
    const args = ["extract", archive, "-C", "out", "in/sub", "--strip-components", "1", "--dry-run"];
    const [text, json, piped] = await together([
      expectExit(0, args, { cwd: folder }),
      expectExit(0, [...args, "--json"], { cwd: folder }),
      expectExit(0, args.with(1, "-"), { cwd: folder, stdin: Deno.readFileSync(archive) }),
    ]);
    assertEquals(text.out, "sub\nsub/[x]\nsub/a.txt\nsub/deep\nsub/deep/c.log\n");
    assertEquals(piped.out, text.out);
    assertEquals(jsonLines(json.out).at(-1), {
      schema: "coffer/extract-entry/1",
      path: "in/sub/deep/c.log",
      to: "sub/deep/c.log",
      kind: "file",
      size: 1,
    });
    assert(!exists(`${folder}/out`));
  });
});

testWith(POSIX, "extract gives a fresh target its name only when all of it is there", async () => {
  await withArchive(async (folder, archive) => {
    // Cut in the middle of its content: a pipe has restored some of it by then.
    const bytes = Deno.readFileSync(archive);
    const cut = bytes.subarray(0, bytes.length - 300);
    await expectExit(13, ["extract", "-", "-C", "some/out"], { cwd: folder, stdin: cut });
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["x.coffer"]);
    // The name exists at no moment but the last: whoever polls sees nothing, or everything.
    const script = `"$@" & while kill -0 $! 2>/dev/null; do if [ -d out ]; then ls out/in | wc -l; fi; done; wait $!`;
    const { code, stdout } = await new Deno.Command("sh", {
      args: ["-c", script, "sh", ...PROGRAM, "extract", archive, "-C", "out", "-q"],
      cwd: folder,
      clearEnv: true,
      env: environment(),
    }).output();
    assertEquals(code, 0);
    const counts = new TextDecoder().decode(stdout).trim().split("\n").filter((line) => line !== "").map(Number);
    for (const count of counts) assertEquals(count, 5);
    assertEquals(filesIn(`${folder}/out`), FILES);
  });
});

Deno.test("extract -v names each entry, -q says nothing", async () => {
  await withArchive(async (folder, archive) => {
    const [verbose, quiet] = await together([
      expectExit(0, ["extract", archive, "-C", "v", "-v", "in/sub"], { cwd: folder }),
      expectExit(0, ["extract", archive, "-C", "q", "-q"], { cwd: folder }),
    ]);
    const names = verbose.err.split("\n").filter((line) => !line.startsWith("coffer: ") && line !== "");
    assertEquals(names.sort(), ["in/sub", "in/sub/[x]", "in/sub/a.txt", "in/sub/deep", "in/sub/deep/c.log"]);
    assertEquals([quiet.out, quiet.err], ["", ""]);
  });
});

Deno.test("extract --max-expansion bounds what an archive may grow to, and leaves nothing of it", async () => {
  await inFolder(async (folder) => {
    // The first GiB is free.
    const piece = new Uint8Array(2 ** 20).fill(120);
    const child = start(["create", ...QUICK, "x.coffer", "--level", "1", "--stdin-name", "bomb"], { cwd: folder });
    const output = child.output();
    const writer = child.stdin.getWriter();
    for (let i = 0; i < 1040; i++) await writer.write(piece);
    await writer.close();
    assertEquals((await output).code, 0);
    const { err } = await expectExit(14, ["extract", "-", "-C", "out", "--max-expansion", "10"], {
      cwd: folder,
      stdin: Deno.readFileSync(`${folder}/x.coffer`),
    });
    assertStringIncludes(err, "--max-expansion");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["x.coffer"]);
  });
});
