import { assert, assertEquals } from "@std/assert";
import type { Bytes, Effort, Engine } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { portableEngine } from "../../src/engine/portable/engine.ts";
import { prepareFrame } from "../../src/archive/compress.ts";
import { CODEC } from "../../src/format/frame.ts";
import { seededRandom } from "./archive_builder.ts";
import { joined } from "./archive_draft.ts";
import { utf8 } from "./sample_tree.ts";

const KIND = { type: 1, rows: 3 };

/** An engine that counts the bytes it is asked to compress with each effort. */
function counting(): { engine: Engine; asked: Map<Effort, number> } {
  const asked = new Map<Effort, number>();
  const compress = (raw: Bytes, effort: Effort): Bytes => {
    asked.set(effort, (asked.get(effort) ?? 0) + raw.length);
    assert(nativeEngine.compress !== undefined);
    return nativeEngine.compress(raw, effort);
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
  // Sixteen pieces of 4 KiB.
  assertEquals([...asked], [["sample", 65_536]]);
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

/** What a program is like: numbers of one and two bytes, again and again. */
function program(length: number): Bytes {
  const noise = seededRandom(4)(length);
  for (let i = 0; i < length; i++) if (i % 8 !== 0) noise[i] = i % 8 < 5 ? (noise[i] as number) % 16 : 0xe8;
  return noise;
}

/** Text in a script whose letters all have two bytes. */
const greek = utf8("όλη δουλειά και καθόλου παιχνίδι\r\n\t".repeat(30_000));

Deno.test("prepareFrame() leaves to content how it is compressed, unless a level is given", () => {
  const large = 2 ** 22;
  const cases: readonly (readonly [Bytes, Effort])[] = [
    [text(60_000), 3],
    [program(60_000), 3],
    [text(2 ** 21), 3],
    [greek, 3],
    [program(2 ** 21), "binary"],
    [program(large), "binary"],
    [text(large), "text"],
  ];
  for (const [raw, expected] of cases) {
    for (const [level, effort] of [["default", expected], [3, 3], [1, 1]] as const) {
      const { engine, asked } = counting();
      const { head, stored } = prepareFrame(engine, KIND, raw, level);
      asked.delete("sample");
      assertEquals([...asked], [[effort, raw.length]]);
      const back = new Uint8Array(head.raw);
      assert(nativeEngine.decompress(stored, back));
      assertEquals(back, raw);
    }
  }
});

Deno.test("prepareFrame() leaves what is small to levels", () => {
  const { engine, asked } = counting();
  prepareFrame(engine, KIND, program(2 ** 20 - 1), "default");
  assertEquals([...asked], [[1, 65_536], [3, 2 ** 20 - 1]]);
});
