/** The system's libraries and what stands in for them: archives and files are the same either way. */
import { assertEquals } from "@std/assert";
import { inFolder, LINUX, testWith } from "./conditions.ts";
import { create, expectExit, together } from "./program.ts";
import { describeTree, randomBytes, writeTree } from "./trees.ts";

testWith(LINUX, "what was made with the system's libraries is read without them, and the other way round", async () => {
  await inFolder(async (folder) => {
    // Where the loader looks first, and finds nothing that it can load.
    for (const name of ["libcrypto.so.3", "libz.so.1", "libzstd.so.1"]) {
      writeTree(folder, { [`broken/${name}`]: "no library" });
    }
    const without = { cwd: folder, env: { LD_LIBRARY_PATH: `${folder}/broken` } };
    const line = "a line that is there ten thousand times, and compresses\n";
    writeTree(folder, { "in/noise": randomBytes(20_000_000), "in/text": line.repeat(400_000) });
    for (const suite of ["chacha20-poly1305", "aes-256-gcm"]) {
      const words = ["in", "--suite", suite, "--jobs", "1"];
      await together([
        create(`${folder}/with.coffer`, words, { cwd: folder }),
        create(`${folder}/without.coffer`, words, without),
      ]);
      await together([
        expectExit(0, ["extract", "without.coffer", "-C", `with-${suite}`], { cwd: folder }),
        expectExit(0, ["extract", "with.coffer", "-C", `without-${suite}`], without),
      ]);
      const expected = await describeTree(`${folder}/in`);
      for (const out of [`with-${suite}`, `without-${suite}`]) {
        assertEquals(await describeTree(`${folder}/${out}/in`), expected);
      }
      for (const archive of ["with.coffer", "without.coffer"]) Deno.removeSync(`${folder}/${archive}`);
    }
  });
});
