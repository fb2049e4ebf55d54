import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import fc from "fast-check";
import type { Bytes, ScryptCost } from "../../src/engine/engine.ts";
import { MAX_PASSPHRASE_SLOTS, MAX_SLOTS } from "../../src/format/limits.ts";
import {
  decodeSlots,
  encodePassphraseSlot,
  isCostInRange,
  kdfMemory,
  kdfWork,
  type Slot,
  slotBytes,
} from "../../src/format/slots.ts";
import { testValue } from "./format_document.ts";
import { feedHostile, hex, outcome } from "./hostile_bytes.ts";

const COST: ScryptCost = { logN: 17, r: 8, p: 1 };

/** A whole passphrase slot with recognisable fields. */
function passphraseSlot(cost: ScryptCost = COST, fill = 0xa0): Uint8Array<ArrayBuffer> {
  const [salt, wrapped, tag] = [fill, fill + 1, fill + 2].map((byte) => new Uint8Array(32).fill(byte));
  return concat([encodePassphraseSlot(cost, salt!, wrapped!), tag!]);
}

function unknownSlot(kind: number, value: string): Uint8Array<ArrayBuffer> {
  const bytes = hex(value);
  return concat([Uint8Array.of(kind >> 8, kind & 255, bytes.length >> 8, bytes.length & 255), bytes]);
}

const decode = (slots: readonly Uint8Array[], count = slots.length): Slot[] =>
  decodeSlots(concat(slots), count, "kept");

Deno.test("encodePassphraseSlot() gives the bytes of FORMAT.md when a tag follows them", () => {
  const slot = testValue("passphrase slot");
  const [decoded] = decode([slot]);
  assert(decoded?.kind === "passphrase");
  assertEquals(decoded.cost, { logN: 10, r: 8, p: 1 });
  assertEquals(Uint8Array.from(decoded.covered), slot.slice(0, 72));
  assertEquals(Uint8Array.from(encodePassphraseSlot(decoded.cost, decoded.salt, decoded.wrapped)), slot.slice(0, 72));
  assertEquals(Uint8Array.from(decoded.tag), slot.slice(72));
});

Deno.test("decodeSlots() gives every field when a slot is of kind 1", () => {
  const [slot] = decode([passphraseSlot({ logN: 10, r: 32, p: 16 })]);
  assert(slot?.kind === "passphrase");
  assertEquals(slot.cost, { logN: 10, r: 32, p: 16 });
  assertEquals([slot.salt, slot.wrapped, slot.tag].map((field) => [field.length, field[0]]), [[32, 0xa0], [32, 0xa1], [
    32,
    0xa2,
  ]]);
  assertEquals(slot.covered.length, 72);
});

Deno.test("decodeSlots() keeps a slot byte for byte when its kind is unknown", () => {
  const slots = [unknownSlot(4, "aabb"), passphraseSlot(), unknownSlot(0xffff, ""), unknownSlot(0, "00")];
  const decoded = decode(slots);
  assertEquals(decoded.map((slot) => slot.kind), ["unknown", "passphrase", "unknown", "unknown"]);
  assertEquals(decoded.map((slot) => slot.kind === "unknown" ? slot.number : 1), [4, 1, 0xffff, 0]);
  assertEquals(concat(decoded.map((slot) => Uint8Array.from(slotBytes(slot)))), concat(slots));
});

Deno.test("decodeSlots() keeps a passphrase slot like an unknown one when it has flags of a later version", () => {
  const slot = passphraseSlot({ logN: 255, r: 255, p: 255 });
  for (const flags of [2, 3, 0x80]) {
    slot[7] = flags;
    const longer = concat([Uint8Array.of(0, 1, 0, 101), slot.subarray(4), Uint8Array.of(9)]);
    for (const bytes of [slot, longer]) {
      const [decoded] = decode([bytes]);
      assert(decoded?.kind === "unknown");
      assertEquals(Uint8Array.from(slotBytes(decoded)), bytes);
    }
  }
});

Deno.test("decodeSlots() refuses a slot of kind 1 when its value has another length", () => {
  const slot = passphraseSlot();
  const cut = concat([Uint8Array.of(0, 1, 0, 99), slot.subarray(4, 103)]);
  const longer = concat([Uint8Array.of(0, 1, 0, 101), slot.subarray(4), Uint8Array.of(0)]);
  const empty = Uint8Array.of(0, 1, 0, 0);
  for (const bytes of [cut, longer, empty]) assertEquals(outcome(() => decode([bytes])), "malformed");
});

Deno.test("decodeSlots() gives every field of slots of kinds 2 and 3, and of kind 1 with a key file", () => {
  const filled = (length: number, fill: number) => new Uint8Array(length).fill(fill);
  const flagged = passphraseSlot();
  flagged[7] = 1;
  const keyFile = concat([Uint8Array.of(0, 2, 0, 96), filled(32, 1), filled(32, 2), filled(32, 3)]);
  const recipient = concat([Uint8Array.of(0, 3, 4, 160), filled(1120, 4), filled(32, 5), filled(32, 6)]);
  const [first, second, third] = decode([flagged, keyFile, recipient]);
  assert(first?.kind === "passphrase" && second?.kind === "key-file" && third?.kind === "recipient");
  assertEquals(first.withKeyFile, true);
  assertEquals([second.salt[0], second.wrapped[0], second.tag[0], second.covered.length], [1, 2, 3, 68]);
  assertEquals([third.encapsulated.length, third.wrapped[0], third.tag[0], third.covered.length], [1120, 5, 6, 1156]);
  const slots = [first, second, third].map((slot) => Uint8Array.from(slotBytes(slot)));
  assertEquals(concat(slots), concat([flagged, keyFile, recipient]));
});

Deno.test("decodeSlots() refuses slots of kinds 2 and 3 when their values have another length", () => {
  for (const [kind, bytes] of [[2, 96], [3, 1184]] as const) {
    for (const length of [0, 1, bytes - 1, bytes + 1]) {
      assertEquals(outcome(() => decode([unknownSlot(kind, "00".repeat(length))])), "malformed");
    }
    assertEquals(outcome(() => decode([unknownSlot(kind, "00".repeat(bytes))])), undefined);
  }
});

Deno.test("decodeSlots() refuses a cost when it is outside its range", () => {
  const inside: ScryptCost[] = [{ logN: 10, r: 1, p: 1 }, { logN: 24, r: 32, p: 16 }];
  const outside: ScryptCost[] = [
    { ...COST, logN: 9 },
    { ...COST, logN: 25 },
    { ...COST, logN: 32 },
    { ...COST, logN: 255 },
    { ...COST, logN: 0 },
    { ...COST, r: 0 },
    { ...COST, r: 33 },
    { ...COST, p: 0 },
    { ...COST, p: 17 },
  ];
  for (const cost of inside) {
    assert(isCostInRange(cost));
    assertEquals(outcome(() => decode([passphraseSlot(cost)])), undefined);
  }
  for (const cost of outside) {
    assert(!isCostInRange(cost));
    assertEquals(outcome(() => decode([passphraseSlot(cost)])), "limit", JSON.stringify(cost));
    const [shown] = decodeSlots(passphraseSlot(cost), 1, "shown");
    assertEquals(shown?.kind === "passphrase" && shown.cost, cost);
  }
});

Deno.test("decodeSlots() refuses slots when there are over 32", () => {
  const slots = Array.from({ length: MAX_SLOTS + 1 }, () => unknownSlot(9, "aa"));
  assertEquals(decode(slots.slice(1)).length, 32);
  assertEquals(outcome(() => decode(slots)), "limit");
  assertEquals(decodeSlots(concat(slots), slots.length, "shown").length, 33);
});

Deno.test("decodeSlots() refuses slots when over 8 are of kind 1, whatever their flags", () => {
  const slots = Array.from({ length: MAX_PASSPHRASE_SLOTS }, () => passphraseSlot());
  assertEquals(decode([unknownSlot(9, "aa"), ...slots]).length, 9);
  const flagged = passphraseSlot();
  flagged[7] = 1;
  for (const ninth of [passphraseSlot(), flagged]) {
    assertEquals(outcome(() => decode([...slots, ninth])), "limit");
    assertEquals(decodeSlots(concat([...slots, ninth]), 9, "shown").length, 9);
  }
});

Deno.test("decodeSlots() refuses slots when they do not fill their length exactly", () => {
  const slots = [unknownSlot(4, "aabb"), unknownSlot(5, "cc")];
  assertEquals(outcome(() => decode(slots, 1)), "malformed");
  assertEquals(outcome(() => decode(slots, 3)), "malformed");
  const bytes = concat(slots);
  for (let length = 0; length < bytes.length; length++) {
    assertEquals(outcome(() => decodeSlots(bytes.subarray(0, length), 2, "kept")), "malformed");
  }
  assertEquals(decodeSlots(new Uint8Array(0), 0, "kept"), []);
});

Deno.test("kdfWork() and kdfMemory() give N·r·p and 128·N·r when costs are large", () => {
  assertEquals(kdfWork(COST), 2 ** 20);
  assertEquals(kdfMemory(COST), 2 ** 27);
  // Beyond 32 bits, where a shift would have wrapped around.
  assertEquals(kdfWork({ logN: 24, r: 32, p: 16 }), 2 ** 33);
  assertEquals(kdfMemory({ logN: 24, r: 32, p: 1 }), 2 ** 36);
});

const slots = fc.array(
  fc.oneof(
    fc.record({ logN: fc.nat(30), r: fc.nat(40), p: fc.nat(20) }).map((cost) => passphraseSlot(cost)),
    fc.tuple(fc.nat(0xffff), fc.uint8Array({ maxLength: 20 })).map(([kind, value]) => unknownSlot(kind, value.toHex())),
  ),
  { minLength: 3, maxLength: 3 },
);

Deno.test("decodeSlots() throws nothing but ArchiveError when bytes are hostile", () => {
  const valid = slots.map((list): Bytes => concat(list));
  for (const limits of ["kept", "shown"] as const) {
    const counts = feedHostile(valid, (bytes) => decodeSlots(bytes, 3, limits));
    assert(counts.refused > 0 && counts.taken > 0);
  }
});
