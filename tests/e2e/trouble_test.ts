/** Files that cannot be read or change meanwhile, and disks that are full or read-only. */
import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { BINDING, BOUND_BY_MODES, inFolder, LINUX, MOUNT, onSmallDisk, POSIX, PYTHON, testWith } from "./conditions.ts";
import { create, expectExit, jsonLines, pathsIn, QUICK, start, together } from "./program.ts";
import { describeTree, exists, leftovers, randomBytes, writeTree } from "./trees.ts";

const MEBIBYTE = 2 ** 20;

/** A copy of a stream's bytes, of which the reader decides when they go on. */
async function readTo(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  chunks: Uint8Array<ArrayBuffer>[],
  length: number,
): Promise<void> {
  for (let got = 0; got < length;) {
    const { value, done } = await reader.read();
    if (done) return;
    chunks.push(value);
    got += value.length;
  }
}

/**
 * Creates an archive of a large file in a pipe that is full: the program has read some of the file and can go no
 * further. Then changes the file, and lets it go on.
 */
async function createWhile(
  folder: string,
  change: (path: string) => void,
): Promise<{ code: number; err: string; archive: string }> {
  const path = `${folder}/in/big`;
  writeTree(folder, { "in/big": randomBytes(48 * MEBIBYTE), "in/other": "unharmed" });
  const child = start(["create", "-", ...QUICK, "--store", "--jobs", "2", "in"], { cwd: folder });
  await child.stdin.close();
  const err = new Response(child.stderr).text();
  const reader = child.stdout.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  await readTo(reader, chunks, MEBIBYTE);
  change(path);
  await readTo(reader, chunks, Infinity);
  reader.releaseLock();
  const { code } = await child.status;
  const archive = `${folder}/x.coffer`;
  Deno.writeFileSync(archive, new Uint8Array(await new Blob(chunks).arrayBuffer()));
  return { code, err: await err, archive };
}

testWith(
  POSIX,
  "create: a file that grows while it is read is stored up to its planned size, named, exit 3",
  async () => {
    await inFolder(async (folder) => {
      const { code, err, archive } = await createWhile(folder, (path) => {
        Deno.writeFileSync(path, new Uint8Array(5 * MEBIBYTE), { append: true });
      });
      assertEquals(code, 3, err);
      assertStringIncludes(err, '"in/big" changed while it was read');
      assertMatch(err, /the archive is good, but 1 entry/);
      const rows = jsonLines((await expectExit(0, ["list", "--json", archive])).out);
      assertEquals(rows.map(({ path, size, changed }) => [path, size, changed]), [
        ["in", 0, false],
        ["in/big", 48 * MEBIBYTE, true],
        ["in/other", 8, false],
      ]);
      const { err: whole } = await expectExit(0, ["verify", archive]);
      assertStringIncludes(whole, "is whole");
      assertMatch((await expectExit(0, ["info", archive])).out, /^complete: +no/m);
    });
  },
);

testWith(
  POSIX,
  "create: a file that shrinks while it is read keeps what was there, then zeros, named, exit 3",
  async () => {
    await inFolder(async (folder) => {
      const { code, err, archive } = await createWhile(folder, (path) => Deno.truncateSync(path, 29 * MEBIBYTE + 1));
      assertEquals(code, 3, err);
      assertStringIncludes(err, '"in/big" changed while it was read');
      await expectExit(0, ["extract", archive, "-C", `${folder}/out`]);
      const restored = Deno.readFileSync(`${folder}/out/in/big`);
      // Its last block was planned to begin at 44 MiB: blocks are read on their own, so what has gone before it is
      // zeros.
      const left = Deno.readFileSync(`${folder}/in/big`);
      assertEquals(left.length, 29 * MEBIBYTE + 1);
      assertEquals(restored.length, 44 * MEBIBYTE);
      assertEquals(restored.subarray(0, left.length), left);
      assert(restored.subarray(left.length).every((byte) => byte === 0));
    });
  },
);

testWith(POSIX, "create: a file that vanishes or is replaced while it is read is left out, named, exit 3", async () => {
  await inFolder(async (folder) => {
    const changes: Record<string, (path: string) => void> = {
      vanished: (path) => Deno.removeSync(path),
      symlink: (path) => {
        Deno.removeSync(path);
        Deno.symlinkSync("/etc/passwd", path);
      },
      folder: (path) => {
        Deno.removeSync(path);
        Deno.mkdirSync(path);
      },
    };
    await together(
      Object.entries(changes).map(async ([name, change]) => {
        const place = `${folder}/${name}`;
        const { code, err, archive } = await createWhile(place, change);
        assertEquals(code, 3, `${name}: ${err}`);
        assertEquals(err.match(/"in\/big"/g)?.length, 1, err);
        assertNotMatch(err, /internal error/);
        assertEquals(await pathsIn(archive), ["in", "in/other"]);
        // What was stored of it before is in no way restored, from a file or from a pipe.
        await expectExit(0, ["extract", archive, "-C", `${place}/file`]);
        await expectExit(0, ["extract", "-", "-C", `${place}/pipe`], { stdin: Deno.readFileSync(archive) });
        for (const target of ["file", "pipe"]) {
          assertEquals([...Deno.readDirSync(`${place}/${target}/in`)].map(({ name }) => name), ["other"]);
        }
      }),
    );
  });
});

testWith(BINDING, "create: what cannot be read is named, everything else is stored, exit 3", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, {
      "in/closed": "secret",
      "in/open": "open",
      "in/shut/inside": "inside",
      "in/listless/inside": "inside",
      "outside/x": "x",
    });
    Deno.chmodSync(`${folder}/in/closed`, 0o000);
    Deno.chmodSync(`${folder}/in/shut`, 0o000);
    // Entries can be listed and not reached.
    Deno.chmodSync(`${folder}/in/listless`, 0o400);
    const at = { cwd: folder, before: BOUND_BY_MODES };
    const { err, out } = await expectExit(3, ["create", ...QUICK, "x.coffer", "in", "--json"], at);
    const [report] = jsonLines(out) as [{ problems: { path: string; reason: string }[] }];
    assertEquals(report.problems.map(({ path }) => path).sort(), ["in/closed", "in/listless/inside", "in/shut"]);
    for (const { path, reason } of report.problems) {
      assertStringIncludes(err, `"${path}"`);
      assertMatch(reason, /permission is denied$/);
    }
    const paths = await pathsIn(`${folder}/x.coffer`);
    assertEquals(paths, ["in", "in/listless", "in/open", "in/shut"]);
    // Nothing at all could be read: that is a failure, and no archive.
    await expectExit(1, ["create", ...QUICK, "y.coffer", "in/closed"], at);
    assert(!exists(`${folder}/y.coffer`));
    // Folders that may not be written to.
    Deno.mkdirSync(`${folder}/locked`);
    Deno.chmodSync(`${folder}/locked`, 0o500);
    const refused = [
      ["create", ...QUICK, "locked/x.coffer", "in/open"],
      ["extract", "x.coffer", "-C", "locked/new"],
    ];
    for (const args of refused) {
      const { err } = await expectExit(1, args, at);
      assertStringIncludes(err, "permission is denied");
      assertStringIncludes(err, '"locked/');
      assertNotMatch(err, /coffer-tmp|\/proc\//);
    }
    assertEquals([...Deno.readDirSync(`${folder}/locked`)], []);
    await expectExit(3, ["extract", "x.coffer", "-C", "locked", "in/open"], at);
  });
});

testWith(
  [LINUX, { what: "python3", met: PYTHON !== undefined }],
  "create: sockets and devices are notices, not errors",
  async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { "in/a": "a" });
      const script = `import socket; socket.socket(socket.AF_UNIX).bind("in/socket")`;
      await new Deno.Command(PYTHON as string, { args: ["-c", script], cwd: folder }).output();
      assert(exists(`${folder}/in/socket`));
      const { err } = await create("x.coffer", ["in", "/dev/null"], { cwd: folder });
      assertStringIncludes(err, 'coffer: left out "in/socket": it is a socket');
      assertStringIncludes(err, 'coffer: left out "dev/null": it is a device');
      assertNotMatch(err, /warning/);
      assertEquals(await pathsIn(`${folder}/x.coffer`), ["in", "in/a"]);
      // A tree is no different from its archive for what no archive holds.
      await expectExit(0, ["verify", "x.coffer", "--against", "."], { cwd: folder });
    });
  },
);

testWith(LINUX, "create stores a name that is not UTF-8 by naming it, exit 3", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": "a" });
    const made = await new Deno.Command("bash", { args: ["-c", `touch $'in/bad\\xff'`], cwd: folder }).output();
    assert(made.success);
    const { err } = await expectExit(3, ["create", ...QUICK, "x.coffer", "in"], { cwd: folder });
    assertStringIncludes(err, "its name is not valid UTF-8");
    assertEquals(await pathsIn(`${folder}/x.coffer`), ["in", "in/a"]);
  });
});

testWith(MOUNT, "a full disk: exit 1, the message says so, and nothing is left", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/big": randomBytes(6 * MEBIBYTE) });
    const { bytes } = await create("-", ["in"], { cwd: folder });
    await create("x.coffer", ["in"], { cwd: folder });
    await onSmallDisk(folder, "3m", async (disk) => {
      writeTree(disk, { "old.coffer": "an older archive", "here/mine": "mine" });
      const before = await describeTree(disk);
      const tried: readonly (readonly [args: string[], stdin?: Uint8Array<ArrayBuffer>])[] = [
        [["create", ...QUICK, "disk/x.coffer", "in"]],
        [["create", ...QUICK, "disk/old.coffer", "in", "--force"]],
        [["create", ...QUICK, "disk/x.coffer", "--stdin-name", "big"], randomBytes(6 * MEBIBYTE)],
        [["extract", "x.coffer", "-C", "disk/new/out"]],
        [["extract", "-", "-C", "disk/new"], bytes],
        [["extract", "x.coffer", "-C", "disk/here"]],
      ];
      for (const [args, stdin] of tried) {
        const { err } = await expectExit(1, args, { cwd: folder, ...(stdin === undefined ? {} : { stdin }) });
        assertMatch(err, /error: Cannot .*: the disk is full/, args.join(" "));
        assertNotMatch(err, /coffer-tmp|\/proc\//);
        assertEquals(leftovers(disk), [], args.join(" "));
      }
      // Folders of an extraction into a place that was there may stay; no file does.
      const after = await describeTree(disk);
      const files = (tree: Record<string, string>) =>
        Object.keys(tree).filter((path) => tree[path]?.startsWith("file"));
      assertEquals(files(after), files(before));
      assertEquals(after["old.coffer"], before["old.coffer"]);
      assertEquals(after["here/mine"], before["here/mine"]);
    });
  });
});

testWith(MOUNT, "a read-only disk: exit 1, and the message names what was asked for", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": "a" });
    await create("x.coffer", ["in"], { cwd: folder });
    await onSmallDisk(folder, "1m", async (disk) => {
      await new Deno.Command("mount", { args: ["-o", "remount,ro", disk] }).output();
      const tried = [
        ["create", ...QUICK, "disk/y.coffer", "in"],
        ["extract", "x.coffer", "-C", "disk/new"],
        ["extract", "x.coffer", "-C", "disk"],
      ];
      for (const args of tried) {
        const { err } = await expectExit(1, args, { cwd: folder });
        assertMatch(err, /error: Cannot .*: the file system is read-only/, args.join(" "));
        assertNotMatch(err, /coffer-tmp|\/proc\//);
      }
      assertEquals([...Deno.readDirSync(disk)], []);
    });
  });
});
