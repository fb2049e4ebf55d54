/** Commands on a small tmpfs that has no room left: what was there stays, and nothing half-made gets a name. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { MOUNT, testWith } from "./conditions.ts";
import { create, expectExit, run } from "./program.ts";
import { onSmallDisk } from "./small_disk.ts";
import { describeTree, exists, leftovers, randomBytes, writeTree } from "./trees.ts";

const MIB = 2 ** 20;
const NO_SPACE = /no space left|disk is full/i;

/** Fills a disk but for some pages. */
function fill(disk: string, freePages: number): void {
  using file = Deno.openSync(`${disk}/filler`, { write: true, create: true });
  const page = new Uint8Array(4096);
  let pages = 0;
  try {
    for (;; pages++) if (file.writeSync(page) < page.length) break;
  } catch (error) {
    assertMatch(String(error), NO_SPACE);
  }
  file.truncateSync(4096 * Math.max(0, pages - freePages));
}

testWith(MOUNT, "create and copy on a full disk say so, keep what was there, and leave nothing", async () => {
  await onSmallDisk(4, async (disk, folder) => {
    writeTree(folder, { "in/a": randomBytes(8 * MIB), "small/a": "a" });
    await create(`${disk}/old.coffer`, ["small"], { cwd: folder });
    const old = Deno.readFileSync(`${disk}/old.coffer`);
    await create("big.coffer", ["in"], { cwd: folder });
    const attempts = [
      ["create", "--kdf-log-n", "15", `${disk}/new.coffer`, "in"],
      ["create", "--kdf-log-n", "15", "--force", `${disk}/old.coffer`, "in"],
      ["copy", "big.coffer", `${disk}/new.coffer`, "--new-key-file", "k.key"],
      ["copy", "big.coffer", `${disk}/old.coffer`, "--force", "--new-key-file", "k.key"],
    ];
    await expectExit(0, ["keygen", "-o", "k.key"], { cwd: folder });
    for (const args of attempts) {
      const { err } = await expectExit(1, args, { cwd: folder });
      assertMatch(err, NO_SPACE, args.join(" "));
      assertEquals([...Deno.readDirSync(disk)].map(({ name }) => name), ["old.coffer"]);
      assertEquals(Deno.readFileSync(`${disk}/old.coffer`), old);
    }
  });
});

testWith(MOUNT, "update on a full disk leaves the archive as it was, whatever room there is", async () => {
  await onSmallDisk(4, async (disk, folder) => {
    writeTree(folder, { "in/a": "a", "in/b": randomBytes(40_000) });
    await create(`${disk}/x.coffer`, ["in"], { cwd: folder });
    const before = Deno.readFileSync(`${disk}/x.coffer`);
    writeTree(folder, { "in/c": randomBytes(60_000) });
    for (const pages of [0, 1, 8, 14]) {
      fill(disk, pages);
      const { err } = await expectExit(1, ["update", `${disk}/x.coffer`, "in"], { cwd: folder });
      assertMatch(err, /error: Cannot change ".*\/x\.coffer": the disk is full/);
      assertEquals(Deno.readFileSync(`${disk}/x.coffer`), before, `${pages} pages`);
      Deno.removeSync(`${disk}/filler`);
    }
    await expectExit(0, ["update", `${disk}/x.coffer`, "in"], { cwd: folder });
    await expectExit(0, ["verify", `${disk}/x.coffer`]);
  });
});

testWith(MOUNT, "keys and repair need no room of a full disk", async () => {
  await onSmallDisk(4, async (disk, folder) => {
    writeTree(folder, { "in/a": "a" });
    const archive = `${disk}/x.coffer`;
    await create(archive, ["in"], { cwd: folder });
    await expectExit(0, ["keygen", "-o", "k.key"], { cwd: folder });
    const bytes = Deno.readFileSync(archive);
    bytes.fill(0, 0, 4096);
    Deno.writeFileSync(archive, bytes);
    fill(disk, 0);
    await expectExit(0, ["repair", archive], { cwd: folder });
    await expectExit(0, ["keys", "add", archive, "--new-key-file", "k.key"], { cwd: folder });
    await expectExit(0, ["verify", archive, "-k", "k.key"], { cwd: folder, env: { COFFER_PASSPHRASE: undefined } });
  });
});

testWith(
  MOUNT,
  "extract and salvage on a full disk leave no half target, and no half file in one that was there",
  async () => {
    await onSmallDisk(4, async (disk, folder) => {
      writeTree(folder, { "in/a": randomBytes(MIB), "in/b": randomBytes(8 * MIB) });
      await create("x.coffer", ["in"], { cwd: folder });
      for (const verb of ["extract", "salvage"]) {
        const { code, err } = await run([verb, "x.coffer", "-C", `${disk}/out`], { cwd: folder });
        assert(code !== 0 && NO_SPACE.test(err), `${verb}: ${code} ${err}`);
        assertEquals(leftovers(disk), [], verb);
        // Whole files that came before may stay; the one that did not fit may not.
        assertEquals(exists(`${disk}/out/in/b`), false, verb);
        const there = Object.keys(await describeTree(disk));
        assert(there.every((path) => [".", "out", "out/in", "out/in/a"].includes(path)), `${verb}: ${there}`);
        if (exists(`${disk}/out`)) Deno.removeSync(`${disk}/out`, { recursive: true });
      }
    });
  },
);
