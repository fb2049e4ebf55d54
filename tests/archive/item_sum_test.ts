import { assert, assertEquals } from "@std/assert";
import { ITEM_KEY_BYTES, ITEM_OFFSET, ItemSum, type Sum } from "../../src/archive/item_sum.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";

const KEY = Uint8Array.from({ length: ITEM_KEY_BYTES }, (_, i) => i);
const counting = (length: number): Bytes => Uint8Array.from({ length }, (_, i) => i % 256);

function start(): readonly [name: string, sum: ItemSum][] {
  return [["kernel", new ItemSum(nativeEngine, KEY)], ["without WebAssembly", new ItemSum(nativeEngine, KEY, null)]];
}

function count(sum: ItemSum, item: Bytes, sign: 1 | -1 = 1): void {
  sum.reserve(item.length);
  sum.bytes.set(item, ITEM_OFFSET);
  sum.count(ITEM_OFFSET + item.length, sign);
}

function hexOf(sum: Sum): string {
  return new Uint8Array(sum.buffer, sum.byteOffset, sum.byteLength).toHex();
}

/** SipHash-2-4 with 16 bytes, of 0, 1, 2, … under 00 01 … 0f, as `openssl mac … SIPHASH` (OpenSSL 3.0) gives it. */
const PUBLISHED: readonly (readonly [length: number, hash: string])[] = [
  [0, "a3817f04ba25a8e66df67214c7550293"],
  [8, "3b62a9ba6258f5610f83e264f31497b4"],
  [16, "6ee2a4ca67b054bbfd3315bf85230577"],
  [24, "2db479ae78bd50d8882a8a178a6132ad"],
  [56, "1938f2cf72d54ee97e94166fa91d2a36"],
  [256, "67a00304d3834c4612eaee7b5f579acb"],
];

Deno.test("count() adds SipHash-2-4 with 128 bits when WebAssembly may run", () => {
  const sum = new ItemSum(nativeEngine, KEY);
  for (const [length, hash] of PUBLISHED) {
    count(sum, counting(length));
    assertEquals(hexOf(sum.take()), hash, `${length}`);
  }
});

Deno.test("count() adds the beginning of SHA-256 over key and item when WebAssembly may not run", () => {
  const sum = new ItemSum(nativeEngine, KEY, null);
  count(sum, counting(24));
  assertEquals(hexOf(sum.take()), nativeEngine.sha256(KEY, counting(24)).subarray(0, 16).toHex());
});

Deno.test("count() adds and takes away modulo 2^128, in any order", () => {
  for (const [name, sum] of start()) {
    const items = Array.from({ length: 50 }, (_, i) => counting(8 * i));
    let expected = 0n;
    for (const item of items) {
      const [, alone] = start().find(([other]) => other === name) as [string, ItemSum];
      count(alone, item);
      expected = (expected + valueOf(alone.take())) % 2n ** 128n;
      count(sum, item);
    }
    const all = sum.take();
    assertEquals(valueOf(all), expected, name);
    sum.add(all);
    for (const item of items.toReversed()) {
      assert(!sum.isZero, name);
      count(sum, item, -1);
    }
    assert(sum.isZero, name);
    count(sum, counting(8), -1);
    assert(!sum.isZero, name);
    count(sum, counting(8));
    assert(sum.isZero, name);
  }
});

Deno.test("reserve() keeps key and sum when an item needs more memory", () => {
  for (const [name, sum] of start()) {
    const large = counting(300_000);
    count(sum, large);
    count(sum, counting(8));
    count(sum, large, -1);
    assertEquals(sum.bytes.subarray(0, ITEM_KEY_BYTES), KEY, name);
    count(sum, counting(8), -1);
    assert(sum.isZero, name);
  }
});

function valueOf(sum: Sum): bigint {
  return sum.reduceRight((value, word) => value * 2n ** 32n + BigInt(word), 0n);
}
