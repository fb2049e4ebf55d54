import { assertEquals, assertRejects } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { ByteQueue } from "../../src/archive/byte_queue.ts";
import { seededRandom } from "./archive_builder.ts";
import { atRandomSplits, inPieces } from "./sources.ts";

const CONTENT = seededRandom(1)(10_000);

Deno.test("take() gives the bytes in their order, however they come and however they are asked for", async () => {
  for (const pieceBytes of [1, 7, 4096, 20_000]) {
    for (const length of [1, 3, 255, 4097, 9999]) {
      const queue = new ByteQueue(inPieces(CONTENT, pieceBytes));
      for (let at = 0; at < CONTENT.length; at += length) {
        assertEquals(queue.offset, at);
        assertEquals(await queue.take(length), CONTENT.subarray(at, at + length));
      }
      assertEquals((await queue.take(1)).length, 0);
      assertEquals(queue.offset, CONTENT.length);
    }
  }
});

Deno.test("peek() takes nothing, and may ask for more or less than take() does", async () => {
  const queue = new ByteQueue(atRandomSplits(CONTENT, 3));
  let at = 0;
  for (let i = 0; at < CONTENT.length; i++) {
    const [ahead, taken] = [(i * 131) % 3000, (i * 17) % 500];
    assertEquals(await queue.peek(ahead), CONTENT.slice(at, at + ahead));
    assertEquals(await queue.take(taken), CONTENT.slice(at, at + taken));
    at += taken;
    assertEquals(queue.offset, Math.min(at, CONTENT.length));
  }
});

Deno.test("take() gives what there is at the stream's end, and asks for no more", async () => {
  let asked = 0;
  const pieces = function* (): Generator<Bytes> {
    for (asked = 1; asked <= 3; asked++) yield CONTENT.slice(0, 4);
  };
  const queue = new ByteQueue(pieces());
  assertEquals((await queue.take(100)).length, 12);
  assertEquals((await queue.take(100)).length, 0);
  assertEquals(asked, 4);
});

Deno.test("ByteQueue copies a piece before it asks for the next, because a source may reuse its memory", async () => {
  const reused = new Uint8Array(4);
  const pieces = function* (): Generator<Bytes> {
    for (let i = 1; i <= 3; i++) yield reused.fill(i);
  };
  const queue = new ByteQueue(pieces());
  assertEquals(await queue.take(12), Uint8Array.of(1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
});

Deno.test("close() lets the source go, and nothing comes after it", async () => {
  let released = false;
  const pieces = async function* (): AsyncGenerator<Bytes> {
    try {
      for (;;) yield await Promise.resolve(CONTENT.slice(0, 8));
    } finally {
      released = true;
    }
  };
  const queue = new ByteQueue(pieces());
  await queue.take(4);
  await queue.close();
  assertEquals(released, true);
  assertEquals((await queue.take(100)).length, 4);
});

Deno.test("take() passes on what the source throws", async () => {
  const pieces = function* (): Generator<Bytes> {
    yield CONTENT.slice(0, 8);
    throw new Deno.errors.ConnectionReset("gone");
  };
  const queue = new ByteQueue(pieces());
  assertEquals((await queue.take(8)).length, 8);
  await assertRejects(() => queue.take(1), Deno.errors.ConnectionReset);
});
