/** `create --dedup` as a program: every verb on an archive whose files share content. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { inFolder } from "./conditions.ts";
import { create, expectExit, PASSPHRASE, QUICK, together } from "./program.ts";
import { describeTree, leftovers, randomBytes, writeTree } from "./trees.ts";

const CONTENT = randomBytes(6_000_000);
const OTHER = randomBytes(500_000);
const joined = (...parts: readonly Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));

/** A tree with much in common, its archive, and what an update added when some more of the same came. */
async function archived(folder: string): Promise<number> {
  writeTree(folder, {
    "in/a": CONTENT,
    "in/b": joined(OTHER, CONTENT),
    "in/c": joined(new Uint8Array(100_000), OTHER, new Uint8Array(9)),
    "in/sub/small": "small",
    "in/to": { link: "a" },
  });
  Deno.linkSync(`${folder}/in/a`, `${folder}/in/z`);
  await create(`${folder}/x.coffer`, ["--dedup", "in"], { cwd: folder });
  const { size } = Deno.statSync(`${folder}/x.coffer`);
  assert(size < CONTENT.length + OTHER.length + 200_000, `${size} bytes`);
  writeTree(folder, { "in/sub/d": joined(CONTENT.subarray(1_000_000), OTHER.subarray(77)) });
  await expectExit(0, ["update", "x.coffer", "in", "--jobs", "3"], { cwd: folder });
  return Deno.statSync(`${folder}/x.coffer`).size - size;
}

Deno.test("create --dedup and update store content once, and every reader gives all of it", async () => {
  await inFolder(async (folder) => {
    assert(await archived(folder) < 200_000);
    const at = { cwd: folder };
    const bytes = Deno.readFileSync(`${folder}/x.coffer`);
    const [, , , cat, info, plain, differing] = await together([
      expectExit(0, ["extract", "x.coffer", "-C", "one", "--jobs", "1"], at),
      expectExit(0, ["extract", "x.coffer", "-C", "several", "--jobs", "3"], at),
      expectExit(0, ["verify", "x.coffer", "--against", ".", "--jobs", "2"], at),
      expectExit(0, ["cat", "x.coffer", "in/b"], at),
      expectExit(0, ["info", "x.coffer"], at),
      expectExit(0, ["extract", "-", "-C", "piped"], { ...at, stdin: bytes }),
      expectExit(4, ["diff", "x.coffer", "1", "2"], at),
    ]);
    const source = await describeTree(`${folder}/in`);
    for (const out of ["one", "several", "piped"]) assertEquals(await describeTree(`${folder}/${out}/in`), source, out);
    assertEquals(cat.bytes, joined(OTHER, CONTENT));
    assertStringIncludes(info.out, "deduplicated:");
    assertStringIncludes(plain.err, "the archive is deduplicated");
    assertStringIncludes(differing.out, "in/sub/d");
    assertEquals(leftovers(folder), []);
  });
});

Deno.test("copy keeps that content is stored once, and begins it with --dedup", async () => {
  await inFolder(async (folder) => {
    await archived(folder);
    const at = { cwd: folder };
    await create(`${folder}/plain.coffer`, ["in"], at);
    Deno.writeTextFileSync(`${folder}/p`, PASSPHRASE);
    const keys = [...QUICK, "--new-passphrase-file", "p"];
    await together([
      expectExit(0, ["copy", "x.coffer", "kept.coffer", ...keys], at),
      expectExit(0, ["copy", "plain.coffer", "begun.coffer", "--dedup", ...keys], at),
      expectExit(0, ["copy", "plain.coffer", "not.coffer", ...keys], at),
    ]);
    const most = CONTENT.length + OTHER.length + 400_000;
    for (const name of ["kept", "begun"]) {
      const { size } = Deno.statSync(`${folder}/${name}.coffer`);
      assert(size < most, `${name}: ${size} bytes`);
      await expectExit(0, ["verify", `${name}.coffer`, "--against", "."], at);
    }
    assert(Deno.statSync(`${folder}/not.coffer`).size > 2 * most);
    await expectExit(0, ["verify", "kept.coffer", "--snapshot", "1"], at);
  });
});

Deno.test("salvage names every file that shares a lost block, and restores the others", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, {
      "in/a": CONTENT,
      "in/b": joined(OTHER, CONTENT),
      "in/c": OTHER,
    });
    for (const several of [false, true]) {
      const name = several ? "two.coffer" : "one.coffer";
      await create(`${folder}/${name}`, ["--dedup", "in"], { cwd: folder });
      if (several) {
        writeTree(folder, { "in/d": "later" });
        await expectExit(0, ["update", name, "in"], { cwd: folder });
      }
      const bytes = Deno.readFileSync(`${folder}/${name}`);
      bytes.fill(0, 3_000_000, 3_010_000);
      Deno.writeFileSync(`${folder}/${name}`, bytes);
      const out = `out-${several}`;
      const { out: said } = await expectExit(12, ["salvage", name, "-C", out], { cwd: folder });
      assertStringIncludes(said, "damaged: in/a: of 6,000,000 bytes, ");
      assertStringIncludes(said, "damaged: in/b: of 6,500,000 bytes, ");
      assertEquals(Deno.readFileSync(`${folder}/${out}/in/c`), OTHER);
      const a = Deno.readFileSync(`${folder}/${out}/in/a`);
      const b = Deno.readFileSync(`${folder}/${out}/in/b`);
      assertEquals(b.subarray(OTHER.length + 5_000_000), a.subarray(5_000_000));
      assertEquals(a.subarray(0, 1_000_000), CONTENT.subarray(0, 1_000_000));
    }
  });
});
