import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { MAX_BODY_BYTES, MAX_FRAMES } from "../../src/format/limits.ts";
import {
  decodeLocator,
  decodeState,
  encodeLocator,
  encodeState,
  type Locator,
  RECORD_BYTES,
  RECORD_PLAIN_BYTES,
} from "../../src/format/locator.ts";
import { feedHostile, hex, outcome } from "./hostile_bytes.ts";

const LOCATOR: Locator = {
  generation: 0x01020304,
  segment: { number: 0x11, salt: new Uint8Array(32).fill(0xa1), link: new Uint8Array(32).fill(0xb2) },
  offset: 0x1000,
  length: 0x20000,
  index: { offset: 0x3000, frame: 0x33 },
  trailer: { offset: 0x4000, frame: 0x44 },
  trailerBytes: 0x55,
  snapshots: 0x66,
};
const HASH = new Uint8Array(32).fill(0xc3);

const codeOf = (changes: Partial<Locator>) => outcome(() => decodeLocator(encodeLocator({ ...LOCATOR, ...changes })));

Deno.test("encodeLocator() puts every field where FORMAT.md has it when a locator has all of them", () => {
  const bytes = Uint8Array.from(encodeLocator(LOCATOR));
  assertEquals(bytes.length, 208);
  const u64 = (value: string) => value.padStart(16, "0");
  assertEquals(
    bytes,
    hex(
      `01 000000 01020304 ${u64("11")} ${u64("1000")} ${u64("20000")} ${"a1".repeat(32)} ${"b2".repeat(32)}` +
        `${u64("3000")} ${u64("33")} ${u64("4000")} ${u64("44")} ${u64("55")} ${u64("66")} ${"00".repeat(64)}`,
    ),
  );
  assertEquals([RECORD_PLAIN_BYTES, RECORD_BYTES], [208, 256]);
});

Deno.test("encodeState() repeats the locator and adds its hash when the state is known", () => {
  const bytes = Uint8Array.from(encodeState({ kind: "known", locator: LOCATOR, locatorHash: HASH }));
  const locator = Uint8Array.from(encodeLocator(LOCATOR));
  assertEquals(bytes[0], 2);
  assertEquals(bytes.subarray(1, 144), locator.subarray(1, 144));
  assertEquals(bytes.subarray(144, 176), HASH);
  assert(bytes.subarray(176).every((byte) => byte === 0));
});

Deno.test("encodeState() gives kind and generation and zeros when the archive was streamed", () => {
  const bytes = Uint8Array.from(encodeState({ kind: "streamed", generation: 0x01020304 }));
  assertEquals(bytes, hex(`00 000000 01020304 ${"00".repeat(200)}`));
});

Deno.test("decodeLocator() and decodeState() give back what was encoded when it is sound", () => {
  assertEquals(decodeLocator(encodeLocator(LOCATOR)), LOCATOR);
  const known = { kind: "known", locator: LOCATOR, locatorHash: HASH } as const;
  assertEquals(decodeState(encodeState(known)), known);
  const streamed = { kind: "streamed", generation: 7 } as const;
  assertEquals(decodeState(encodeState(streamed)), streamed);
});

Deno.test("decodeLocator() and decodeState() refuse a record when it is of another kind", () => {
  const [locator, state] = [
    encodeLocator(LOCATOR),
    encodeState({ kind: "known", locator: LOCATOR, locatorHash: HASH }),
  ];
  assertEquals(outcome(() => decodeLocator(state)), "malformed");
  assertEquals(outcome(() => decodeState(locator)), "malformed");
  for (const kind of [3, 0x80, 255]) {
    for (const decode of [decodeLocator, decodeState]) {
      const bytes = Uint8Array.from(locator);
      bytes[0] = kind;
      assertEquals(outcome(() => decode(bytes)), "malformed");
    }
  }
});

Deno.test("decodeLocator() and decodeState() refuse a record when a reserved byte is set", () => {
  const cases = [
    { decode: decodeLocator, bytes: encodeLocator(LOCATOR), reserved: [1, 2, 3, 144, 175, 176, 207] },
    {
      decode: decodeState,
      bytes: encodeState({ kind: "known", locator: LOCATOR, locatorHash: HASH }),
      reserved: [1, 2, 3, 176, 207],
    },
    {
      decode: decodeState,
      bytes: encodeState({ kind: "streamed", generation: 1 }),
      reserved: [1, 2, 3, 8, 32, 144, 207],
    },
  ];
  for (const { decode, bytes, reserved } of cases) {
    assertEquals(outcome(() => decode(bytes)), undefined);
    for (const at of reserved) {
      const changed = Uint8Array.from(bytes);
      changed[at] = 1;
      assertEquals(outcome(() => decode(changed)), "malformed", `${at}`);
    }
  }
});

Deno.test("decodeState() takes a physical offset behind the logical one, in whole pages, of a segment that is not the first", () => {
  const code = (locator: Locator, physical: number) =>
    outcome(() => decodeState(encodeState({ kind: "known", locator, locatorHash: HASH, physical })));
  const { offset } = LOCATOR;
  const known = { kind: "known", locator: LOCATOR, locatorHash: HASH, physical: offset + 0x3000 } as const;
  assertEquals(decodeState(encodeState(known)), known);
  assertEquals(Uint8Array.from(encodeState(known)).subarray(176, 184), hex("0000000000004000"));
  const cases: readonly (readonly [number, string | undefined])[] = [
    [0, undefined],
    [offset + 4096, undefined],
    [offset, "malformed"],
    [offset + 4097, "malformed"],
    [MAX_BODY_BYTES, undefined],
    [MAX_BODY_BYTES + 4096, "malformed"],
  ];
  for (const [physical, expected] of cases) assertEquals(code(LOCATOR, physical), expected, `${physical}`);
  assertEquals(code({ ...LOCATOR, offset: 0, length: 0x5000 }, 4096), "malformed");
});

Deno.test("decodeLocator() refuses a segment when its place is not in whole pages of the body", () => {
  assertEquals(codeOf({ offset: 0, length: 0x5000 }), undefined);
  assertEquals(codeOf({ offset: 1 }), "malformed");
  assertEquals(codeOf({ length: 0x20001 }), "malformed");
  assertEquals(codeOf({ offset: 0, length: 0 }), "malformed");
  const most = { offset: 0, length: MAX_BODY_BYTES };
  assertEquals(codeOf(most), undefined);
  assertEquals(codeOf({ ...most, length: MAX_BODY_BYTES + 4096 }), "malformed");
  assertEquals(codeOf({ ...most, offset: 0x1000 }), "malformed");
});

Deno.test("decodeLocator() refuses index and trailer when they are not in their segment, in this order", () => {
  const { index, trailer, offset, length } = LOCATOR;
  const end = offset + length;
  const cases: readonly (readonly [Partial<Locator>, boolean])[] = [
    [{ index: { ...index, offset: offset + 1 } }, true],
    [{ index: { ...index, offset } }, false],
    [{ index: { ...index, offset: trailer.offset - 1 } }, true],
    [{ index: { ...index, offset: trailer.offset } }, false],
    [{ index: { ...index, frame: trailer.frame - 1 } }, true],
    [{ index: { ...index, frame: trailer.frame } }, false],
    [{ trailerBytes: end - trailer.offset }, true],
    [{ trailerBytes: end - trailer.offset + 1 }, false],
    [{ trailer: { ...trailer, frame: MAX_FRAMES } }, true],
    [{ trailer: { ...trailer, frame: MAX_FRAMES + 1 } }, false],
    [{ snapshots: 1 }, true],
    [{ snapshots: 0 }, false],
  ];
  for (const [changes, sound] of cases) {
    assertEquals(codeOf(changes), sound ? undefined : "malformed", JSON.stringify(changes));
  }
});

Deno.test("decodeLocator() refuses a number when it is 2^53 or more", () => {
  for (const at of [8, 16, 24, 96, 104, 112, 120, 128, 136]) {
    const bytes = Uint8Array.from(encodeLocator(LOCATOR));
    bytes[at] = 0x80;
    assertEquals(outcome(() => decodeLocator(bytes)), "malformed", `${at}`);
  }
});

Deno.test("decodeLocator() and decodeState() throw nothing but ArchiveError when bytes are hostile", () => {
  for (const decode of [decodeLocator, decodeState]) {
    const valid = fc.constantFrom(
      encodeLocator(LOCATOR),
      encodeState({ kind: "known", locator: LOCATOR, locatorHash: HASH }),
      encodeState({ kind: "streamed", generation: 1 }),
    );
    const counts = feedHostile(valid, decode);
    assert(counts.refused > 0 && counts.taken > 0);
  }
});
