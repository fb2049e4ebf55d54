import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Bytes, Engine, ScryptCost } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError, type ArchiveErrorCode } from "../../src/format/errors.ts";
import type { Header, HeaderCopyName } from "../../src/format/header.ts";
import { encodeState } from "../../src/format/locator.ts";
import { isCostInRange, type Slot } from "../../src/format/slots.ts";
import { findCopies, type OpenedHeader, openHeader } from "../../src/archive/header_reader.ts";
import { type KdfLimits, type Key, wrapForPassphrase } from "../../src/archive/unlock.ts";
import { ArchiveBuilder, seededRandom, TEST_KEY } from "./archive_builder.ts";
import { joined } from "./archive_draft.ts";

const COST: ScryptCost = { logN: 10, r: 8, p: 1 };
const random = seededRandom(21);
const builder = new ArchiveBuilder();

/** An engine that counts what scrypt is asked for. */
function counting(): { engine: Engine; costs: ScryptCost[] } {
  const costs: ScryptCost[] = [];
  const scrypt: Engine["scrypt"] = (passphrase, salt, cost, length) => {
    costs.push(cost);
    return nativeEngine.scrypt(passphrase, salt, cost, length);
  };
  return { engine: { ...nativeEngine, scrypt }, costs };
}

/** An engine that has no scrypt: whoever asks for it has not looked at the limits. */
const withoutScrypt: Engine = {
  ...nativeEngine,
  scrypt: () => Promise.reject(new Error("scrypt must not be called")),
};

const wrap = (passphrase: string, cost = COST): Promise<Slot> =>
  wrapForPassphrase(nativeEngine, TEST_KEY, passphrase, cost, random(32));

/** A slot that asks for any cost and that nothing opens. */
function costly(cost: ScryptCost): Slot {
  assert(isCostInRange(cost));
  const covered = joined(Uint8Array.of(0, 1, 0, 100, cost.logN, cost.r, cost.p, 0), random(64));
  return { kind: "passphrase", cost, salt: covered.slice(8, 40), wrapped: covered.slice(40), tag: random(32), covered };
}

const STATE = builder.record("state", encodeState({ kind: "streamed", generation: 1 }));

function copyOf(slots: readonly Slot[], name: HeaderCopyName, more: Partial<Header> = {}): Bytes {
  const header: Header = {
    pages: 1,
    suite: 1,
    generation: 1,
    readFeatures: 0,
    writeFeatures: 0,
    ignorableFeatures: 0,
    state: STATE,
    slots,
    ...more,
  };
  return builder.headerCopy(header, name);
}

const bothCopies = (slots: readonly Slot[]): Bytes => joined(copyOf(slots, "A"), copyOf(slots, "B"));

const passphrase = (text: string): Key => ({ kind: "passphrase", passphrase: text });

function open(engine: Engine, header: Bytes, keys: readonly Key[], limits: KdfLimits = {}): Promise<OpenedHeader> {
  const peek = (length: number) => Promise.resolve(header.slice(0, length));
  return openHeader(engine, peek, keys, limits);
}

async function assertFails(
  code: ArchiveErrorCode,
  engine: Engine,
  header: Bytes,
  keys: readonly Key[],
  limits: KdfLimits = {},
): Promise<void> {
  const error = await assertRejects(() => open(engine, header, keys, limits), ArchiveError);
  assertEquals(error.code, code, error.message);
}

Deno.test("openHeader() opens with either of two passphrases and with the archive key", async () => {
  const header = bothCopies([await wrap("first"), await wrap("second")]);
  for (const [text, tries] of [["first", 1], ["second", 2]] as const) {
    const { engine, costs } = counting();
    const opened = await open(engine, header, [passphrase(text)]);
    assertEquals([opened.keys.archiveKey, opened.copy.name, opened.bodyOffset, opened.warnings], [
      TEST_KEY,
      "A",
      8192,
      [],
    ]);
    assertEquals(costs, Array(tries).fill(COST));
  }
  const { keys } = await open(withoutScrypt, header, [{ kind: "archive-key", archiveKey: TEST_KEY }]);
  assertEquals(keys.archiveKey, TEST_KEY);
});

Deno.test("openHeader() tries several passphrases, and says so when none fits", async () => {
  const header = bothCopies([await wrap("first"), await wrap("second")]);
  const { engine, costs } = counting();
  await open(engine, header, ["no", "neither", "second"].map(passphrase));
  assertEquals(costs.length, 6);
  await assertFails("wrong-key", nativeEngine, header, ["no", "neither"].map(passphrase));
  await assertFails("wrong-key", withoutScrypt, header, []);
  await assertFails("wrong-key", withoutScrypt, header, [{ kind: "archive-key", archiveKey: new Uint8Array(32) }]);
});

Deno.test("openHeader() calls a wrong key wrong when another wrong key is at hand", async () => {
  const header = bothCopies([await wrap("first")]);
  const keys: readonly Key[] = [{ kind: "archive-key", archiveKey: new Uint8Array(32) }, passphrase("no")];
  await assertFails("wrong-key", nativeEngine, header, keys);
});

Deno.test("openHeader() tries a slot once, though both copies have it", async () => {
  const { engine, costs } = counting();
  await assertFails("wrong-key", engine, bothCopies([await wrap("first")]), [passphrase("no")]);
  assertEquals(costs.length, 1);
});

Deno.test("openHeader() gives away no key by a slot whose bytes were changed", async () => {
  const slot = await wrap("first");
  assert(slot.kind === "passphrase");
  for (let at = 8; at < 72; at += 9) {
    const covered = slot.covered.map((byte, i) => i === at ? byte ^ 1 : byte);
    await assertFails("wrong-key", nativeEngine, bothCopies([{ ...slot, covered }]), [passphrase("first")]);
  }
});

Deno.test("openHeader() refuses work over its limits before any of it is done", async () => {
  // 2^25 in one slot; memory is 32 MiB.
  const most = costly({ logN: 18, r: 8, p: 16 });
  assertEquals(2 ** 18 * 8 * 16, 2 ** 25);
  await assertFails(
    "limit",
    withoutScrypt,
    bothCopies([costly({ logN: 21, r: 1, p: 16 }), costly({ logN: 24, r: 32, p: 1 })]),
    [
      passphrase("x"),
    ],
    { work: 2 ** 24 },
  );
  // N·r·p in range and memory not: 2^23 · 8 · 128 bytes are 8 GiB.
  await assertFails("limit", withoutScrypt, bothCopies([costly({ logN: 22, r: 8, p: 1 })]), [passphrase("x")]);
  await assertFails("limit", withoutScrypt, bothCopies([most]), [passphrase("x")], { work: 2 ** 25 - 1 });
  await assertFails("limit", withoutScrypt, bothCopies([most]), [passphrase("x")], { memory: 2 ** 28 - 1 });
});

Deno.test("openHeader() sums the work of the slots of both copies, and each passphrase counts", async () => {
  const cost = { logN: 10, r: 8, p: 2 };
  const work = 2 ** 10 * 8 * 2;
  const slots = [costly(cost), costly(cost), costly(cost)];
  const others = [costly(cost), costly(cost), costly(cost)];
  const header = joined(copyOf(slots, "A"), copyOf(others, "B"));
  for (const [passphrases, most] of [[["a"], 6], [["a", "b"], 12]] as const) {
    const all = counting();
    await assertFails("wrong-key", all.engine, header, passphrases.map(passphrase), { work: most * work });
    assertEquals(all.costs.length, most);
    const less = counting();
    await assertFails("limit", less.engine, header, passphrases.map(passphrase), { work: most * work - 1 });
    assertEquals(less.costs.length, most - 1);
  }
});

Deno.test("openHeader() reaches an honest slot behind whatever a forged copy asks for", async () => {
  // Eight slots that would use up all the work allowed: 8 · 2^22.
  const forged = Array.from({ length: 8 }, () => costly({ logN: 19, r: 8, p: 1 }));
  const header = joined(copyOf(forged, "A", { generation: 9 }), copyOf([await wrap("first")], "B"));
  header[3000] = (header[3000] ?? 0) ^ 1;
  const { engine, costs } = counting();
  const { slot } = await open(engine, header, [passphrase("first")]);
  assert(slot !== undefined);
  assertEquals(costs, [COST]);
});

Deno.test("openHeader() reaches an honest slot though a forged copy's slots are cheaper and many", async () => {
  const cheap = { logN: 10, r: 15, p: 1 };
  const own = { logN: 11, r: 8, p: 1 };
  const work = ({ logN, r, p }: ScryptCost) => 2 ** logN * r * p;
  assert(work(cheap) < work(own));
  const forged = Array.from({ length: 8 }, () => costly(cheap));
  const honest = [await wrap("first", own), await wrap("second", own)];
  const cases: readonly (readonly [string, readonly string[], number])[] = [["first", ["first"], 1], [
    "second",
    ["second"],
    2,
  ], ["second of two given", ["no", "second"], 4]];
  for (const names of [["A", "B"], ["B", "A"]] as const) {
    for (const [what, passphrases, tries] of cases) {
      const copies = {
        [names[0]]: copyOf(forged, names[0], { generation: 9 }),
        [names[1]]: copyOf(honest, names[1]),
      } as Record<HeaderCopyName, Bytes>;
      const header = joined(builder.alterCopy(copies.A, () => {}, "checksum"), copies.B);
      const { engine, costs } = counting();
      // Twice what the honest copy alone takes at most.
      const limits = { work: 2 * tries * work(own) };
      const { slot } = await open(engine, header, passphrases.map(passphrase), limits);
      assert(slot?.kind === "passphrase" && slot.cost.logN === own.logN, what);
      assert(costs.reduce((sum, cost) => sum + work(cost), 0) <= limits.work);
    }
  }
});

Deno.test("openHeader() finds a good copy B wherever a forged copy A says that it is", async () => {
  const slots = [await wrap("first")];
  for (const pages of [1, 4, 16]) {
    for (const claimed of [1, 4, 16]) {
      if (claimed === pages) continue;
      const header = joined(copyOf(slots, "A", { pages }), copyOf(slots, "B", { pages }), new Uint8Array(2 ** 17));
      const forged = copyOf([costly(COST)], "A", { pages: claimed, generation: 9 });
      // It takes no more than is copy A's: what is longer would lie over copy B.
      const most = pages * 4096;
      if (forged.length <= most) header.set(builder.alterCopy(forged, (bytes) => bytes.fill(1, 40, 50), "checksum"));
      else header[10] = claimed;
      const opened = await open(nativeEngine, header, [passphrase("first")]);
      const what = `${pages} pages, ${claimed} claimed`;
      assertEquals([opened.copy.name, opened.bodyOffset, opened.warnings.length], ["B", 2 * most, 1], what);
    }
  }
  // A is good and B is not: nothing else is taken for it.
  const header = joined(copyOf(slots, "A"), new Uint8Array(2 ** 17));
  const opened = await open(nativeEngine, header, [passphrase("first")]);
  assertEquals([opened.copy.name, opened.bodyOffset, opened.warnings.length], ["A", 8192, 1]);
});

Deno.test("openHeader() passes over a slot that costs too much: another may be honest", async () => {
  const { engine, costs } = counting();
  const header = bothCopies([costly({ logN: 24, r: 32, p: 16 }), await wrap("first")]);
  const opened = await open(engine, header, [passphrase("first")]);
  assertEquals([opened.keys.archiveKey, costs], [TEST_KEY, [COST]]);
});

Deno.test("openHeader() takes more work when the user allows it", async () => {
  const { engine, costs } = counting();
  const cost = { logN: 12, r: 8, p: 1 };
  const header = bothCopies([await wrap("first", cost)]);
  await assertFails("limit", engine, header, [passphrase("first")], { work: 2 ** 15 - 1 });
  await open(engine, header, [passphrase("first")], { work: 2 ** 15 });
  assertEquals(costs, [cost]);
});

Deno.test("findCopies() refuses costs out of their ranges before any power is taken", async () => {
  const bad: readonly (readonly [logN: number, r: number, p: number])[] = [
    [9, 8, 1],
    [25, 8, 1],
    [32, 8, 1],
    [255, 8, 1],
    [
      10,
      0,
      1,
    ],
    [10, 33, 1],
    [10, 255, 1],
    [10, 8, 0],
    [10, 8, 17],
    [0, 0, 0],
  ];
  for (const [logN, r, p] of bad) {
    const bytes = joined(Uint8Array.of(0, 1, 0, 100, logN, r, p, 0), random(96));
    await assertFails("limit", withoutScrypt, bothCopies([{ kind: "unknown", number: 1, bytes }]), [passphrase("x")]);
  }
});

Deno.test("findCopies() shows what a hostile header asks for, and does none of it", async () => {
  const bytes = joined(Uint8Array.of(0, 1, 0, 100, 255, 255, 255, 0), random(96));
  const slots: Slot[] = Array.from({ length: 39 }, () => ({ kind: "unknown", number: 1, bytes }));
  const header = joined(copyOf(slots.slice(0, 35), "A"), copyOf(slots.slice(0, 35), "B"));
  const { copies } = await findCopies(withoutScrypt, (length) => Promise.resolve(header.slice(0, length)), "shown");
  assertEquals(copies.map((copy) => copy.header.slots.length), [35, 35]);
  const [slot] = copies[0]?.header.slots ?? [];
  assert(slot?.kind === "passphrase");
  assertEquals(slot.cost, { logN: 255, r: 255, p: 255 });
});

/** Header copies by what is wrong with them; the archive key and the passphrase `first` open the good ones. */
async function copyStates() {
  const slots = [await wrap("first")];
  const a = copyOf(slots, "A");
  const b = copyOf(slots, "B");
  const bad = (copy: Bytes) => copy.map((byte, i) => i === 50 ? byte ^ 1 : byte);
  const forged = (copy: Bytes) => builder.alterCopy(copy, (bytes) => bytes.fill(0xff, 12, 16), "checksum");
  const noChecksum = (copy: Bytes) => copy.map((byte, i) => i === 4095 ? byte ^ 1 : byte);
  return { slots, a, b, bad, forged, noChecksum, lost: new Uint8Array(4096) };
}

Deno.test("openHeader() opens by the good copy and warns about the other", async () => {
  const { slots, a, b, bad, forged, noChecksum, lost } = await copyStates();
  const newer = (name: HeaderCopyName) => copyOf(slots, name, { generation: 2 });
  const other = builder.record("state", encodeState({ kind: "streamed", generation: 1 }));
  const cases: readonly (readonly [what: string, header: Bytes, uses: string, warnings: number])[] = [
    ["both good", joined(a, b), "A1", 0],
    ["A damaged", joined(bad(a), b), "B1", 1],
    ["B damaged", joined(a, bad(b)), "A1", 1],
    ["A lost", joined(lost, b), "B1", 1],
    ["B lost", joined(a, lost), "A1", 1],
    ["A forged", joined(forged(a), b), "B1", 1],
    ["B forged", joined(a, forged(b)), "A1", 1],
    ["A newer", joined(newer("A"), b), "A2", 1],
    ["B newer", joined(a, newer("B")), "B2", 1],
    ["both newer", joined(newer("A"), newer("B")), "A2", 0],
    ["the MAC of A holds and its checksum does not", joined(noChecksum(a), b), "A1", 1],
    ["neither checksum holds", joined(noChecksum(a), noChecksum(b)), "A1", 2],
    ["two states of one generation", joined(a, copyOf(slots, "B", { state: other })), "A1", 1],
    ["two sets of slots of one generation", joined(a, copyOf([...slots, ...slots], "B")), "A1", 1],
    ["A is a second B", joined(b, b), "B1", 1],
  ];
  for (const keys of [[passphrase("first")], [{ kind: "archive-key", archiveKey: TEST_KEY } as const]]) {
    for (const [what, header, uses, warnings] of cases) {
      const opened = await open(nativeEngine, header, keys);
      assertEquals(
        [`${opened.copy.name}${opened.copy.header.generation}`, opened.warnings.length],
        [uses, warnings],
        what,
      );
    }
  }
});

Deno.test("openHeader() tells a damaged header from a wrong key", async () => {
  const { a, b, bad, forged, lost } = await copyStates();
  const keys = [passphrase("first")];
  await assertFails("damaged", nativeEngine, joined(bad(a), bad(b)), keys);
  await assertFails("damaged", nativeEngine, joined(forged(a), forged(b)), keys);
  await assertFails("wrong-key", nativeEngine, joined(forged(a), forged(b)), [passphrase("no")]);
  await assertFails("damaged", nativeEngine, joined(bad(a), bad(b)), [passphrase("no")]);
  await assertFails("not-an-archive", withoutScrypt, joined(lost, lost), keys);
  await assertFails("not-an-archive", withoutScrypt, new Uint8Array(0), keys);
  await assertFails("truncated", withoutScrypt, a.slice(0, 4095), keys);
});

Deno.test("openHeader() opens with a slot that only the older or the damaged copy has", async () => {
  const { slots, a, b, bad } = await copyStates();
  const changedSlots = [await wrap("changed")];
  const newer = copyOf(changedSlots, "B", { generation: 2 });
  // The archive key is one; the newer copy counts, whichever copy's slot gave the key.
  const opened = await open(nativeEngine, joined(a, newer), [passphrase("first")]);
  assertEquals([opened.copy.name, opened.warnings.length], ["B", 1]);
  const damaged = await open(nativeEngine, joined(bad(a), copyOf([], "B")), [passphrase("first")]);
  assertEquals([damaged.copy.name, damaged.copy.header.slots.length], ["B", 0]);
  assertEquals(slots.length, 1);
  assertEquals(b.length, 4096);
});

Deno.test("openHeader() refuses passphrases that no archive may have, as a wrong use", async () => {
  const header = bothCopies([await wrap("first")]);
  for (const text of ["", "a\0b", "a\nb", "\ud800", "x".repeat(1025)]) {
    await assertRejects(() => open(withoutScrypt, header, [passphrase(text)]), RangeError);
  }
});

Deno.test("openHeader() keeps no reference to the key it was given", async () => {
  const given = TEST_KEY.slice();
  const opened = await open(nativeEngine, bothCopies([]), [{ kind: "archive-key", archiveKey: given }]);
  given.fill(0);
  assertEquals(opened.keys.archiveKey, TEST_KEY);
});
