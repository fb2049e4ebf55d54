import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import {
  chunkCount,
  chunksLength,
  CODEC,
  decodeHead,
  encodeHead,
  FRAME_OVERHEAD,
  FRAME_TYPE,
  type FrameHead,
  frameLength,
  FrameOrder,
  HEAD_BYTES,
  NONCE_BYTES,
  NONCE_FLAG,
  paddedLength,
  SKIPPABLE_TYPES,
  storedForFrameLength,
  writeNonce,
} from "../../src/format/frame.ts";
import { MAX_CHUNK_BYTES, MAX_FRAME_BYTES, MAX_FRAMES } from "../../src/format/limits.ts";
import { tableOf } from "./format_document.ts";
import { feedHostile, hex, outcome } from "./hostile_bytes.ts";

const HEAD: FrameHead = {
  type: FRAME_TYPE.block,
  codec: CODEC.zstd,
  raw: 0x00010203,
  stored: 0x00000405,
  rows: 0x06070809,
  crc: 0xfffefdfc,
};

const codeOf = (head: Partial<FrameHead>) => outcome(() => decodeHead(encodeHead({ ...HEAD, ...head }), 0));

Deno.test("encodeHead() puts every field where FORMAT.md has it when a head has all of them", () => {
  const bytes = Uint8Array.from(encodeHead(HEAD));
  assertEquals(bytes, hex("01 01 0000 00010203 00000405 06070809 fffefdfc 00000000"));
  assertEquals(decodeHead(bytes, 7), HEAD);
});

Deno.test("decodeHead() gives back what was encoded when heads are arbitrary", () => {
  const heads = fc.record({
    type: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: SKIPPABLE_TYPES, max: 255 })),
    codec: fc.constantFrom(CODEC.stored, CODEC.zstd),
    raw: fc.integer({ min: 1, max: MAX_FRAME_BYTES }),
    rows: fc.nat(0xffffffff),
    crc: fc.nat(0xffffffff),
  }).map((head): FrameHead => ({
    ...head,
    rows: head.type === FRAME_TYPE.trailer || head.type === FRAME_TYPE.padding ? 0 : head.rows,
    stored: head.codec === CODEC.stored ? head.raw : head.raw - 1,
  }));
  fc.assert(fc.property(heads, (head) => assertEquals(decodeHead(encodeHead(head), 0), head)));
});

Deno.test("decodeHead() refuses a type when it is unknown and may not be passed over", () => {
  for (let type = 0; type < 256; type++) {
    const known = (type >= 1 && type <= 8) || type >= 0x80;
    assertEquals(codeOf({ type, rows: 0 }), known ? undefined : "malformed", `${type}`);
  }
});

Deno.test("decodeHead() refuses rows when a trailer, padding or end has some", () => {
  for (let type = 1; type < FRAME_TYPE.trailer; type++) assertEquals(codeOf({ type, rows: 1 }), undefined);
  const end = { type: FRAME_TYPE.end, codec: CODEC.stored, raw: 0, stored: 0 };
  for (const head of [{ type: FRAME_TYPE.trailer }, { type: FRAME_TYPE.padding }, end]) {
    assertEquals(codeOf({ ...head, rows: 0 }), undefined);
    assertEquals(codeOf({ ...head, rows: 1 }), "malformed");
  }
});

Deno.test("decodeHead() takes an end when it has no content, and refuses any other", () => {
  const end: FrameHead = { type: FRAME_TYPE.end, codec: CODEC.stored, raw: 0, stored: 0, rows: 0, crc: 0 };
  assertEquals(codeOf(end), undefined);
  assertEquals(codeOf({ ...end, raw: 1, stored: 1 }), "malformed");
  assertEquals(codeOf({ ...end, codec: CODEC.zstd, raw: 1 }), "malformed");
});

Deno.test("decodeHead() refuses a codec when it is unknown", () => {
  const bytes = encodeHead(HEAD);
  for (let codec = 2; codec < 256; codec++) {
    bytes[1] = codec;
    assertEquals(outcome(() => decodeHead(bytes, 0)), "malformed");
  }
});

Deno.test("decodeHead() refuses a reserved field when any byte of it is set", () => {
  for (const at of [2, 3, 20, 21, 22, 23]) {
    const bytes = encodeHead(HEAD);
    bytes[at] = 1;
    assertEquals(outcome(() => decodeHead(bytes, 0)), "malformed", `${at}`);
  }
});

Deno.test("decodeHead() refuses lengths when they are over 16 MiB", () => {
  const stored = CODEC.stored;
  assertEquals(codeOf({ codec: stored, raw: MAX_FRAME_BYTES, stored: MAX_FRAME_BYTES }), undefined);
  assertEquals(codeOf({ codec: stored, raw: MAX_FRAME_BYTES + 1, stored: MAX_FRAME_BYTES + 1 }), "limit");
  assertEquals(codeOf({ raw: MAX_FRAME_BYTES }), undefined);
  assertEquals(codeOf({ raw: MAX_FRAME_BYTES + 1 }), "limit");
  assertEquals(codeOf({ raw: 10, stored: 0xffffffff }), "limit");
});

Deno.test("decodeHead() refuses lengths when they do not go with the codec", () => {
  assertEquals(codeOf({ codec: CODEC.stored, raw: 10, stored: 10 }), undefined);
  for (const stored of [9, 11]) assertEquals(codeOf({ codec: CODEC.stored, raw: 10, stored }), "malformed");
  assertEquals(codeOf({ raw: 10, stored: 9 }), undefined);
  for (const stored of [10, 11]) assertEquals(codeOf({ raw: 10, stored }), "malformed");
  assertEquals(codeOf({ raw: 0, stored: 0 }), "malformed");
});

Deno.test("decodeHead() throws nothing but ArchiveError when bytes are hostile", () => {
  const counts = feedHostile(fc.constant(encodeHead(HEAD)), (bytes) => {
    const head = new Uint8Array(HEAD_BYTES);
    head.set(bytes.subarray(0, HEAD_BYTES));
    decodeHead(head, 0);
  });
  assert(counts.refused > 0 && counts.taken > 0);
});

Deno.test("frameLength() adds up mark, head, chunks and tags when stored lengths are at the borders", () => {
  assertEquals(FRAME_OVERHEAD, 8 + 24 + 16);
  const lengths: readonly (readonly [number, number, number])[] = [
    // Stored bytes, chunks, bytes of the frame.
    [0, 0, 48],
    [1, 1, 48 + 16 + 16],
    [16, 1, 48 + 16 + 16],
    [17, 1, 48 + 32 + 16],
    [MAX_CHUNK_BYTES - 1, 1, 48 + 65536],
    [MAX_CHUNK_BYTES, 1, 48 + 65536],
    [MAX_CHUNK_BYTES + 1, 2, 48 + 65536 + 32],
    [2 * MAX_CHUNK_BYTES, 2, 48 + 2 * 65536],
    [MAX_FRAME_BYTES, 257, 48 + MAX_FRAME_BYTES + 257 * 16],
  ];
  for (const [stored, chunks, length] of lengths) {
    assertEquals([chunkCount(stored), frameLength(stored)], [chunks, length], `${stored}`);
    assertEquals(chunksLength(stored), length - 48);
    assertEquals(paddedLength(stored) % 16, 0);
  }
});

Deno.test("storedForFrameLength() gives the stored length when there is one, for all multiples of 16 up to 300 KiB", () => {
  const byLength = new Map<number, number>();
  for (let stored = 0; stored <= 300 * 1024; stored += 16) byLength.set(frameLength(stored), stored);
  let without = 0;
  for (let length = 0; length <= 300 * 1024; length += 16) {
    const stored = storedForFrameLength(length);
    assertEquals(stored, byLength.get(length), `${length}`);
    if (length >= FRAME_OVERHEAD && stored === undefined) without++;
  }
  // 48 + 65,536 k + 16: a tag without plaintext.
  assertEquals(without, 5);
});

Deno.test("storedForFrameLength() gives nothing when a length is no multiple of 16", () => {
  for (let length = 0; length < 1000; length++) {
    if (length % 16 !== 0) assertEquals(storedForFrameLength(length), undefined);
  }
});

Deno.test("writeNonce() puts frame, chunk and flag one behind the other when they are large", () => {
  const nonce = new Uint8Array(NONCE_BYTES);
  writeNonce(nonce, 0x01020304050607, 0x08090a0b, 0x0c);
  assertEquals(nonce, hex("01020304050607 08090a0b 0c"));
  writeNonce(nonce, MAX_FRAMES, 256, NONCE_FLAG.last);
  assertEquals(nonce, hex("000000ffffffff 00000100 01"));
  writeNonce(nonce, 0, 0, NONCE_FLAG.head);
  assertEquals(nonce, hex("00000000000000 00000000 02"));
});

Deno.test("writeNonce() gives different nonces when any of frame, chunk and flag differs", () => {
  const part = fc.tuple(fc.nat(2 ** 31), fc.nat(300), fc.constantFrom(...Object.values(NONCE_FLAG)));
  fc.assert(fc.property(part, part, (a, b) => {
    fc.pre(a.join() !== b.join());
    const [x, y] = [new Uint8Array(NONCE_BYTES), new Uint8Array(NONCE_BYTES)];
    writeNonce(x, ...a);
    writeNonce(y, ...b);
    assertNotEquals(x, y);
  }));
});

/** FORMAT.md's frame order as a regular expression over one letter a frame, and each letter's frame type. */
const ORDER = /^b*p*o*isnx*td*e$/;
const LETTERS: Readonly<Record<string, number>> = { b: 1, p: 2, o: 3, i: 4, s: 5, n: 6, x: 0x81, t: 7, d: 8, e: 9 };

/** Whether some sequence in the right order begins so. Three more frames of each kind are enough to find out. */
function beginsRight(sequence: string): boolean {
  for (let skip = 0; skip <= "isnte".length; skip++) if (ORDER.test(sequence + "isnte".slice(skip))) return true;
  return false;
}

function takes(sequence: string): boolean {
  const order = new FrameOrder();
  return outcome(() => [...sequence].forEach((letter, i) => order.next(LETTERS[letter] as number, i))) === undefined;
}

Deno.test("FrameOrder.next() takes a frame after another when FORMAT.md has that order, for all pairs", () => {
  // The shortest beginning that ends in each frame.
  const before: Readonly<Record<string, string>> = {
    "": "",
    b: "b",
    p: "p",
    o: "o",
    i: "i",
    s: "is",
    n: "isn",
    x: "isnx",
    t: "isnt",
    d: "isntd",
    e: "isnte",
  };
  let taken = 0;
  for (const beginning of Object.values(before)) {
    assert(takes(beginning), beginning);
    for (const letter of Object.keys(LETTERS)) {
      const sequence = beginning + letter;
      assertEquals(takes(sequence), beginsRight(sequence), sequence);
      if (takes(sequence)) taken++;
    }
  }
  // After nothing b, p, o or i; b: bpoi; p: poi; o: oi; i: s; s: n; n: xt; x: xt; t: de; d: de; e: none.
  assertEquals(taken, 4 + 4 + 3 + 2 + 1 + 1 + 2 + 2 + 2 + 2);
});

Deno.test("FrameOrder.next() agrees with FORMAT.md's order when sequences are arbitrary", () => {
  const letters = Object.keys(LETTERS);
  const noise = fc.array(fc.constantFrom(...letters), { maxLength: 12 }).map((list) => list.join(""));
  const near = fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2), noise, fc.nat(20)).map(
    ([b, p, o, x, d, extra, at]) => {
      const right = "b".repeat(b) + "p".repeat(p) + "o".repeat(o) + "isn" + "x".repeat(x) + "t" + "d".repeat(d) + "e";
      return right.slice(0, at) + extra.slice(0, at % 3) + right.slice(at);
    },
  );
  fc.assert(
    fc.property(fc.oneof(noise, near), (sequence) => assertEquals(takes(sequence), beginsRight(sequence), sequence)),
    { numRuns: 2000 },
  );
});

Deno.test("FrameOrder.next() takes every type that may be passed over when it stands before the trailer", () => {
  for (let type = SKIPPABLE_TYPES; type < 256; type++) {
    const order = new FrameOrder();
    for (const letter of "isn") order.next(LETTERS[letter] as number, 0);
    order.next(type, 0);
    assertEquals(outcome(() => new FrameOrder().next(type, 0)), "malformed");
  }
});

Deno.test("FrameOrder.ended is true when the end has come, and not before", () => {
  const order = new FrameOrder();
  for (const letter of "bpisnxtd") {
    order.next(LETTERS[letter] as number, 0);
    assert(!order.ended);
  }
  order.next(FRAME_TYPE.end, 0);
  assert(order.ended);
});

Deno.test("FRAME_TYPE has the numbers of FORMAT.md when compared with its table", () => {
  const names = tableOf("Frame order").filter(([type]) => /^\d+$/.test(type ?? "")).map(([type]) => Number(type));
  assertEquals(names, Object.values(FRAME_TYPE));
});
