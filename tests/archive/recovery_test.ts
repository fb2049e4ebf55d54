/** Archives with a recovery record: written, read in every way, damaged, and found again. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Archive } from "../../src/archive/archive.ts";
import { FIRST_SEGMENT, rangesInFile } from "../../src/archive/body_source.ts";
import { openAnyway } from "../../src/archive/lost_header.ts";
import { examineRecovery, findRecoveryRecord } from "../../src/archive/recovery_record.ts";
import { openSalvage } from "../../src/archive/salvage_open.ts";
import { ArchiveStream } from "../../src/archive/stream_reader.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { portableEngine } from "../../src/engine/portable/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { decodeHeaderCopy, recoveryPercent, withRecovery } from "../../src/format/header.ts";
import { fullDataBytes, physicalLength } from "../../src/recovery/geometry.ts";
import { seededRandom } from "./archive_builder.ts";
import { asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "./memory_files.ts";
import { codeOf, digestOf, readBySeeking, readByStream } from "./reading.ts";
import { file, sampleTree } from "./sample_tree.ts";
import { atRandomSplits, CountedSource, inPieces } from "./sources.ts";

const OPTIONS = { keys: FIXED_OPTIONS.keys };
const BODY = 8192;

async function made(recovery: number | undefined, items = sampleTree(), engine: Engine = nativeEngine) {
  const options = {
    access: new MemoryFiles(items),
    level: "store" as const,
    ...(recovery === undefined ? {} : { recovery }),
  };
  return await createInMemory(asFiles(items), options, engine);
}

/** Over one full region of 50 %. */
async function large() {
  const content = seededRandom(8)(2 ** 16);
  const items = [file("a", "small"), file("big", repeated(content, fullDataBytes(50) + 3_000_000)), file("z", "last")];
  return { items, archive: await made(50, items) };
}

function repeated(piece: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  for (let at = 0; at < length; at += piece.length) whole.set(piece.subarray(0, length - at), at);
  return whole;
}

Deno.test("createArchive() puts the same segment into an archive with a recovery record, and says its whole length", async () => {
  const plain = await made(undefined);
  const { known, written, streamed } = await made(5);
  assertEquals(written.length, known.length);
  assertEquals(streamed.length, known.length);
  const segment = plain.known.length - BODY;
  assertEquals(known.length, BODY + physicalLength(5, segment));
  assertEquals(known.subarray(BODY, BODY + segment), plain.known.subarray(BODY));
  assertEquals(written.id, plain.written.id);
  assertEquals((await made(5, sampleTree(), portableEngine)).written.length, known.length);
});

Deno.test("an archive with a recovery record reads as one without, in every way and with both engines", async () => {
  const expected = digestOf((await readByStream(nativeEngine, [(await made(undefined)).known], OPTIONS)).entries);
  for (const percent of [1, 5, 50]) {
    const { known, streamed } = await made(percent);
    for (const engine of [nativeEngine, portableEngine]) {
      for (const bytes of [known, streamed]) {
        for (const checkRecovery of [false, true]) {
          const options = { ...OPTIONS, checkRecovery };
          for (const pieces of [[bytes], inPieces(bytes, 4096), atRandomSplits(bytes, 3)]) {
            const read = await readByStream(engine, pieces, options);
            assertEquals([codeOf(read), digestOf(read.entries)], ["none", expected]);
          }
        }
        const read = await readBySeeking(engine, new CountedSource(bytes), OPTIONS);
        assertEquals([codeOf(read), digestOf(read.entries)], ["none", expected]);
      }
    }
  }
});

Deno.test("an archive of several regions reads the same by stream and by seeking", async () => {
  const { archive: { known, streamed }, items } = await large();
  assert(known.length > BODY + physicalLength(50, fullDataBytes(50)));
  const stream = await readByStream(nativeEngine, inPieces(streamed, 2 ** 20), { ...OPTIONS, checkRecovery: true });
  const seek = await readBySeeking(nativeEngine, new CountedSource(known), OPTIONS);
  assertEquals([codeOf(stream), codeOf(seek)], ["none", "none"]);
  assertEquals(digestOf(stream.entries), digestOf(seek.entries));
  assertEquals(seek.entries.map(({ row }) => row.size), items.map(({ row }) => row.size));
  // Salvage passes over parity as well.
  const salvage = await openSalvage(nativeEngine, new CountedSource(known), OPTIONS);
  for await (const _ of salvage.events()) { /* counted by the summary */ }
  assertEquals(salvage.summary().damage, []);
  const cut = known.subarray(0, known.length - 20_000_000);
  const rest = await openSalvage(nativeEngine, new CountedSource(cut), OPTIONS);
  for await (const _ of rest.events()) { /* counted by the summary */ }
  assertEquals(rest.summary().isCutOff, true);
  assert(rest.summary().blocks - rest.summary().lostBlocks >= 3);
});

Deno.test("rangesInFile() leaves the header where it is", () => {
  const full = fullDataBytes(5);
  const [a, b, c] = [...rangesInFile(5, BODY, FIRST_SEGMENT, { offset: BODY - 10, length: full + 20 })];
  assertEquals([a, b], [{ offset: BODY - 10, length: 10 }, { offset: BODY, length: full }]);
  assertEquals(c?.length, 10);
});

Deno.test("ArchiveStream says of a recovery record that it is damaged when all data is good, and only when asked to check it", async () => {
  const { known } = await made(5);
  const segment = (await made(undefined)).known.length;
  for (const at of [segment, segment + 5000, known.length - 1]) {
    const bad = known.slice();
    bad[at] = (bad[at] as number) ^ 1;
    assertEquals(codeOf(await readByStream(nativeEngine, [bad], OPTIONS)), "none");
    const { error, entries } = await readByStream(nativeEngine, [bad], { ...OPTIONS, checkRecovery: true });
    assertEquals(error?.code, "damaged");
    assertEquals(error?.place.offset, Math.floor(at / 4096) * 4096);
    assertEquals(entries.length, sampleTree().length);
  }
});

Deno.test("every length of an archive with a recovery record is refused when it is not the right one", async () => {
  const { known, streamed } = await made(5);
  const lengths = [...Array.from({ length: 40 }, (_, i) => Math.floor(known.length * i / 40)), known.length - 1];
  for (const bytes of [known, streamed]) {
    for (const length of lengths) {
      const cut = bytes.subarray(0, length);
      assert(codeOf(await readByStream(nativeEngine, [cut], OPTIONS)) !== "none", `${length}`);
      assert(codeOf(await readBySeeking(nativeEngine, new CountedSource(cut), OPTIONS)) !== "none", `${length}`);
    }
    for (const more of [1, 4096, 70_000]) {
      const longer = new Uint8Array(bytes.length + more).fill(1);
      longer.set(bytes);
      assertEquals(codeOf(await readByStream(nativeEngine, [longer], OPTIONS)), "trailing-data");
      // Too few bytes may be what is left of an update.
      const code = more === 1 && bytes === known ? "none" : "trailing-data";
      assertEquals(codeOf(await readBySeeking(nativeEngine, new CountedSource(longer), OPTIONS)), code);
    }
  }
});

Deno.test("findRecoveryRecord() finds the record of an archive without its header, and none where there is none", async () => {
  const { known } = await made(5);
  const found = await findRecoveryRecord(nativeEngine, new CountedSource(known));
  assertEquals([found?.percent, found?.bodyOffset, found?.fileBytes], [5, BODY, known.length]);
  const lost = known.slice().fill(0, 0, BODY);
  assertEquals(await findRecoveryRecord(nativeEngine, new CountedSource(lost)), found);
  assertEquals(await findRecoveryRecord(nativeEngine, new CountedSource((await made(undefined)).known)), undefined);
  const opened = await openAnyway(nativeEngine, new CountedSource(lost), OPTIONS.keys, {});
  assertEquals([opened.isLost, recoveryPercent(opened.copy.header)], [true, 5]);
  const how = { ...OPTIONS, goWithoutHeader: true };
  assertEquals(codeOf(await readBySeeking(nativeEngine, new CountedSource(lost), how)), "none");
  await assertRejects(() => Archive.open(nativeEngine, new CountedSource(lost), OPTIONS), ArchiveError);
});

Deno.test("examineRecovery() mends the body of an archive bit for bit, its end and several regions included", async () => {
  const { archive: { known } } = await large();
  const bad = known.slice(0, known.length - 100_000);
  const random = seededRandom(4);
  for (let i = 0; i < 2000; i++) {
    const at = BODY + Math.floor((bad.length - BODY) * i / 2000);
    bad.set(random(100), Math.min(at, bad.length - 100));
  }
  bad.fill(0, 20_000_000, 24_000_000);
  const record = await findRecoveryRecord(nativeEngine, new CountedSource(bad));
  assert(record !== undefined);
  assertEquals(record.fileBytes, known.length);
  const whole = new Uint8Array(record.fileBytes);
  whole.set(bad);
  let regions = 0;
  for await (const { mended, offset } of examineRecovery(nativeEngine, new CountedSource(bad), record)) {
    regions++;
    assert(mended !== undefined);
    for (const cell of mended) whole.set(cell.bytes, offset + cell.offset);
  }
  assertEquals(regions, 2);
  assertEquals(nativeEngine.sha256(whole), nativeEngine.sha256(known));
});

Deno.test("decodeHeaderCopy() refuses a percentage out of range, one without the feature, and other features", async () => {
  const { known } = await made(5);
  const code = (features: number): string => {
    const bytes = known.slice();
    new DataView(bytes.buffer).setUint32(16, features);
    try {
      const { header } = decodeHeaderCopy(nativeEngine, bytes, "A");
      return `${recoveryPercent(header)} %`;
    } catch (error) {
      return (error as ArchiveError).code;
    }
  };
  assertEquals([0, 1, 5, 50].map((percent) => withRecovery(0, percent)), [0, 0x102, 0x502, 0x3202]);
  assertEquals([0x102, 0x3202].map(code), ["1 %", "50 %"]);
  assertEquals([0x2, 0x3302].map(code), ["malformed", "malformed"]);
  assertEquals([0x100, 0x80000000, 0x502 + 0x4000, 0x502 + 8].map(code), Array(4).fill("newer-version"));
});

Deno.test("ArchiveStream lets an archive with a recovery record go when it ends early", async () => {
  const { known } = await made(5);
  const stream = await ArchiveStream.open(nativeEngine, inPieces(known, 1000), OPTIONS);
  for await (const event of stream.events()) if (event.kind === "trailer") break;
  await stream.close();
  assert(stream.offset < known.length);
});
