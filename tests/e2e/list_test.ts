/** `list`, `cat` and `info`. */
import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { inFolder, POSIX, testWith } from "./conditions.ts";
import { create, expectExit, jsonLines, PASSPHRASE, together } from "./program.ts";
import { randomBytes, writeTree } from "./trees.ts";

/** Names that forge lines, colours and directions on a terminal. */
const ODD_NAMES = ["two\nlines", "\x1b[31mred", "\u202etxt.exe", 'back\\slash "quotes"', "tab\tand space ", "😀é"];

testWith(POSIX, "list shows one escaped path a line, or exact names with -0 and --json", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, Object.fromEntries(ODD_NAMES.map((name) => [`in/${name}`, ""])));
    const archive = `${folder}/x.coffer`;
    await create(archive, ["in"], { cwd: folder });
    const [lines, nul, json, piped, long] = await together([
      expectExit(0, ["list", archive]),
      expectExit(0, ["list", "-0", archive]),
      expectExit(0, ["list", "--json", archive]),
      expectExit(0, ["list", "-"], { stdin: Deno.readFileSync(archive) }),
      expectExit(0, ["list", "-l", archive]),
    ]);
    const sorted = ["in", ...ODD_NAMES.map((name) => `in/${name}`)].sort();
    assertEquals(nul.out, sorted.map((name) => `${name}\0`).join(""));
    assertEquals(
      lines.out.split("\n").slice(0, -1).sort(),
      [
        "in",
        "in/two\\x0alines",
        "in/\\x1b[31mred",
        "in/\\u{202e}txt.exe",
        'in/back\\\\slash "quotes"',
        "in/tab\\x09and space ",
        "in/😀é",
      ].sort(),
    );
    assertEquals(piped.out, lines.out);
    assertEquals(jsonLines(json.out).map(({ path }) => path), sorted);
    // What a terminal would act on is escaped even in JSON.
    for (const { out } of [lines, json, long]) for (const raw of ["\x1b", "\u202e"]) assert(!out.includes(raw));
    assertEquals(long.out.split("\n").length, sorted.length + 1);
    for (const { err } of [lines, nul, json, piped, long]) assertEquals(err, "");
  });
});

testWith(POSIX, "list -l and --json tell kind, mode, owner, size, time and link", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/file": "12345", "in/setuid": "", "in/link": { link: "file" }, "in/dir": null });
    Deno.linkSync(`${folder}/in/file`, `${folder}/in/name2`);
    assert((await new Deno.Command("mkfifo", { args: [`${folder}/in/pipe`] }).output()).success);
    Deno.chmodSync(`${folder}/in/file`, 0o640);
    Deno.chmodSync(`${folder}/in/setuid`, 0o4711);
    const time = new Date("2001-02-03T04:05:06.789Z");
    Deno.utimeSync(`${folder}/in/file`, time, time);
    const archive = `${folder}/x.coffer`;
    await create(archive, ["in"], { cwd: folder });
    const [long, json] = await together([
      expectExit(0, ["list", "-l", archive], { env: { TZ: "UTC" } }),
      expectExit(0, ["list", "--json", archive]),
    ]);
    const line = (name: string) => long.out.split("\n").find((line) => line.includes(name)) ?? "";
    assertMatch(line("in/file"), /^-rw-r----- \S+\/\S+ +5 2001-02-03 04:05 in\/file$/);
    assertMatch(line("in/name2"), /^h.* in\/name2 link to in\/file$/);
    assertMatch(line("in/setuid"), /^-rws--x--x /);
    assertMatch(line("in/link"), /^l.* in\/link -> file$/);
    assertMatch(line("in/dir"), /^d.* in\/dir\/$/);
    assertMatch(line("in/pipe"), /^p/);
    const rows = jsonLines(json.out);
    const row = (path: string) => rows.find((row) => row.path === path) as Record<string, unknown>;
    for (const row of rows) {
      assertEquals(Object.keys(row), [
        "schema",
        "path",
        "kind",
        "size",
        "mode",
        "mtime",
        "owner",
        "link",
        "changed",
      ]);
      assertEquals([row.schema, row.changed], ["coffer/list/1", false]);
      const owner = row.owner as Record<string, unknown>;
      assertEquals([owner.uid, owner.gid], [Deno.uid(), Deno.gid()]);
    }
    assertEquals(
      [row("in/file").kind, row("in/file").size, row("in/file").mode, row("in/file").mtime, row("in/file").link],
      ["file", 5, "0640", time.toISOString(), null],
    );
    assertEquals([row("in/name2").kind, row("in/name2").link], ["hardlink", "in/file"]);
    assertEquals([row("in/link").kind, row("in/link").link], ["symlink", "file"]);
    assertEquals([row("in/setuid").mode, row("in/pipe").kind, row("in/dir").kind], ["4711", "fifo", "directory"]);
  });
});

testWith(POSIX, "list takes paths, globs and excludes, and exits 1 for a pattern without a match", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a.c": "", "in/a.h": "", "in/lib/b.c": "", "in/lib/b.o": "", "*": "a star" });
    const archive = `${folder}/x.coffer`;
    await create(archive, ["in", "*"], { cwd: folder });
    const bytes = Deno.readFileSync(archive);
    const cases: readonly (readonly [args: string[], paths: string[], code?: number])[] = [
      [[], ["*", "in", "in/a.c", "in/a.h", "in/lib", "in/lib/b.c", "in/lib/b.o"]],
      [["in/lib"], ["in/lib", "in/lib/b.c", "in/lib/b.o"]],
      [["in/*.c"], ["in/a.c"]],
      [["in/**.c"], ["in/a.c", "in/lib/b.c"]],
      // Equal to a path, and a glob that matches others: both count, unless it is to be literal.
      [["*"], ["*", "in"]],
      [["*", "--literal"], ["*"]],
      [["in", "--exclude", "lib"], ["in", "in/a.c", "in/a.h"]],
      [["in/a.?", "gone"], ["in/a.c", "in/a.h"], 1],
    ];
    await together(cases.flatMap(([args, paths, code = 0]) => [
      expectExit(code, ["list", archive, ...args]).then(({ out }) =>
        assertEquals(out, paths.map((path) => `${path}\n`).join(""), args.join(" "))
      ),
      expectExit(code, ["list", "-", ...args], { stdin: bytes }).then(({ out }) =>
        assertEquals(out, paths.map((path) => `${path}\n`).join(""), `- ${args.join(" ")}`)
      ),
    ]));
    const { err } = await expectExit(1, ["list", archive, "gone", "in", "-q"]);
    assertStringIncludes(err, 'coffer: error: "gone" matches nothing in the archive');
  });
});

Deno.test("list of an empty folder's archive, and of the root's own row", async () => {
  await inFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/empty`);
    await create(`${folder}/x.coffer`, ["-C", "empty", "."], { cwd: folder });
    assertEquals((await expectExit(0, ["list", `${folder}/x.coffer`])).out, ".\n");
    await expectExit(0, ["extract", `${folder}/x.coffer`, "-C", `${folder}/out`]);
    assert(Deno.statSync(`${folder}/out`).isDirectory);
  });
});

testWith(POSIX, "cat writes files and hard links, in the order asked for, and names what it cannot show", async () => {
  await inFolder(async (folder) => {
    const big = randomBytes(5_000_000);
    writeTree(folder, { "in/a": "first\n", "in/big": big, "in/c": "last", "in/l": { link: "a" }, "in/none": "" });
    Deno.linkSync(`${folder}/in/a`, `${folder}/in/z`);
    const archive = `${folder}/x.coffer`;
    await create(archive, ["in"], { cwd: folder });
    const [two, whole, name2, nothing, folderToo, link, absent] = await together([
      expectExit(0, ["cat", archive, "in/c", "in/a"]),
      expectExit(0, ["cat", archive, "in/big"]),
      expectExit(0, ["cat", archive, "in/z"]),
      expectExit(0, ["cat", archive, "in/none"]),
      expectExit(1, ["cat", archive, "in", "in/a"]),
      expectExit(1, ["cat", archive, "in/l"]),
      expectExit(1, ["cat", archive, "in/b*", "in/c"]),
    ]);
    assertEquals(two.out, "lastfirst\n");
    assertEquals(whole.bytes, big);
    assertEquals([name2.out, nothing.out], ["first\n", ""]);
    assertEquals(folderToo.out, "first\n");
    assertMatch(folderToo.err, /"in": it is a (?:folder|directory)/);
    assertStringIncludes(link.err, '"in/l": it is a symlink');
    assertEquals(absent.out, "last");
    assertStringIncludes(absent.err, '"in/b*": it is not in the archive');
  });
});

Deno.test("info shows without a key what anyone can see, and with one the snapshot", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": "abc", "in/secret name": "" });
    const archive = `${folder}/x.coffer`;
    await create(archive, ["in"], { cwd: folder });
    const keyless = { env: { COFFER_PASSPHRASE: undefined } };
    writeTree(folder, { pass: `${PASSPHRASE}\n` });
    const [out, json, withKey, jsonWithKey] = await together([
      expectExit(0, ["info", archive], keyless),
      expectExit(0, ["info", archive, "--json"], keyless),
      expectExit(0, ["info", archive, "--passphrase-file", `${folder}/pass`], keyless),
      expectExit(0, ["info", archive, "--json"]),
    ]);
    assertMatch(out.out, /^cipher suite: +chacha20-poly1305$/m);
    assertMatch(out.out, /^key 1: .*scrypt logN 15, r 8, p 1 \(32 MiB a try\)$/m);
    assertNotMatch(out.out, /snapshot|entries|content/);
    const length = Deno.statSync(archive).size;
    const outside = {
      schema: "coffer/info/1",
      archive,
      version: 1,
      suite: "chacha20-poly1305",
      archiveBytes: length,
      generation: 1,
      recovery: 0,
      deduplicated: false,
      keys: [{ kind: "passphrase", logN: 15, r: 8, p: 1, memory: 2 ** 25 }],
    };
    assertEquals(jsonLines(json.out), [{ ...outside, snapshot: null }]);
    assertMatch(withKey.out, /^entries: +3 \(2 files, 1 folder\)$/m);
    assertMatch(withKey.out, /^content: +3 bytes/m);
    assertNotMatch(withKey.out, /secret name/);
    const [{ snapshot, ...rest }] = jsonLines(jsonWithKey.out) as [Record<string, unknown>];
    assertEquals(rest, { ...outside, snapshots: 1 });
    const { id, time, writer, ...totals } = snapshot as Record<string, unknown>;
    assertMatch(String(id), /^[0-9a-f]{64}$/);
    assert(Math.abs(Date.now() - Date.parse(String(time))) < 600_000);
    assertMatch(String(writer), /^coffer \d/);
    assertEquals(totals, {
      number: 1,
      label: "",
      checkpoint: false,
      partial: false,
      entries: 3,
      files: 2,
      directories: 1,
      symlinks: 0,
      hardlinks: 0,
      fifos: 0,
      bytes: 3,
    });
  });
});
