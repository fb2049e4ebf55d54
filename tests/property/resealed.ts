/**
 * Frames whose content was changed at random and sealed again, as only a writer with the key can do it: whatever comes
 * of it is an `ArchiveError` or a sound archive, never another exception, and the two ways of reading do not disagree.
 */
import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { seededRandom } from "../archive/archive_builder.ts";
import { type Draft, draftOf, type FrameName, joined, sealDraft } from "../archive/archive_draft.ts";
import { FIXED_OPTIONS } from "../archive/memory_files.ts";
import { codeOf, digestOf, readBySeeking, readByStream } from "../archive/reading.ts";
import { file, sampleTree } from "../archive/sample_tree.ts";
import { CountedSource } from "../archive/sources.ts";

const OPTIONS = { keys: FIXED_OPTIONS.keys };

/** One change of a byte string. */
interface Change {
  readonly kind: "set" | "flip" | "cut" | "insert" | "repeat" | "number";
  /** Where, as a part of the length; most of what can be broken stands at the beginning. */
  readonly at: number;
  readonly value: number;
  readonly length: number;
}

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom("set", "flip", "cut", "insert", "repeat", "number"),
  at: fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 0.05, noNaN: true })),
  value: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)),
  length: fc.integer({ min: 1, max: 9 }),
});

function apply(raw: Bytes, { kind, at, value, length }: Change): Bytes {
  const start = Math.min(raw.length, Math.floor(at * raw.length));
  const [before, after] = [raw.subarray(0, start), raw.subarray(start)];
  const changed = after.slice();
  switch (kind) {
    case "set":
      if (changed.length > 0) changed[0] = value;
      return joined(before, changed);
    case "flip":
      if (changed.length > 0) changed[0] = (changed[0] as number) ^ (2 ** (value % 8));
      return joined(before, changed);
    case "cut":
      return joined(before, after.subarray(length));
    case "insert":
      return joined(before, new Uint8Array(length).fill(value), after);
    case "repeat":
      return joined(before, after.subarray(0, length), after);
    case "number":
      // The largest numbers that a variable-length integer holds, and those that are one more.
      return joined(before, Uint8Array.of(255, 255, 255, 255, 255, 255, 255, value % 17), after.subarray(1));
  }
}

const FRAMES: readonly FrameName[] = [
  "block",
  "page",
  "orphanPage",
  "index",
  "segmentTable",
  "trailer",
  "padding",
  "end",
];

/** One frame to change, and how. */
export interface Case {
  readonly frame: FrameName;
  readonly index: number;
  readonly changes: readonly Change[];
  readonly rows: number;
  readonly level: number | undefined;
}

/** Changes of one frame of a draft. */
export const cases: fc.Arbitrary<Case> = fc.record({
  frame: fc.constantFrom("block", "block", "page", "page", "index", "trailer", ...FRAMES),
  index: fc.integer({ min: 0, max: 2 }),
  changes: fc.array(change, { minLength: 1, maxLength: 4 }),
  rows: fc.constantFrom(0, 0, 0, 0, 1, -1, 2 ** 31),
  level: fc.constantFrom(undefined, 1),
});

function draftFor(): Draft {
  const draft = draftOf([...sampleTree(), file("~more", seededRandom(4)(3000))], 4096);
  const [page] = draft.pages;
  if (page !== undefined) draft.pages.push({ entries: page.entries.splice(5), continues: false });
  return draft;
}

/** Seals an archive with one frame changed and reads it in both ways. */
export async function check({ frame, index, changes, rows, level }: Case): Promise<void> {
  const draft = draftFor();
  draft.onFrame = (honest, name, at) => {
    if (name !== frame || at !== index) return honest;
    const raw = changes.reduce(apply, honest.raw);
    const count = Math.max(0, Math.min(2 ** 32 - 1, (honest.rows ?? 0) + rows));
    return { ...honest, raw, rows: count, ...(level === undefined ? {} : { level }) };
  };
  const { bytes } = sealDraft(draft);
  const stream = await readByStream(nativeEngine, [bytes], OPTIONS);
  const seek = await readBySeeking(nativeEngine, new CountedSource(bytes), OPTIONS);
  // Reading the whole is stricter: what it takes, random access takes too and gives the same.
  if (codeOf(stream) === "none") {
    assertEquals(codeOf(seek), "none", seek.error?.message ?? "");
    assertEquals(digestOf(seek.entries), digestOf(stream.entries));
  }
}
