import { assert, assertEquals, assertRejects } from "@std/assert";
import { chunksOf, isClosedPipe, openInput, writeAll } from "../../src/disk/streams.ts";
import { bytesOf, run, withFolderAsync } from "./surroundings.ts";

const CHILD = new URL("./streams_child.ts", import.meta.url).pathname;

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of chunks) text += new TextDecoder().decode(chunk);
  return text;
}

Deno.test("chunksOf() gives what the reader gives, in its own buffer", async () => {
  const pieces = ["ab", "", "c", "def"];
  const reader = {
    read(into: Uint8Array): Promise<number | null> {
      const piece = pieces.shift();
      if (piece === undefined) return Promise.resolve(null);
      into.set(bytesOf(piece));
      return Promise.resolve(piece.length);
    },
  };
  const lengths: number[] = [];
  const buffers = new Set<ArrayBufferLike>();
  for await (const chunk of chunksOf(reader, 16)) {
    lengths.push(chunk.length);
    buffers.add(chunk.buffer);
  }
  assertEquals(lengths, [2, 1, 3]);
  assertEquals(buffers.size, 1);
});

Deno.test("chunksOf() and writeAll() wait where a pipe is non-blocking", async () => {
  let attempts = 0;
  const reader = {
    read: (): Promise<number | null> =>
      ++attempts < 3 ? Promise.reject(new Deno.errors.WouldBlock("busy")) : Promise.resolve(null),
  };
  assertEquals(await collect(chunksOf(reader)), "");
  assertEquals(attempts, 3);
  let written = "";
  const writer = {
    write(bytes: Uint8Array): Promise<number> {
      if (attempts++ % 2 === 0) return Promise.reject(Object.assign(new Error("again"), { code: "EAGAIN" }));
      written += new TextDecoder().decode(bytes.subarray(0, 2));
      return Promise.resolve(Math.min(2, bytes.length));
    },
  };
  await writeAll(writer, bytesOf("hello"));
  assertEquals(written, "hello");
});

Deno.test("writeAll() passes other errors on", async () => {
  const writer = { write: (): Promise<number> => Promise.reject(new Deno.errors.BrokenPipe("gone")) };
  const error = await assertRejects(() => writeAll(writer, bytesOf("x")), Deno.errors.BrokenPipe);
  assert(isClosedPipe(error));
  assert(isClosedPipe(Object.assign(new Error(), { code: "EPIPE" })));
  assert(!isClosedPipe(new Error("EPIPE")));
});

Deno.test("openInput() reads files and FIFOs, and closes them when the reader stops early", async () => {
  await withFolderAsync(async (folder) => {
    Deno.writeTextFileSync(`${folder}/f`, "content");
    assertEquals(await collect(openInput(`${folder}/f`)), "content");
    for await (const _ of openInput(`${folder}/f`)) break;
    run("mkfifo", `${folder}/fifo`);
    const child = new Deno.Command("sh", { args: ["-c", `echo hello > ${folder}/fifo`] }).spawn();
    assertEquals(await collect(openInput(`${folder}/fifo`)), "hello\n");
    await child.status;
    await assertRejects(() => collect(openInput(`${folder}/none`)), Deno.errors.NotFound);
  });
});

Deno.test("openInput() and writeAll() carry megabytes through pipes unchanged", async () => {
  await withFolderAsync(async (folder) => {
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    using file = Deno.openSync(`${folder}/in`, { write: true, createNew: true });
    for (let i = 0; i < 50; i++) file.writeSync(bytes);
    const script = `cat ${folder}/in | "$0" run -A "$1" | (sleep 0.2; cat) > ${folder}/out`;
    const { success } = await new Deno.Command("sh", { args: ["-c", script, Deno.execPath(), CHILD] }).output();
    assert(success);
    run("cmp", `${folder}/in`, `${folder}/out`);
  });
});

Deno.test("writeAll() throws when the reader has gone", async () => {
  const script = `{ cat /dev/zero | "$0" run -A "$1"; echo $? >&2; } | head -c 100000 > /dev/null`;
  const { stderr } = await new Deno.Command("sh", { args: ["-c", script, Deno.execPath(), CHILD] }).output();
  assertEquals(new TextDecoder().decode(stderr).trim(), "77");
});
