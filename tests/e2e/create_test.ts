/** What `create` stores, under which names, and where it puts the archive. */
import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { inFolder, MOUNT, onSmallDisk, POSIX, testWith } from "./conditions.ts";
import { create, expectExit, jsonLines, pathsIn, QUICK, run, together } from "./program.ts";
import { exists, leftovers, randomBytes, writeTree } from "./trees.ts";

/** What `create` would store: no key is derived, so many selections can be tried. */
async function planned(folder: string, args: readonly string[], stdin = ""): Promise<string[]> {
  const { out } = await expectExit(0, ["create", "--dry-run", "--json", "-q", "x.coffer", ...args], {
    cwd: folder,
    stdin,
  });
  return jsonLines(out).map(({ path }) => String(path));
}

testWith(POSIX, "create stores names as GNU tar does and notes what it drops at their front", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": "a", "in/sub/b": "b", link: { link: "in/sub" } });
    const cases: readonly (readonly [args: string[], paths: string[], dropped?: string])[] = [
      [["in"], ["in", "in/a", "in/sub", "in/sub/b"]],
      [["./in//sub/./"], ["in/sub", "in/sub/b"]],
      [["in/a", "in/sub"], ["in/a", "in/sub", "in/sub/b"]],
      [["link"], ["link"]],
      [["link/"], ["link", "link/b"]],
      [["-C", "in", "."], [".", "a", "sub", "sub/b"]],
      [["-C", "in/sub", "../a"], ["a"], "../"],
      [["-C", "in", "sub/../../in/a"], ["in/a"], "sub/../../"],
      [["-C", "in/sub", ".."], [".", "a", "sub", "sub/b"], ".."],
      [[`${folder}/in/a`], [`${folder}/in/a`.slice(1)], "/"],
    ];
    await together(cases.map(async ([args, paths, dropped]) => {
      const { out, err } = await expectExit(0, ["create", "--dry-run", "x.coffer", ...args], { cwd: folder });
      assertEquals(out, paths.map((path) => `${path}\n`).join(""), args.join(" "));
      if (dropped === undefined) assertNotMatch(err, /at the front/, args.join(" "));
      else assertStringIncludes(err, `leaving "${dropped}" out at the front of stored names`);
    }));
    const { err } = await create(`${folder}/x.coffer`, ["-C", "in/sub", "../a", "b"], { cwd: folder });
    assertStringIncludes(err, 'leaving "../" out');
    assertEquals(await pathsIn(`${folder}/x.coffer`), ["a", "b"]);
  });
});

Deno.test("create exits 2 when two roots would have one path, or one lies in the other", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": "a", "other/in/a": "another", a: "a third" });
    const conflicts = [["in", "in/a"], ["in", "./in"], ["a", "other/in/../../a"], ["in", "other/../in"], [".", "a"]];
    await together(conflicts.map(async (roots) => {
      const { err } = await expectExit(2, ["create", "x.coffer", ...roots], { cwd: folder });
      assertStringIncludes(err, "together: ", roots.join(" "));
    }));
    assert(!exists(`${folder}/x.coffer`));
  });
});

Deno.test("create keeps an existing ARCHIVE unless --force is given, and replaces regular files only", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content", "x.coffer": "precious", "folder/": null });
    const args = ["create", ...QUICK];
    const refused = await expectExit(1, [...args, "x.coffer", "in"], { cwd: folder });
    assertStringIncludes(refused.err, '"x.coffer": it exists already');
    assertStringIncludes(refused.err, "ARCHIVE comes first");
    assertEquals(Deno.readTextFileSync(`${folder}/x.coffer`), "precious");
    await expectExit(1, [...args, "--force", "folder", "in"], { cwd: folder });
    await expectExit(1, [...args, "--force", "folder/", "in"], { cwd: folder });
    const nowhere = await expectExit(1, [...args, "no/such/x.coffer", "in"], { cwd: folder });
    assertStringIncludes(nowhere.err, '"no/such/x.coffer"');
    await expectExit(0, [...args, "--force", "x.coffer", "in"], { cwd: folder });
    assertEquals(await pathsIn(`${folder}/x.coffer`), ["in"]);
    assertEquals(leftovers(folder), []);
  });
});

Deno.test("of two that create one ARCHIVE at the same time, one succeeds and the other leaves it alone", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { one: "1", two: "2" });
    const paths = ["one", "two"];
    const outcomes = await together(paths.map((path) => run(["create", ...QUICK, "x.coffer", path], { cwd: folder })));
    assertEquals(outcomes.map(({ code }) => code).sort(), [0, 1], outcomes.map(({ err }) => err).join(""));
    const winner = outcomes.findIndex(({ code }) => code === 0);
    assertStringIncludes(outcomes[1 - winner]!.err, "it exists already");
    assertEquals(await pathsIn(`${folder}/x.coffer`), [paths[winner]]);
    assertEquals(leftovers(folder), []);
  });
});

testWith(
  POSIX,
  "create --force follows a symlink to a regular file, refuses devices and FIFOs, and keeps 0600",
  async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { in: "content", "real.coffer": "old", "link.coffer": { link: "real.coffer" } });
      writeTree(folder, { "dangling.coffer": { link: "nothing" } });
      await new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).output();
      Deno.chmodSync(`${folder}/real.coffer`, 0o644);
      const args = ["create", ...QUICK, "--force"];
      await expectExit(0, [...args, "link.coffer", "in"], { cwd: folder });
      assert(Deno.lstatSync(`${folder}/link.coffer`).isSymlink);
      assertEquals(await pathsIn(`${folder}/real.coffer`), ["in"]);
      assertEquals((Deno.statSync(`${folder}/real.coffer`).mode ?? 0) & 0o777, 0o600);
      for (const archive of ["dangling.coffer", "fifo", "/dev/null"]) {
        await expectExit(1, [...args, archive, "in"], { cwd: folder });
      }
      assert(Deno.lstatSync(`${folder}/fifo`).isFifo);
      assert(!exists(`${folder}/nothing`));
    });
  },
);

Deno.test("create never stores the archive itself or its temporary file", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": "a" });
    await create(`${folder}/in/x.coffer`, ["."], { cwd: `${folder}/in` });
    const again = await create(`${folder}/in/x.coffer`, [".", "--force"], { cwd: `${folder}/in` });
    assertStringIncludes(again.err, 'left out "x.coffer"');
    assertEquals(await pathsIn(`${folder}/in/x.coffer`), [".", "a"]);
  });
});

Deno.test("create leaves out what --exclude, --exclude-from and --exclude-caches say", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, {
      "in/a.log": "",
      "in/keep": "",
      "in/sub/b.log": "",
      "in/sub/tmp/c": "",
      "in/tmp/d": "",
      "in/x/tmp": "a file called tmp",
      "in/#odd": "",
      "in/cache/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55\n# A comment",
      "in/cache/data/big": "",
      "in/notcache/CACHEDIR.TAG": "something else",
      "in/notcache/data": "",
      globs: "# a comment\n\n*.log\r\ntmp/\n\\#odd\n",
    });
    const all = (await planned(folder, ["in"])).filter((path) => !path.includes("ache"));
    assertEquals(all.length, 12);
    const [names, paths, listed, folders, piped, caches] = await together([
      planned(folder, ["in", "--exclude", "*.log", "--exclude=cache", "--exclude", "notcache"]),
      planned(folder, ["in", "--exclude", "in/sub/**", "--exclude", "in/*ache", "--exclude", "in/tmp/d"]),
      planned(folder, ["in", "--exclude-from", "globs", "--exclude", "*ache"]),
      planned(folder, ["in", "--exclude", "tmp/", "--exclude", "*ache"]),
      planned(folder, ["in", "--exclude-from", "-"], "sub\nx\n*ache\n"),
      planned(folder, ["in/cache", "in/notcache", "--exclude-caches"]),
    ]);
    assertEquals(names, all.filter((path) => !path.endsWith(".log")));
    assertEquals(paths, all.filter((path) => !path.startsWith("in/sub/") && path !== "in/tmp/d"));
    const hidden = ["in/sub/tmp", "in/sub/tmp/c", "in/tmp", "in/tmp/d"];
    assertEquals(listed, all.filter((path) => !/\.log$|#odd$/.test(path) && !hidden.includes(path)));
    assertEquals(folders, all.filter((path) => !hidden.includes(path)));
    assertEquals(piped, all.filter((path) => !/^in\/(?:sub|x)/.test(path)));
    assertEquals(caches, [
      "in/cache",
      "in/cache/CACHEDIR.TAG",
      "in/notcache",
      "in/notcache/CACHEDIR.TAG",
      "in/notcache/data",
    ]);
  });
});

Deno.test("create takes the names of --files-from from a file and from standard input, by line and by NUL", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": "a", "in/b b": "b", "in/c": "c", lines: "in/a\n\nin/b b", nul: "in/a\0in/b b\0" });
    const [lines, nul, piped, found, elsewhere] = await together([
      planned(folder, ["--files-from", "lines"]),
      planned(folder, ["--files-from", "nul", "-0"]),
      planned(folder, ["--files-from", "-", "in/c"], "in/b b\n"),
      // What `find` prints: folders, and again what is in them.
      planned(folder, ["--files-from=-"], "in\nin/a\nin/b b\nin/c\n"),
      planned(folder, ["-C", "in", "--files-from", "-"], "a\n"),
    ]);
    assertEquals([lines, nul], [["in/a", "in/b b"], ["in/a", "in/b b"]]);
    assertEquals(piped, ["in/b b", "in/c"]);
    assertEquals(found, ["in", "in/a", "in/b b", "in/c"]);
    assertEquals(elsewhere, ["a"]);
    const at = { cwd: folder, stdin: "in/a\nin/gone\n" };
    const absent = await expectExit(1, ["create", "x.coffer", "--files-from", "no"], at);
    assertStringIncludes(absent.err, '"no": it does not exist');
    const partial = await expectExit(3, ["create", ...QUICK, "x.coffer", "--files-from", "-"], at);
    assertStringIncludes(partial.err, '"in/gone": it does not exist');
    assertEquals(await pathsIn(`${folder}/x.coffer`), ["in/a"]);
  });
});

testWith(POSIX, "create takes names with line feeds by NUL and refuses a list that is not UTF-8", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/two\nlines": "a" });
    assertEquals(await planned(folder, ["--files-from", "-", "--null"], "in/two\nlines\0"), ["in/two\nlines"]);
    const { err } = await expectExit(1, ["create", "--files-from", "-", "x.coffer"], {
      cwd: folder,
      stdin: Uint8Array.of(0x61, 0xff, 0x0a),
    });
    assertStringIncludes(err, "not valid UTF-8");
  });
});

Deno.test("create fails and leaves no archive when nothing that was named is there", async () => {
  await inFolder(async (folder) => {
    const { err } = await expectExit(1, ["create", ...QUICK, "x.coffer", "gone"], { cwd: folder });
    assertStringIncludes(err, '"gone": it does not exist');
    assertEquals([...Deno.readDirSync(folder)], []);
    writeTree(folder, { here: "content" });
    const partial = await expectExit(3, ["create", ...QUICK, "x.coffer", "gone", "here"], { cwd: folder });
    assertStringIncludes(partial.err, '"gone": it does not exist');
    assertEquals(await pathsIn(`${folder}/x.coffer`), ["here"]);
  });
});

Deno.test("create --stdin-name stores standard input, of any length and beside files", async () => {
  await inFolder(async (folder) => {
    const bytes = randomBytes(5_000_001);
    writeTree(folder, { "in/a": "a" });
    const at = { cwd: folder, stdin: bytes };
    await together([
      create(`${folder}/x.coffer`, ["--stdin-name", "dumps/big", "in"], at),
      create(`${folder}/empty.coffer`, ["--stdin-name", "empty"], { cwd: folder }),
      expectExit(2, ["create", ...QUICK, "y.coffer", "--stdin-name", "in/a", "in"], at),
      expectExit(2, ["create", ...QUICK, "y.coffer", "--stdin-name", "in", "in/a"], at),
      expectExit(2, ["create", ...QUICK, "y.coffer", "--stdin-name", "../x"], at),
      expectExit(2, ["create", ...QUICK, "y.coffer", "--stdin-name", "."], at),
      expectExit(2, ["create", ...QUICK, "y.coffer", "--stdin-name", "x/"], at),
    ]);
    assert(!exists(`${folder}/y.coffer`));
    assertEquals(await pathsIn(`${folder}/x.coffer`), ["dumps/big", "in", "in/a"]);
    assertEquals((await expectExit(0, ["cat", `${folder}/x.coffer`, "dumps/big"])).bytes, bytes);
    const [empty] = jsonLines((await expectExit(0, ["list", "--json", `${folder}/empty.coffer`])).out);
    assertEquals([empty?.path, empty?.size, empty?.kind], ["empty", 0, "file"]);
  });
});

Deno.test("create --dry-run writes nothing, asks for no passphrase and names what would be stored", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": "abc", "in/b.log": "" });
    const args = ["create", "x.coffer", "in", "--exclude", "*.log", "--dry-run"];
    const at = { cwd: folder, env: { COFFER_PASSPHRASE: undefined } };
    const [text, json, quiet] = await together([
      expectExit(0, args, at),
      expectExit(0, [...args, "--json"], at),
      expectExit(0, [...args, "-q"], at),
    ]);
    assertEquals(text.out, "in\nin/a\n");
    assertStringIncludes(text.err, "2 entries (3 B)");
    assertEquals([quiet.out, quiet.err], ["in\nin/a\n", ""]);
    assertEquals(jsonLines(json.out), [
      { schema: "coffer/create-entry/1", path: "in", kind: "directory", size: 0 },
      { schema: "coffer/create-entry/1", path: "in/a", kind: "file", size: 3 },
    ]);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["in"]);
  });
});

Deno.test("create --verify reads the archive back before it gets its name", async () => {
  await inFolder(async (folder) => {
    // Enough blocks for every thread to get some.
    writeTree(folder, { "in/a": randomBytes(15_000_000) });
    const { err } = await create("x.coffer", ["in", "--verify", "-v", "--jobs", "3"], { cwd: folder });
    assertMatch(err, /^verified x\.coffer$/m);
    await together([
      expectExit(0, ["verify", "x.coffer", "--against", ".", "--jobs", "1"], { cwd: folder }),
      expectExit(0, ["verify", "x.coffer", "--jobs", "3"], { cwd: folder }),
      expectExit(0, ["extract", "x.coffer", "-C", "out", "--jobs", "3"], { cwd: folder }),
    ]);
    assertEquals(Deno.readFileSync(`${folder}/out/in/a`), Deno.readFileSync(`${folder}/in/a`));
  });
});

Deno.test("create stores under either suite, at any level, padded, uncompressed, and with a label", async () => {
  await inFolder(async (folder) => {
    const text = "The quick brown fox jumps over the lazy dog.\n".repeat(40_000);
    writeTree(folder, { text, noise: randomBytes(100_000) });
    const variants: Record<string, string[]> = {
      plain: [],
      aes: ["--suite", "aes-256-gcm", "--label", "before the \u202eupgrade\n"],
      stored: ["--store"],
      best: ["--level", "19", "--pad"],
    };
    const sizes: Record<string, number> = {};
    await together(
      Object.entries(variants).map(async ([name, args]) => {
        const archive = `${folder}/${name}.coffer`;
        await create(archive, [...args, "text", "noise"], { cwd: folder });
        sizes[name] = Deno.statSync(archive).size;
        const { bytes } = await expectExit(0, ["cat", archive, "text", "noise"]);
        assertEquals(bytes.length, text.length + 100_000, name);
      }),
    );
    assert(sizes.stored! > text.length);
    assert(sizes.plain! < text.length / 10);
    // Padding adds at most 12 %, and the noise is the same in both.
    assert(sizes.best! <= sizes.plain! * 1.12);
    const info = async (name: string, ...more: string[]) =>
      await expectExit(0, ["info", `${folder}/${name}.coffer`, ...more]);
    assertStringIncludes((await info("aes")).out, "aes-256-gcm");
    assertStringIncludes((await info("aes")).out, "before the \\u{202e}upgrade\\x0a");
    const [json] = jsonLines((await info("aes", "--json")).out);
    assertEquals((json?.snapshot as { label: string }).label, "before the \u202eupgrade\n");
  });
});

testWith(MOUNT, "create --one-file-system does not enter another file system, and says so", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": "a" });
    await onSmallDisk(`${folder}/in`, "1m", async (disk) => {
      writeTree(disk, { b: "b" });
      const { err } = await create(`${folder}/one.coffer`, ["in", "--one-file-system"], { cwd: folder });
      assertStringIncludes(err, 'left out "in/disk"');
      assertEquals(await pathsIn(`${folder}/one.coffer`), ["in", "in/a", "in/disk"]);
      assertEquals(await planned(folder, ["in"]), ["in", "in/a", "in/disk", "in/disk/b"]);
    });
  });
});

Deno.test("create reports as JSON, on standard error when the archive is on standard output", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": "abc" });
    const [toFile, toPipe] = await together([
      create(`${folder}/x.coffer`, ["in", "--json"], { cwd: folder }),
      create("-", ["in", "--json"], { cwd: folder }),
    ]);
    const [report] = jsonLines(toFile.out);
    const { id, ...rest } = report as Record<string, unknown>;
    assertMatch(String(id), /^[0-9a-f]{64}$/);
    assertEquals(rest, {
      schema: "coffer/create/1",
      archive: `${folder}/x.coffer`,
      archiveBytes: Deno.statSync(`${folder}/x.coffer`).size,
      number: 1,
      entries: 2,
      files: 1,
      directories: 1,
      symlinks: 0,
      hardlinks: 0,
      fifos: 0,
      bytes: 3,
      changed: [],
      problems: [],
    });
    assertEquals(toFile.err, "");
    const [piped] = jsonLines(toPipe.err);
    assertEquals([piped?.archive, piped?.archiveBytes, piped?.bytes], ["-", toPipe.bytes.length, 3]);
  });
});

Deno.test("create -q says nothing, -v names each entry", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": "abc" });
    const [quiet, verbose, plain] = await together([
      create(`${folder}/q.coffer`, ["in", "-q"], { cwd: folder }),
      create(`${folder}/v.coffer`, ["in", "-v"], { cwd: folder }),
      create(`${folder}/p.coffer`, ["in"], { cwd: folder }),
    ]);
    assertEquals([quiet.out, quiet.err, verbose.out, plain.out], ["", "", "", ""]);
    assertMatch(verbose.err, /^in\nin\/a\n/);
    assertMatch(
      plain.err,
      /^coffer: stored 2 entries \(3 B\) in ".*p\.coffer" \(\d+ KiB\)\ncoffer: snapshot [0-9a-f]{64}\n$/,
    );
  });
});
