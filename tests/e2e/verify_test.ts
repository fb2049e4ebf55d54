/** `verify`, and what every verb says of archives that are wrong in one way or another. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { BINDING, BOUND_BY_MODES, inFolder, POSIX, testWith } from "./conditions.ts";
import { create, expectExit, jsonLines, QUICK, together } from "./program.ts";
import { exists, leftovers, randomBytes, writeTree } from "./trees.ts";

/** Bytes of one header copy of an archive with one key (FORMAT.md, "Header"); two of them come before the body. */
const COPY_BYTES = 4096;
const BODY_AT = 2 * COPY_BYTES;
/** Where a copy has its version, and where its first slot's logN. */
const VERSION_AT = 8;
const LOG_N_AT = 292;
const CHECKSUM_BYTES = 32;

type Bytes = Uint8Array<ArrayBuffer>;

function flipped(bytes: Bytes, ...places: number[]): Bytes {
  const copy = bytes.slice();
  for (const at of places) copy[at] = copy[at]! ^ 1;
  return copy;
}

/** Changes a byte of both header copies and makes their checksums, which need no key, hold again. */
async function withHeaderByte(bytes: Bytes, at: number, value: number): Promise<Bytes> {
  const out = bytes.slice();
  for (const start of [0, COPY_BYTES]) {
    out[start + at] = value;
    const end = start + COPY_BYTES - CHECKSUM_BYTES;
    out.set(new Uint8Array(await crypto.subtle.digest("SHA-256", out.subarray(start, end))), end);
  }
  return out;
}

function followed(bytes: Bytes, by: Bytes): Bytes {
  const out = new Uint8Array(bytes.length + by.length);
  out.set(bytes);
  out.set(by, bytes.length);
  return out;
}

/** Two archives of one tree: written to a file, whose header knows its end, and to a pipe. */
async function archives(folder: string): Promise<{ file: Bytes; pipe: Bytes }> {
  writeTree(folder, { "in/noise": randomBytes(3_000_000), "in/text": "text\n".repeat(1000), "in/sub/a": "a" });
  const [, piped] = await together([
    create(`${folder}/good.coffer`, ["in"], { cwd: folder }),
    create("-", ["in"], { cwd: folder }),
  ]);
  return { file: Deno.readFileSync(`${folder}/good.coffer`), pipe: piped.bytes };
}

Deno.test("verify reads a whole archive from a file and from a pipe, and reports", async () => {
  await inFolder(async (folder) => {
    const { pipe } = await archives(folder);
    const archive = `${folder}/good.coffer`;
    const [plain, json, piped] = await together([
      expectExit(0, ["verify", archive]),
      expectExit(0, ["verify", archive, "--json"]),
      expectExit(0, ["verify", "-"], { stdin: pipe }),
    ]);
    assertEquals([plain.out, piped.out], ["", ""]);
    assertMatch(plain.err, /^coffer: ".*good\.coffer" is whole: 5 entries \(2\.9 MiB\), all authentic\n$/);
    assertMatch(piped.err, /is whole: 5 entries/);
    const [{ id, ...report }] = jsonLines(json.out) as [Record<string, unknown>];
    assertMatch(String(id), /^[0-9a-f]{64}$/);
    assertEquals(report, {
      schema: "coffer/verify/1",
      archive,
      archiveBytes: Deno.statSync(archive).size,
      entries: 5,
      files: 3,
      directories: 2,
      symlinks: 0,
      hardlinks: 0,
      fifos: 0,
      bytes: 3_005_001,
      partial: false,
      checkpoint: false,
      against: null,
      differences: [],
    });
  });
});

Deno.test("a wrong passphrase, a stranger's file and a newer version have exit codes and hints of their own", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content" });
    await create(`${folder}/x.coffer`, ["in"], { cwd: folder });
    const bytes = Deno.readFileSync(`${folder}/x.coffer`);
    const newer = await withHeaderByte(bytes, VERSION_AT + 1, 2);
    const wrong = { env: { COFFER_PASSPHRASE: "seven plum anchors drift by the quai" } };
    const keyless = { env: { COFFER_PASSPHRASE: undefined } };
    writeTree(folder, {
      "text.coffer": "this is a text\n".repeat(1000),
      "empty.coffer": "",
      "zip.coffer": "PK\x03\x04",
      "newer.coffer": newer,
    });
    const at = (name: string) => `${folder}/${name}.coffer`;
    const tried = [
      ...["list", "verify", "info", "extract"].map((verb) =>
        expectExit(11, [verb, at("x"), ...(verb === "extract" ? ["-C", `${folder}/out`] : [])], wrong)
      ),
      expectExit(11, ["cat", at("x"), "in"], wrong),
      expectExit(11, ["list", "-"], { ...wrong, stdin: bytes }),
    ];
    for (const { err, out } of await together(tried)) {
      assertMatch(err, /error: Cannot open the archive: the key given does not open it/);
      assertMatch(err, /hint: /);
      assertEquals(out, "");
    }
    // What is no archive is said before a passphrase is asked for.
    for (const name of ["text", "empty", "zip", "newer"]) {
      const [listed, piped] = await together([
        expectExit(10, ["list", at(name)], keyless),
        expectExit(10, ["verify", "-"], { stdin: Deno.readFileSync(at(name)) }),
        expectExit(10, ["info", at(name)], keyless),
      ]);
      const expected = name === "newer" ? "version 2" : name === "empty" ? "it is empty" : "not a Coffer archive";
      for (const { err } of [listed, piped]) assertStringIncludes(err, expected);
    }
    assert(!exists(`${folder}/out`));
  });
});

Deno.test("damaged, cut and followed archives: each its own exit code, whether read from a file or a pipe", async () => {
  await inFolder(async (folder) => {
    const { file, pipe } = await archives(folder);
    const cases: readonly (readonly [code: number, name: string, change: (bytes: Bytes) => Bytes])[] = [
      [12, "both header copies damaged", (bytes) => flipped(bytes, 300, COPY_BYTES + 300)],
      [12, "salt damaged", (bytes) => flipped(bytes, BODY_AT)],
      [12, "first block's mark damaged", (bytes) => flipped(bytes, BODY_AT + 32)],
      [12, "content damaged", (bytes) => flipped(bytes, BODY_AT + 1_000_000)],
      [12, "end damaged", (bytes) => flipped(bytes, bytes.length - 1)],
      [12, "half of it zeros", (bytes) => bytes.slice().fill(0, BODY_AT + 500_000, BODY_AT + 2_000_000)],
      [12, "one byte follows", (bytes) => followed(bytes, Uint8Array.of(0))],
      [12, "a line feed follows, as an editor leaves it", (bytes) => followed(bytes, Uint8Array.of(10))],
      [12, "itself follows", (bytes) => followed(bytes, bytes)],
      [13, "cut in the first header copy", (bytes) => bytes.slice(0, 1000)],
      [13, "cut in the second header copy", (bytes) => bytes.slice(0, COPY_BYTES + 1000)],
      [13, "cut behind the header", (bytes) => bytes.slice(0, BODY_AT)],
      [13, "cut in a block", (bytes) => bytes.slice(0, BODY_AT + 1_000_001)],
      [13, "cut before its last byte", (bytes) => bytes.slice(0, -1)],
      [13, "cut before its end", (bytes) => bytes.slice(0, -256)],
    ];
    await together(cases.flatMap(([code, name, change], i) => {
      const written = `${folder}/${i}.coffer`;
      Deno.writeFileSync(written, change(file));
      return [
        expectExit(code, ["verify", written]).then(({ err }) => assertMatch(err, /coffer: error: Cannot /, name)),
        expectExit(code, ["extract", "-", "-C", `${folder}/out${i}`], { stdin: change(pipe) }).then(({ err }) =>
          assertMatch(err, /coffer: error: Cannot /, name)
        ),
      ];
    }));
    // Of what was restored before the damage was met, nothing stands under a final name.
    assertEquals([...Deno.readDirSync(folder)].filter(({ name }) => name.startsWith("out")), []);
    assertEquals(leftovers(folder), []);
  });
});

Deno.test("with one header copy damaged everything works and warns; what is not damaged can be had by name", async () => {
  await inFolder(async (folder) => {
    const { file } = await archives(folder);
    for (const [name, at] of [["A", 300], ["B", COPY_BYTES + 300]] as const) {
      const archive = `${folder}/${name}.coffer`;
      Deno.writeFileSync(archive, flipped(file, at));
      const [verified, shown] = await together([
        expectExit(0, ["verify", archive]),
        expectExit(0, ["info", archive], { env: { COFFER_PASSPHRASE: undefined } }),
      ]);
      for (const { err } of [verified, shown]) assertStringIncludes(err, `warning: header copy ${name} is damaged`);
    }
    // Damage in the first file's first block: the others are fine, and so is the list.
    const archive = `${folder}/part.coffer`;
    Deno.writeFileSync(archive, flipped(file, BODY_AT + 1_000_000));
    const [listed, other, damaged] = await together([
      expectExit(0, ["list", archive]),
      expectExit(0, ["cat", archive, "in/sub/a"]),
      expectExit(12, ["cat", archive, "in/noise"]),
    ]);
    assertEquals(listed.out, "in\nin/noise\nin/sub\nin/sub/a\nin/text\n");
    assertEquals(other.out, "a");
    assertMatch(damaged.err, /hint: /);
  });
});

Deno.test("a header that asks for too much work is refused at once, and info still answers", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content" });
    await create(`${folder}/x.coffer`, ["in"], { cwd: folder });
    const bytes = Deno.readFileSync(`${folder}/x.coffer`);
    // 4 GiB, beyond the limit that can be raised; and beyond every limit.
    for (const logN of [22, 24, 63, 255]) {
      const archive = `${folder}/${logN}.coffer`;
      Deno.writeFileSync(archive, await withHeaderByte(bytes, LOG_N_AT, logN));
      const start = performance.now();
      const [listed, piped, shown] = await together([
        expectExit(14, ["list", archive]),
        expectExit(14, ["extract", "-", "-C", `${folder}/out`], { stdin: Deno.readFileSync(archive) }),
        expectExit(0, ["info", archive, "--json"], { env: { COFFER_PASSPHRASE: undefined } }),
      ]);
      // A try at logN 22 takes half a minute.
      assert(performance.now() - start < 15_000);
      assertMatch(listed.err, new RegExp(`logN ${logN}`));
      assertMatch(piped.err, new RegExp(`logN ${logN}`));
      const [{ keys }] = jsonLines(shown.out) as [{ keys: { logN: number; memory: number | null }[] }];
      assertEquals([keys[0]?.logN, keys[0]?.memory], [logN, logN > 24 ? null : 2 ** (logN + 10)]);
    }
    // 16 MiB are not enough for logN 15; the limit is the user's to raise and to lower.
    const low = await expectExit(14, ["list", `${folder}/x.coffer`, "--max-kdf-memory", "16MiB"]);
    assertStringIncludes(low.err, "--max-kdf-memory");
    await expectExit(14, ["list", `${folder}/x.coffer`, "--max-kdf-work=1M"]);
    await expectExit(0, ["list", `${folder}/x.coffer`, "--max-kdf-memory", "32MiB", "--max-kdf-work", "32M"]);
  });
});

testWith(POSIX, "verify --against tells every kind of difference and exits 4", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, {
      "in/same": "same",
      "in/content": "before",
      "in/mode": "mode",
      "in/time": "time",
      "in/gone": "gone",
      "in/kind": "kind",
      "in/link": { link: "same" },
      "in/sub/deep": "deep",
      "beside": "not in the archive, nor in a folder of it",
    });
    const archive = `${folder}/x.coffer`;
    await create(archive, ["in"], { cwd: folder });
    const same = await expectExit(0, ["verify", archive, "--against", folder]);
    assertStringIncludes(same.err, "no difference");
    const { atime, mtime } = Deno.statSync(`${folder}/in/content`);
    Deno.writeTextFileSync(`${folder}/in/content`, "behind");
    Deno.utimeSync(`${folder}/in/content`, atime!, mtime!);
    Deno.chmodSync(`${folder}/in/mode`, 0o600);
    Deno.utimeSync(`${folder}/in/time`, 1_000_000, 1_000_000);
    Deno.removeSync(`${folder}/in/gone`);
    Deno.removeSync(`${folder}/in/kind`);
    Deno.mkdirSync(`${folder}/in/kind`);
    Deno.removeSync(`${folder}/in/link`);
    Deno.symlinkSync("content", `${folder}/in/link`);
    writeTree(folder, { "in/sub/new\nline": "new" });
    const [text, json, piped] = await together([
      expectExit(4, ["verify", archive, "--against", folder]),
      expectExit(4, ["verify", archive, "--against", `${folder}/`, "--json"]),
      expectExit(4, ["verify", "-", "--against", "."], { cwd: folder, stdin: Deno.readFileSync(archive) }),
    ]);
    const [report] = jsonLines(json.out) as [{ differences: { path: string; kind: string }[] }];
    const kinds = new Map(report.differences.map(({ path, kind }) => [path, kind]));
    assertEquals(kinds.get("in/content"), "content");
    assertEquals(kinds.get("in/mode"), "metadata");
    assertEquals(kinds.get("in/time"), "metadata");
    assertEquals(kinds.get("in/gone"), "only-in-archive");
    assertEquals(kinds.get("in/kind"), "kind");
    assert(kinds.has("in/link"));
    assertEquals(kinds.get("in/sub/new\nline"), "only-on-disk");
    assert(!kinds.has("in/same") && !kinds.has("beside") && !kinds.has("in/sub/deep"));
    assertStringIncludes(text.out, "in/sub/new\\x0aline: ");
    assertEquals(text.out.split("\n").length - 1, report.differences.length);
    assertEquals(piped.out, text.out);
    await expectExit(1, ["verify", archive, "--against", `${folder}/nowhere`]);
    await expectExit(1, ["verify", archive, "--against", `${folder}/beside`]);
  });
});

testWith(BINDING, "an archive that cannot be read, a folder, a FIFO: a plain message and exit code 1", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "closed.coffer": "closed", "folder/": null, in: "content" });
    Deno.chmodSync(`${folder}/closed.coffer`, 0o000);
    await new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).output();
    const at = { cwd: folder, before: BOUND_BY_MODES };
    const unreadable = ["absent.coffer", "closed.coffer", "folder", "fifo", "/dev/null"];
    const tried = [
      ...unreadable.map((archive) => ["list", archive]),
      ["verify", "folder"],
      ["info", "fifo"],
      ["extract", "absent.coffer", "-C", "out"],
      ["cat", "/dev/null", "x"],
    ];
    await together(tried.map(async (args) => {
      const { err } = await expectExit(1, args, at);
      assertStringIncludes(err, `"${args[1]}"`, args.join(" "));
    }));
    assert(!exists(`${folder}/out`));
    await expectExit(0, ["create", ...QUICK, "x.coffer", "in"], at);
  });
});
