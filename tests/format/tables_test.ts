import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Bytes } from "../../src/engine/engine.ts";
import { ByteWriter } from "../../src/format/bytes.ts";
import { encodeColumn } from "../../src/format/columns.ts";
import { MAX_FRAMES, MAX_LABEL_BYTES, MAX_TIME_SECONDS, MIN_TIME_SECONDS } from "../../src/format/limits.ts";
import { decodeTrailer, encodeTrailer, type Trailer } from "../../src/format/tables.ts";
import { feedHostile, hex, outcome } from "./hostile_bytes.ts";

const TRAILER: Trailer = {
  time: { seconds: -2, nanoseconds: 5 },
  label: "né",
  index: { offset: 0x200, frame: 7 },
  totals: { entries: 1 + 2 + 3 + 4 + 5, files: 1, directories: 2, symlinks: 3, hardlinks: 4, fifos: 5, bytes: 6 },
  blocks: 8,
  pages: 9,
  orphanPages: 10,
  partial: true,
  writer: "w",
};

/** The columns of the trailer above, by number. */
const COLUMNS: Readonly<Record<number, string>> = {
  1: "03 05",
  2: "03 6ec3a9",
  3: "8004 07",
  4: "01 02 03 04 05 06",
  5: "08 09 0a",
  6: "01",
  0x81: "01 77",
};

function set(columns: Readonly<Record<number, string>>): Uint8Array {
  const out = new ByteWriter();
  for (const [number, bytes] of Object.entries(columns)) encodeColumn(out, Number(number), hex(bytes));
  return Uint8Array.from(out.view());
}

const codeOf = (columns: Readonly<Record<number, string>>) =>
  outcome(() => decodeTrailer(set({ ...COLUMNS, ...columns })));
const recode = (trailer: Partial<Trailer>) => decodeTrailer(encodeTrailer({ ...TRAILER, ...trailer }));

Deno.test("encodeTrailer() puts every value where FORMAT.md has it when a trailer has all of them", () => {
  assertEquals(Uint8Array.from(encodeTrailer(TRAILER)), set(COLUMNS));
  assertEquals(decodeTrailer(set(COLUMNS)), TRAILER);
});

Deno.test("decodeTrailer() gives defaults when label, flags and writer are left out", () => {
  const plain = { ...TRAILER, label: "", partial: false, writer: "" };
  assertEquals(Uint8Array.from(encodeTrailer(plain)), set({ ...COLUMNS, 2: "", 6: "", 0x81: "" }));
  assertEquals(recode(plain), plain);
});

Deno.test("decodeTrailer() refuses a trailer when a required column is missing or has more or fewer values", () => {
  assertEquals(codeOf({}), undefined);
  for (const number of [1, 3, 4, 5]) {
    const bytes = COLUMNS[number] as string;
    assertEquals(codeOf({ [number]: "" }), "malformed", `${number}`);
    assertEquals(codeOf({ [number]: `${bytes} 00` }), "malformed", `${number}`);
    assertEquals(codeOf({ [number]: bytes.slice(0, -2) }), "malformed", `${number}`);
  }
});

Deno.test("decodeTrailer() refuses a column when it is unknown and may not be passed over", () => {
  assertEquals(codeOf({ 7: "01" }), "malformed");
  assertEquals(codeOf({ 0x82: "01" }), undefined);
});

Deno.test("decodeTrailer() refuses flags when they are unknown", () => {
  assertEquals(decodeTrailer(set({ ...COLUMNS, 6: "00" })).partial, false);
  assertEquals(decodeTrailer(set({ ...COLUMNS, 6: "01" })).partial, true);
  assertEquals(decodeTrailer(set({ ...COLUMNS, 6: "01" })).deduplicated, undefined);
  assertEquals(decodeTrailer(set({ ...COLUMNS, 6: "02" })).deduplicated, true);
  assertEquals(decodeTrailer(set({ ...COLUMNS, 6: "02" })).partial, false);
  assertEquals(decodeTrailer(set({ ...COLUMNS, 6: "03" })).partial, true);
  assertEquals(decodeTrailer(set({ ...COLUMNS, 6: "04" })).checkpoint, true);
  assertEquals(decodeTrailer(set({ ...COLUMNS, 6: "01" })).checkpoint, undefined);
  const all = { partial: true, deduplicated: true, checkpoint: true } as const;
  assertEquals(recode(all), { ...TRAILER, ...all });
  for (const flags of ["08", "09", "0C", "80", "01 00"]) assertEquals(codeOf({ 6: flags }), "malformed", flags);
});

Deno.test("decodeTrailer() refuses a label when it is over 1,024 bytes, and a writer when it is over 255", () => {
  const [label, writer] = ["é".repeat(MAX_LABEL_BYTES / 2), "w".repeat(255)];
  assertEquals(recode({ label, writer }), { ...TRAILER, label, writer });
  assertEquals(outcome(() => recode({ label: `${label}x` })), "malformed");
  assertEquals(outcome(() => recode({ writer: `${writer}x` })), "malformed");
});

Deno.test("decodeTrailer() refuses nanoseconds when they make a second, and a frame number that none can have", () => {
  assertEquals(recode({ time: { seconds: 0, nanoseconds: 999_999_999 } }).time.nanoseconds, 999_999_999);
  assertEquals(outcome(() => recode({ time: { seconds: 0, nanoseconds: 1_000_000_000 } })), "malformed");
  for (const seconds of [MIN_TIME_SECONDS, MAX_TIME_SECONDS]) {
    assertEquals(recode({ time: { seconds, nanoseconds: 0 } }).time.seconds, seconds);
    const beyond = { seconds: seconds + Math.sign(seconds), nanoseconds: 0 };
    assertEquals(outcome(() => recode({ time: beyond })), "malformed");
  }
  assertEquals(recode({ index: { offset: 0, frame: MAX_FRAMES } }).index.frame, MAX_FRAMES);
  assertEquals(outcome(() => recode({ index: { offset: 0, frame: MAX_FRAMES + 1 } })), "malformed");
});

const trailers: fc.Arbitrary<Trailer> = fc.record({
  time: fc.record({ seconds: fc.integer({ min: -(2 ** 35), max: 2 ** 35 }), nanoseconds: fc.nat(999_999_999) }),
  label: fc.string({ unit: "grapheme", maxLength: 20 }),
  index: fc.record({ offset: fc.nat(2 ** 50), frame: fc.nat(MAX_FRAMES) }),
  totals: fc.tuple(fc.nat(9), fc.nat(2 ** 40), fc.nat(9), fc.nat(9), fc.nat(9), fc.nat(2 ** 52)).map(
    ([files, directories, symlinks, hardlinks, fifos, bytes]) => {
      const entries = files + directories + symlinks + hardlinks + fifos;
      return { entries, files, directories, symlinks, hardlinks, fifos, bytes };
    },
  ),
  blocks: fc.nat(2 ** 32),
  pages: fc.nat(2 ** 32),
  orphanPages: fc.nat(9),
  partial: fc.boolean(),
  writer: fc.string({ maxLength: 20 }),
});

Deno.test("decodeTrailer() gives back what was encoded when trailers are arbitrary", () => {
  fc.assert(fc.property(trailers, (trailer) => assertEquals(decodeTrailer(encodeTrailer(trailer)), trailer)));
});

Deno.test("decodeTrailer() throws nothing but ArchiveError when bytes are hostile", () => {
  const counts = feedHostile(trailers.map((trailer): Bytes => encodeTrailer(trailer)), decodeTrailer);
  assert(counts.refused > 0 && counts.taken > 0);
});

Deno.test("decodeTrailer() takes up to 8 runs, each in an earlier segment than the one above", () => {
  const runs = [9, 8, 5, 4, 3, 1, 0];
  assertEquals(decodeTrailer(encodeTrailer({ ...TRAILER, runs }, 10), 10).runs, runs);
  assertEquals(outcome(() => decodeTrailer(encodeTrailer({ ...TRAILER, runs: [10, ...runs] }, 11), 11)), "limit");
  assertEquals(codeOf({ 7: "01" }), "malformed");
  assertEquals(outcome(() => decodeTrailer(set({ ...COLUMNS, 7: "01 00" }), 3)), "malformed");
  assertEquals(outcome(() => decodeTrailer(set({ ...COLUMNS, 7: "01 03" }), 3)), "malformed");
});
