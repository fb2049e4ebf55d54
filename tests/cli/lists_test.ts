import { assertEquals, assertRejects } from "@std/assert";
import { CommandError } from "../../src/cli/command_error.ts";
import { readFileList, readGlobFile } from "../../src/cli/lists.ts";
import { FakeSystem } from "./fake_system.ts";

const NEVER = new AbortController().signal;

async function list(content: string | Uint8Array, nul: boolean): Promise<string[]> {
  return await Array.fromAsync(
    readFileList("-", { nul, stdin: new FakeSystem({ stdin: content }).stdin, signal: NEVER }),
  );
}

Deno.test("readFileList() takes every line as it is", async () => {
  assertEquals(await list(" a \n#b\n\nc\\d\r\né\n", false), [" a ", "#b", "c\\d\r", "é"]);
  assertEquals(await list("a\nb", false), ["a", "b"]);
  assertEquals(await list("", false), []);
});

Deno.test("readFileList() takes names with line feeds when they end in NUL", async () => {
  assertEquals(await list("a\nb\0天地\0", true), ["a\nb", "天地"]);
});

Deno.test("readFileList() refuses what is not UTF-8, also at the very end", async () => {
  await assertRejects(() => list(Uint8Array.of(0x61, 0xff, 0x0a), false), CommandError, "not valid UTF-8");
  await assertRejects(() => list(Uint8Array.of(0x61, 0xe5), false), CommandError, "not valid UTF-8");
});

Deno.test("readFileList() and readGlobFile() read files, and name one that cannot be read", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/list`;
    await Deno.writeTextFile(path, "a\nb\n");
    const { stdin } = new FakeSystem();
    assertEquals(await Array.fromAsync(readFileList(path, { nul: false, stdin, signal: NEVER })), ["a", "b"]);
    assertEquals(await readGlobFile(path, { stdin, signal: NEVER }), ["a", "b"]);
    const error = await assertRejects(() => readGlobFile(`${folder}/none`, { stdin, signal: NEVER }), CommandError);
    assertEquals(error.message, `Cannot read the list in "${folder}/none": it does not exist`);
    assertEquals(error.exitCode, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("readGlobFile() passes over comments and empty lines", async () => {
  const { stdin } = new FakeSystem({ stdin: "# backup\n*.tmp\r\n\n\\#keep\n a b\n\r\n" });
  assertEquals(await readGlobFile("-", { stdin, signal: NEVER }), ["*.tmp", "\\#keep", " a b"]);
});
