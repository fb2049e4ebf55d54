/** `repair` over a disk that loses power: whatever is left is no worse than before, and a second run mends it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { openHeader } from "../../src/archive/header_reader.ts";
import { type MendableSource, repairArchive, type RepairOptions } from "../../src/archive/repair.ts";
import { RECORD_BYTES } from "../../src/format/locator.ts";
import { deriveSegmentKey, KEY_BYTES } from "../../src/format/keys.ts";
import { FRAME_TYPE } from "../../src/format/frame.ts";
import { FrameCipher } from "../../src/archive/frame_cipher.ts";
import { asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "../archive/memory_files.ts";
import { codeOf, readBySeeking, readByStream } from "../archive/reading.ts";
import { sampleTree } from "../archive/sample_tree.ts";
import { salvage } from "../archive/salvaging.ts";
import { CountedSource } from "../archive/sources.ts";
import { FaultyFiles } from "./faulty_files.ts";

const PATH = "/d/a.coffer";
const OPTIONS = { keys: FIXED_OPTIONS.keys };
const ITEMS = sampleTree();
const FILES = ITEMS.filter(({ content }) => content !== undefined).length;

const made = await createInMemory(asFiles(ITEMS), { access: new MemoryFiles(ITEMS), blockBytes: 4096 });

/** A file of some files in memory, as what is mended. */
function targetOn(files: FaultyFiles): MendableSource & Disposable {
  const open = files.openExisting(PATH);
  const content = () => files.files().get(PATH) as Uint8Array;
  // deno-lint-ignore require-await -- errors reject
  const put = async (offset: number, bytes: Bytes) => {
    for (let done = 0; done < bytes.length;) done += open.writeAt(offset + done, bytes.subarray(done));
  };
  return {
    get size() {
      return content().length;
    },
    read: (offset, length) => Promise.resolve(content().slice(offset, offset + length)),
    write: put,
    append: (bytes) => put(content().length, bytes),
    // deno-lint-ignore require-await -- errors reject
    truncate: async (length) => open.truncate(length),
    // deno-lint-ignore require-await -- errors reject
    sync: async () => open.sync(),
    [Symbol.dispose]: () => open.close(),
  };
}

async function repair(files: FaultyFiles, options: RepairOptions = {}): Promise<readonly string[]> {
  using target = targetOn(files);
  const peek = (length: number) => target.read(0, length);
  const opened = await openHeader(nativeEngine, peek, OPTIONS.keys, {});
  const findings = await repairArchive(target, opened, options);
  return findings.map(({ what, action }) => `${what}${action === undefined ? "" : ", mended"}`);
}

const diskWith = (bytes: Bytes) => new FaultyFiles(new Map([[PATH, Uint8Array.from(bytes)]]));
const contentOf = (files: FaultyFiles) => files.files().get(PATH) as Uint8Array;

/** What is wrong with an archive, read in both ways; and that both agree on what is in it. */
async function faultOf(bytes: Bytes): Promise<string> {
  const stream = await readByStream(nativeEngine, [bytes], OPTIONS);
  const seeking = await readBySeeking(nativeEngine, new CountedSource(bytes), OPTIONS);
  const code = codeOf(stream) === "none" ? codeOf(seeking) : codeOf(stream);
  if (code === "none") assertEquals([stream.entries.length, seeking.entries.length], [ITEMS.length, ITEMS.length]);
  return code === "none" && stream.warnings.length > 0 ? "warning" : code;
}

const zeroed = (bytes: Bytes, from: number, to: number) => bytes.slice().fill(0, from, to);
const followedBy = (bytes: Bytes, more: Bytes) => Uint8Array.from([...bytes, ...more]);
const { known, streamed } = made;
const end = known.length;
const JUNK = new TextEncoder().encode("left here by another program\n".repeat(300));

/** What is wrong at first, what it reads as then, and what repair says. */
const CASES: readonly (readonly [what: string, bytes: Bytes, fault: string, findings: readonly string[]])[] = [
  ["nothing", known, "none", []],
  ["nothing, of a pipe", streamed, "none", []],
  ["copy A zeroed", zeroed(known, 0, 4096), "warning", ["header, mended"]],
  ["copy B zeroed", zeroed(known, 4096, 8192), "warning", ["header, mended"]],
  ["a checksum", zeroed(known, 4096 - 32, 4096), "warning", ["header, mended"]],
  ["the locator", zeroed(known, end - RECORD_BYTES, end), "damaged", ["locator, mended"]],
  ["the locator's beginning", zeroed(known, end - RECORD_BYTES, end - 200), "damaged", ["locator, mended"]],
  ["a locator that was cut", known.slice(0, end - 100), "truncated", ["locator, mended"]],
  ["a locator that is gone", known.slice(0, end - RECORD_BYTES), "truncated", ["locator, mended"]],
  ["the locator of a pipe", zeroed(streamed, end - RECORD_BYTES, end), "damaged", ["locator, mended"]],
  ["a cut locator of a pipe", streamed.slice(0, end - 17), "truncated", ["locator, mended"]],
  ["copy A and the locator", zeroed(zeroed(known, 0, 4096), end - 256, end), "damaged", [
    "header, mended",
    "locator, mended",
  ]],
  ["bytes behind it", followedBy(known, JUNK), "trailing-data", ["trailing bytes, mended"]],
  ["bytes behind a pipe's", followedBy(streamed, JUNK), "trailing-data", ["trailing bytes, mended"]],
  ["a bad locator, and bytes behind it", followedBy(zeroed(known, end - 256, end), JUNK), "damaged", [
    "locator, mended",
    "trailing bytes, mended",
  ]],
];

for (const [what, bytes, fault, findings] of CASES) {
  Deno.test(`repair mends ${what}; a crash at any moment leaves it no worse, and a second run mends it`, async () => {
    assertEquals(await faultOf(bytes), fault);
    const dry = diskWith(bytes);
    assertEquals(await repair(dry, { cutTrailing: true, dryRun: true }), findings);
    assertEquals(dry.operations, []);
    const files = diskWith(bytes);
    assertEquals(await repair(files, { cutTrailing: true }), findings);
    assertEquals(await faultOf(contentOf(files)), "none");
    assertEquals(await repair(files, { cutTrailing: true }), []);
    const seen = new Set<string>();
    for (const { label, files: left } of files.replay()) {
      const state = left.get(PATH) as Uint8Array;
      const name = nativeEngine.sha256(state).toHex();
      if (seen.has(name)) continue;
      seen.add(name);
      const got = await salvage(state);
      const whole = [...got.files.values()].filter(({ lost }) => lost.length === 0).length;
      assertEquals([whole, got.summary.mayLackMore], [FILES, false], label);
      const again = diskWith(state);
      await repair(again, { cutTrailing: true });
      assertEquals(await faultOf(contentOf(again)), "none", label);
    }
  });
}

Deno.test("repair leaves what follows the archive unless it is asked to cut", async () => {
  const files = diskWith(followedBy(known, JUNK));
  assertEquals(await repair(files), ["trailing bytes"]);
  assertEquals(contentOf(files).length, end + JUNK.length);
});

Deno.test("repair never cuts a segment that has its end, even if it cannot be mended", async () => {
  const { keys } = await openHeader(nativeEngine, (n) => Promise.resolve(known.slice(0, n)), OPTIONS.keys, {});
  const salt = new Uint8Array(KEY_BYTES).fill(5);
  const link = nativeEngine.sha256(known.subarray(end - RECORD_BYTES));
  const key = deriveSegmentKey(nativeEngine, keys.archiveKey, keys.suite, keys.id, { salt, number: 1, link });
  const cipher = new FrameCipher(nativeEngine, keys.suite, key);
  const head = { type: FRAME_TYPE.end, codec: 0, raw: 0, stored: 0, rows: 0, crc: 0 } as const;
  for (const frame of [0, 3]) {
    const next = followedBy(
      salt,
      followedBy(new Uint8Array(1000), cipher.seal(frame, { head, stored: new Uint8Array(0) })),
    );
    const files = diskWith(followedBy(known, next));
    assertEquals(await repair(files, { cutTrailing: true }), ["content"]);
    assertEquals(contentOf(files).length, end + next.length);
  }
});

Deno.test("repair says what it cannot mend, and writes nothing", async () => {
  const cases: readonly (readonly [Bytes, readonly string[]])[] = [
    [known.slice(0, end - 5000), ["content"]],
    [streamed.slice(0, end - 5000), ["content"]],
    [streamed.slice(0, 8192), ["content"]],
  ];
  for (const [bytes, findings] of cases) {
    const files = diskWith(bytes);
    assertEquals(await repair(files, { cutTrailing: true }), findings);
    assertEquals(files.operations, []);
  }
  await assertRejects(() => repair(diskWith(zeroed(known, 0, 8192))));
});

Deno.test("repair passes on what the disk says, and a later run mends the rest", async () => {
  const bytes = zeroed(zeroed(known, 0, 4096), end - 256, end);
  for (const kind of ["write", "sync"] as const) {
    for (let nth = 1;; nth++) {
      const files = diskWith(bytes);
      files.fail(kind, nth, { code: nth % 2 === 0 ? "EIO" : "ENOSPC" });
      try {
        await repair(files);
        assert(nth > 3);
        break;
      } catch (error) {
        assert(error instanceof Error && /EIO|ENOSPC/.test(`${(error as { code?: string }).code}`));
      }
      assertEquals(files.openFiles, 0);
      await repair(files);
      assertEquals(await faultOf(contentOf(files)), "none");
    }
  }
});
