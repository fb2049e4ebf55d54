import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { nativeEngine as engine } from "../../src/engine/native/engine.ts";
import { MAX_WINDOW_BYTES } from "../../src/format/limits.ts";
import { zstdFault } from "../../src/format/zstd.ts";
import { hex } from "./hostile_bytes.ts";

const MAGIC = "28b52ffd";
const fault = (bytes: string, raw: number) => zstdFault(hex(bytes), raw);

/** A frame header with a window descriptor and a content size of 4 bytes. */
const windowed = (window: number, raw: number) => {
  const header = hex(`${MAGIC} 80 00 00000000 000000`);
  header[5] = window;
  new DataView(header.buffer).setUint32(6, raw, true);
  return header;
};

Deno.test("zstdFault() finds nothing when a frame came from the engine's compressor", () => {
  for (const length of [1, 255, 256, 65_791, 65_792, 2 ** 20]) {
    const raw = new Uint8Array(length).fill(7);
    for (const level of [1, 3, 19]) {
      const stored = engine.compress?.(raw, level) as Uint8Array;
      assertEquals(zstdFault(stored, length), undefined, `${length} at level ${level}`);
      for (const other of [length - 1, length + 1]) assert(zstdFault(stored, other)?.includes("another content size"));
    }
  }
});

Deno.test("zstdFault() reads content sizes of 1, 2, 4 and 8 bytes when a frame has them", () => {
  const frames: readonly (readonly [string, number])[] = [
    ["20 05", 5],
    ["20 ff", 255],
    // Two bytes count from 256.
    ["60 0000", 256],
    ["60 ffff", 65_791],
    ["40 50 0100", 257],
    ["a0 01020304", 0x04030201],
    ["80 50 00000001", 2 ** 24],
    ["e0 0102030000000000", 0x030201],
    ["c0 50 0000000000010000", 2 ** 40],
  ];
  for (const [header, raw] of frames) {
    assertEquals(fault(`${MAGIC} ${header} 000000`, raw), undefined, header);
    assert(fault(`${MAGIC} ${header} 000000`, raw + 1)?.includes("another content size"), header);
  }
  assert(fault(`${MAGIC} c0 50 ffffffffffffffff 000000`, 0)?.includes("another content size"));
});

Deno.test("zstdFault() refuses a frame when it has no content size", () => {
  for (const descriptor of ["00", "10"]) {
    assert(fault(`${MAGIC} ${descriptor} 50 000000`, 0)?.includes("no content size"));
  }
});

Deno.test("zstdFault() refuses a frame when its magic is another one", () => {
  for (const magic of ["27b52ffd", "29b52ffd", "502a4d18", "5f2a4d18", "00000000", "fd2fb528"]) {
    assert(fault(`${magic} 20 05 000000`, 5)?.includes("no zstd frame"), magic);
  }
});

Deno.test("zstdFault() refuses a frame when it has a checksum, a dictionary or a reserved bit", () => {
  assert(fault(`${MAGIC} 24 05 000000`, 5)?.includes("unknown field"));
  assert(fault(`${MAGIC} 28 05 000000`, 5)?.includes("unknown field"));
  for (const descriptor of ["21", "22", "23"]) {
    assert(fault(`${MAGIC} ${descriptor} 05 05 000000`, 5)?.includes("dictionary"));
  }
});

Deno.test("zstdFault() refuses a window when it is over 16 MiB", () => {
  for (let window = 0; window < 256; window++) {
    // RFC 8878 §3.1.1.1.2, in exact integers.
    const base = 1n << BigInt(10 + (window >> 3));
    const bytes = base + (base / 8n) * BigInt(window & 7);
    const expected = bytes > BigInt(MAX_WINDOW_BYTES) ? "its zstd window is over 16 MiB" : undefined;
    assertEquals(zstdFault(windowed(window, 1000), 1000), expected, `${window}`);
  }
  assertEquals(zstdFault(windowed(14 << 3, 1), 1), undefined);
  assert(zstdFault(windowed((14 << 3) + 1, 1), 1) !== undefined);
});

Deno.test("zstdFault() refuses a frame when its header is cut", () => {
  const whole = hex(`${MAGIC} c0 50 0500000000000000`);
  assertEquals(zstdFault(whole, 5), undefined);
  for (let length = 0; length < whole.length; length++) {
    assert(zstdFault(whole.subarray(0, length), 5)?.includes("too short"), `${length}`);
  }
  assertEquals(fault(`${MAGIC} 20 05`, 5), undefined);
});

Deno.test("zstdFault() reads the frame it was given when that is a view of other memory", () => {
  const memory = concat([hex("ffffff"), hex(`${MAGIC} 20 05 000000`), hex("ff")]);
  assertEquals(zstdFault(memory.subarray(3, -1), 5), undefined);
});
