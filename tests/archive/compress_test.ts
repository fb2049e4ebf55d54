import { assert, assertEquals } from "@std/assert";
import type { Bytes, Engine } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { portableEngine } from "../../src/engine/portable/engine.ts";
import { prepareFrame } from "../../src/archive/compress.ts";
import { CODEC } from "../../src/format/frame.ts";
import { seededRandom } from "./archive_builder.ts";
import { joined } from "./archive_draft.ts";
import { utf8 } from "./sample_tree.ts";

const KIND = { type: 1, rows: 3 };

/** An engine that counts the bytes it is asked to compress at each level. */
function counting(): { engine: Engine; asked: Map<number, number> } {
  const asked = new Map<number, number>();
  const compress = (raw: Bytes, level: number): Bytes => {
    asked.set(level, (asked.get(level) ?? 0) + raw.length);
    assert(nativeEngine.compress !== undefined);
    return nativeEngine.compress(raw, level);
  };
  return { engine: { ...nativeEngine, compress }, asked };
}

const text = (length: number) =>
  utf8("all work and no play makes a dull day\n".repeat(Math.ceil(length / 38)).slice(0, length));

Deno.test("prepareFrame() says what the bytes were, and gives them back through its codec", () => {
  for (
    const raw of [
      new Uint8Array(0),
      utf8("x"),
      text(100),
      text(1_000_000),
      seededRandom(1)(100),
      seededRandom(1)(500_000),
    ]
  ) {
    for (const level of [1, 3, 19, "store"] as const) {
      if (level === 19 && raw.length > 100_000) continue;
      const { head, stored } = prepareFrame(nativeEngine, KIND, raw, level);
      assertEquals([head.type, head.rows, head.raw, head.stored, head.crc], [
        1,
        3,
        raw.length,
        stored.length,
        nativeEngine.crc32(raw),
      ]);
      const back = new Uint8Array(head.raw);
      if (head.codec === CODEC.zstd) {
        assert(stored.length < raw.length);
        assert(nativeEngine.decompress(stored, back));
      } else back.set(stored);
      assertEquals(back, raw);
    }
  }
});

Deno.test("prepareFrame() stores when told to, and where an engine cannot compress", () => {
  assertEquals(prepareFrame(nativeEngine, KIND, text(1000), "store").head.codec, CODEC.stored);
  assertEquals(prepareFrame(portableEngine, KIND, text(1000), 3).head.codec, CODEC.stored);
  assertEquals(prepareFrame(nativeEngine, KIND, text(1000), 3).head.codec, CODEC.zstd);
});

Deno.test("prepareFrame() does not pay for compressing what does not compress", () => {
  const { engine, asked } = counting();
  const { head } = prepareFrame(engine, KIND, seededRandom(2)(2_000_000), 3);
  assertEquals(head.codec, CODEC.stored);
  // The sample: sixteen pieces of 4 KiB at the cheapest level.
  assertEquals([...asked], [[1, 65_536]]);
});

Deno.test("prepareFrame() finds what compresses in the middle of what does not", () => {
  const noise = seededRandom(3)(700_000);
  for (const raw of [joined(noise, text(700_000)), joined(text(700_000), noise), joined(noise, text(700_000), noise)]) {
    const { head } = prepareFrame(nativeEngine, KIND, raw, 3);
    assertEquals(head.codec, CODEC.zstd);
    assert(head.stored < raw.length - 600_000);
  }
});

Deno.test("prepareFrame() stores what is not made shorter, at every length around the sample's", () => {
  for (const length of [1, 2, 15, 65_535, 65_536, 65_537, 69_632]) {
    const { head } = prepareFrame(nativeEngine, KIND, seededRandom(length)(length), 3);
    assertEquals([head.codec, head.stored], [CODEC.stored, length]);
  }
});
