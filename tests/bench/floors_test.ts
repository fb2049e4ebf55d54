import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { makeFloorArchive, removeFloorArchive } from "../../bench/compare/floor_archive.ts";
import type { PlacedBlocks } from "../../bench/compare/open_floor.ts";

const BENCH = fromFileUrl(new URL("../../bench/", import.meta.url));

function hasLibraries(): boolean {
  try {
    for (const name of ["libcrypto.so.3", "libzstd.so.1"]) Deno.dlopen(name, {}).close();
    return true;
  } catch {
    return false;
  }
}

async function run(script: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(BENCH, script), ...args],
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test({
  name: "floors of reading open all blocks, print all names, and fail where a tag does not hold",
  ignore: !hasLibraries(),
  fn: async () => {
    const folder = Deno.makeTempDirSync();
    try {
      const [corpus, scratch] = [join(folder, "corpus"), join(folder, "scratch")];
      Deno.mkdirSync(join(corpus, "sub"), { recursive: true });
      Deno.mkdirSync(scratch);
      const text = new TextEncoder().encode("a line of text that compresses\n".repeat(200_000));
      Deno.writeFileSync(join(corpus, "large"), text);
      for (let i = 0; i < 3; i++) Deno.writeTextFileSync(join(corpus, "sub", `small-${i}`), `${i}`);
      const made = await makeFloorArchive(corpus, scratch);
      const listed = await run("compare/list_floor.ts", made.names, String(made.namesBytes));
      assertEquals(listed.out, ".\nlarge\nsub\nsub/small-0\nsub/small-1\nsub/small-2\n", listed.err);
      const placed: PlacedBlocks = JSON.parse(Deno.readTextFileSync(made.blocks));
      // Rows are in the blocks too.
      assert(placed.blocks.reduce((sum, { raw }) => sum + raw, 0) > text.length);
      assert(placed.blocks.some(({ compressed }) => compressed));
      const opened = await run("compare/open_floor.ts", made.blocks);
      assert(Number(opened.out) > 0, opened.err);
      for (const sum of ["extract", "verify"]) {
        const stages = ["--key-file", made.keyFile, "--work", scratch, "--sum", sum];
        const { out, err } = await run("read_stages.ts", made.archive, ...stages);
        assert(Number(out) > 0, err);
      }
      const table = await run("read_stages.ts", made.archive, "--key-file", made.keyFile, "--work", scratch);
      assertStringIncludes(table.out, "and decode rows", table.err);
      const last = placed.blocks.at(-1);
      const archive = Deno.readFileSync(made.archive);
      const at = (last?.offset ?? 0) + (last?.stored ?? 0) / 2;
      archive[Math.floor(at)] = (archive[Math.floor(at)] as number) ^ 1;
      Deno.writeFileSync(made.archive, archive);
      const damaged = await run("compare/open_floor.ts", made.blocks);
      assertEquals([damaged.code, damaged.out], [1, ""]);
      assertStringIncludes(damaged.err, "its tag differs");
      await removeFloorArchive(made);
      assertEquals([...Deno.readDirSync(scratch)], []);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});
