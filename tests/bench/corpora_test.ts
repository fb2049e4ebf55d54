import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { makeCorpora, randomChunks, smallFiles, textChunks } from "../../bench/corpora.ts";
import { Random } from "../../bench/random.ts";
import { TextWriter } from "../../bench/text.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { pathFault } from "../../src/format/path.ts";

const MEBIBYTE = 2 ** 20;

function crcOf(chunks: Iterable<Uint8Array>): number {
  return nativeEngine.crc32(joined(chunks));
}

function joined(chunks: Iterable<Uint8Array>): Uint8Array {
  const all = [...chunks];
  const bytes = new Uint8Array(all.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of all) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function ratioOf(bytes: Uint8Array): number {
  const { compress } = nativeEngine;
  assert(compress !== undefined);
  return bytes.length / compress(bytes, 3).length;
}

// Kept figures are of these bytes: where one of the values has to change, CORPORA_VERSION goes up.
Deno.test("the corpora are the bytes that figures have been kept for", () => {
  const files = [...smallFiles(300)].map(({ path, modifiedMs }) => `${path} ${modifiedMs}\n`).join("");
  assertEquals(
    {
      names: nativeEngine.crc32(new TextEncoder().encode(files)),
      small: crcOf(smallFiles(300).map(({ bytes }) => bytes.slice())),
      text: crcOf(textChunks(3 * MEBIBYTE)),
      random: crcOf(randomChunks(3 * MEBIBYTE)),
    },
    { names: 3083497325, small: 3479850579, text: 496343863, random: 3765437199 },
  );
});

Deno.test("Random gives equal sequences for equal seeds, others for others, and stays below its limit", () => {
  const draw = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 100 }, () => random.next());
  };
  assertEquals(draw(7), draw(7));
  assertEquals(new Set([...draw(7), ...draw(8), ...draw(9)]).size, 300);
  const random = new Random(1);
  const drawn = Array.from({ length: 1000 }, () => random.below(3));
  for (const value of [0, 1, 2]) assertGreater(drawn.filter((one) => one === value).length, 250);
  assertEquals(drawn.every((value) => value === 0 || value === 1 || value === 2), true);
});

Deno.test("TextWriter goes on where it stopped", () => {
  const whole = new Uint8Array(1000);
  new TextWriter(5).fill(whole);
  const parts = new Uint8Array(1000);
  const writer = new TextWriter(5);
  for (const [start, end] of [[0, 1], [1, 7], [7, 7], [7, 600], [600, 1000]]) writer.fill(parts.subarray(start, end));
  assertEquals(parts, whole);
});

Deno.test("textChunks() compresses as text does, everywhere alike, and is ASCII", () => {
  for (const chunk of textChunks(4 * MEBIBYTE)) {
    assertGreater(ratioOf(chunk), 3);
    assertLess(ratioOf(chunk), 5);
    assertEquals(chunk.every((byte) => byte === 0x0a || (byte >= 0x20 && byte < 0x7f)), true);
  }
});

Deno.test("textChunks() does not repeat itself: four pieces compress no better than one", () => {
  const [first, ...rest] = [...textChunks(4 * MEBIBYTE)];
  assert(first !== undefined);
  assertLess(ratioOf(joined([first, ...rest])), 1.1 * ratioOf(first));
});

Deno.test("randomChunks() does not compress, and its pieces differ", () => {
  const chunks = [...randomChunks(2 * MEBIBYTE + 4)];
  assertEquals(chunks.map((chunk) => chunk.length), [MEBIBYTE, MEBIBYTE, 4]);
  assertLess(ratioOf(joined(chunks)), 1.0001);
});

Deno.test("smallFiles() makes a nested tree of unlike files with allowed, different paths", () => {
  const files = [...smallFiles(2000).map((file) => ({ ...file, bytes: file.bytes.slice() }))];
  assertEquals(new Set(files.map(({ path }) => path)).size, 2000);
  assertEquals(files.map(({ path }) => pathFault(path)).filter((fault) => fault !== undefined), []);
  assertGreater(Math.max(...files.map(({ path }) => path.split("/").length)), 3);
  const sizes = files.map(({ bytes }) => bytes.length);
  assertEquals([Math.min(...sizes) >= 200, Math.max(...sizes) <= 20_000], [true, true]);
  assertLess(Math.min(...sizes), 300);
  assertGreater(Math.max(...sizes), 15_000);
  assertEquals(new Set(files.map(({ bytes }) => nativeEngine.crc32(bytes))).size, 2000);
  // No path is a folder for one file and a file itself: making the tree would fail half-way.
  const paths = new Set(files.map(({ path }) => path));
  for (const { path } of files) {
    for (let cut = path.indexOf("/"); cut > 0; cut = path.indexOf("/", cut + 1)) {
      assertEquals(paths.has(path.slice(0, cut)), false);
    }
  }
});

Deno.test("makeCorpora() makes what it says, finds it again, and leaves other folders alone", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const scale = 0.001;
    const corpora = await makeCorpora(folder, { scale });
    assertEquals(corpora.map(({ name, files }) => [name, files]), [["small", 40], ["text", 1], ["random", 1]]);
    for (const corpus of corpora) {
      let files = 0;
      let bytes = 0;
      const visit = async (path: string): Promise<void> => {
        for await (const entry of Deno.readDir(path)) {
          const inside = join(path, entry.name);
          if (entry.isDirectory) await visit(inside);
          else {
            files++;
            bytes += (await Deno.stat(inside)).size;
          }
        }
      };
      await visit(corpus.folder);
      assertEquals([files, bytes], [corpus.files, corpus.bytes]);
      assertEquals((await Deno.stat(join(corpus.folder, corpus.sample))).isFile, true);
    }
    await Deno.writeTextFile(join(folder, "text", "text.log"), "still here");
    assertEquals(await makeCorpora(folder, { scale }), corpora);
    assertEquals(await Deno.readTextFile(join(folder, "text", "text.log")), "still here");
    await assertRejects(() => makeCorpora(folder, { scale: 0.002 }), Error, "scale 0.001");
    await assertRejects(() => makeCorpora(join(folder, "text"), { scale }), Error, "not empty");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("makeCorpora() stops when it is told to", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const signal = AbortSignal.abort(new Error("enough"));
    await assertRejects(() => makeCorpora(folder, { scale: 0.001, signal }), Error, "enough");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
