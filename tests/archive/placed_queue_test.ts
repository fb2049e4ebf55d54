import { assert, assertEquals, assertRejects } from "@std/assert";
import { PlacedQueue } from "../../src/archive/placed_queue.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { seededRandom } from "./archive_builder.ts";

const CONTENT = seededRandom(1)(40_000);

/** Bytes of which there are `there`, and once were `size`. */
function placed(there: number, size: number = there) {
  const asked: [offset: number, length: number][] = [];
  return {
    size,
    asked,
    readInto(offset: number, bytes: Bytes): Bytes {
      asked.push([offset, bytes.length]);
      const found = CONTENT.subarray(offset, Math.min(offset + bytes.length, there));
      bytes.set(found);
      return bytes.subarray(0, found.length);
    },
  };
}

Deno.test("take() gives the bytes in their order, and those behind what was skipped", async () => {
  for (const [taken, skipped] of [[1, 0], [56, 7000], [4096, 1], [5000, 4096], [3, 10_000], [9999, 9999]] as const) {
    const queue = new PlacedQueue(placed(CONTENT.length));
    let at = 0;
    while (at < CONTENT.length) {
      assertEquals(queue.offset, at);
      assertEquals(await queue.take(taken), CONTENT.subarray(at, at + taken));
      at = Math.min(at + taken, CONTENT.length);
      const passed = queue.skip(skipped);
      assertEquals(passed, Math.min(skipped, CONTENT.length - at));
      at += passed;
    }
    assertEquals((await queue.take(1)).length, 0);
    assertEquals(queue.skip(1), 0);
    assertEquals(queue.offset, CONTENT.length);
  }
});

Deno.test("peek() takes nothing, and may ask for more or less than take() does", async () => {
  const queue = new PlacedQueue(placed(CONTENT.length));
  let at = 0;
  for (let i = 0; at < CONTENT.length; i++) {
    const [ahead, taken] = [(i * 131) % 9000, (i * 17) % 5000];
    assertEquals(await queue.peek(ahead), CONTENT.slice(at, at + ahead));
    assertEquals(await queue.take(taken), CONTENT.slice(at, at + taken));
    at += taken;
    assertEquals(queue.offset, Math.min(at, CONTENT.length));
  }
});

Deno.test("skip() leaves what it passes over unread, but for what came with what was taken", async () => {
  const bytes = placed(CONTENT.length);
  const queue = new PlacedQueue(bytes);
  await queue.take(56);
  queue.skip(30_000);
  await queue.take(56);
  assertEquals(bytes.asked, [[0, 4096], [30_056, 4096]]);
});

Deno.test("take() gives what there is where bytes have gone that were there", async () => {
  const queue = new PlacedQueue(placed(10_000, 20_000));
  assertEquals((await queue.take(9000)).length, 9000);
  assertEquals(await queue.take(3000), CONTENT.subarray(9000, 10_000));
  assertEquals(queue.offset, 10_000);
  assertEquals((await queue.take(1)).length, 0);
});

Deno.test("take() rejects with what reading throws, once it gets there", async () => {
  const bytes = placed(CONTENT.length);
  const failing = {
    size: bytes.size,
    readInto(offset: number, into: Bytes): Bytes {
      if (offset >= 8000) throw new Error("no such sector");
      return bytes.readInto(offset, into);
    },
  };
  const queue = new PlacedQueue(failing);
  assert((await queue.take(8000)).length === 8000);
  await assertRejects(() => queue.take(1), Error, "no such sector");
});
