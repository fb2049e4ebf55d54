/**
 * Archives of several segments as the writer makes them, with frames opened, changed without changing their length, and
 * sealed again in their places: tables, runs of the catalog and extents in earlier segments say what no writer would.
 */
import { Archive, type OpenOptions } from "../../src/archive/archive.ts";
import type { FrameCipher } from "../../src/archive/frame_cipher.ts";
import { examineRecovery, findRecoveryRecord } from "../../src/archive/recovery_record.ts";
import { openSalvage } from "../../src/archive/salvage_open.ts";
import { segmentCipher } from "../../src/archive/segment_tail.ts";
import { ArchiveStream } from "../../src/archive/stream_reader.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { CODEC, FRAME_OVERHEAD, FRAME_TYPE, type FrameHead, frameLength } from "../../src/format/frame.ts";
import { deriveArchiveId, KEY_BYTES } from "../../src/format/keys.ts";
import { RECORD_BYTES } from "../../src/format/locator.ts";
import { physicalLength } from "../../src/recovery/geometry.ts";
import { decodeTablePage } from "../../src/recovery/table_page.ts";
import { seededRandom, TEST_KEY } from "../archive/archive_builder.ts";
import { itemsOf, KEYS, MemoryArchive, TIME, type Tree, update } from "../archive/growing_archive.ts";
import { asFiles, createInMemory, MemoryFiles } from "../archive/memory_files.ts";
import { readBySeeking } from "../archive/reading.ts";
import { CountedSource } from "../archive/sources.ts";
import { Finding, plain } from "./archive_target.ts";
import { mutateBytesOften } from "./byte_mutations.ts";
import { Chance } from "./chance.ts";

/** What an archive of several segments is made from. */
export interface GrownRecipe {
  readonly target: "grown";
  readonly base: number;
  readonly genes: readonly number[];
}

interface SealedFrame {
  readonly cipher: FrameCipher;
  readonly number: number;
  readonly start: number;
  readonly head: FrameHead;
}

interface Base {
  readonly bytes: Bytes;
  readonly frames: readonly SealedFrame[];
  /** Where pages of the recovery record's tables stand. */
  readonly tables: readonly number[];
}

const PAGE_BYTES = 4096;
const LARGE = seededRandom(6)(700).toHex();

const HISTORIES: readonly (readonly Tree[])[] = [
  [{ a: "one", "d": undefined, "d/x": LARGE }, { a: "two", "d": undefined, "d/x": LARGE, z: "new" }],
  [{ a: LARGE, b: "b" }, { b: "b", c: LARGE }, { b: "changed", c: LARGE, h: "=c" }, { x: "x" }, { x: "x", a: LARGE }],
  Array.from({ length: 12 }, (_, i) => ({ a: `${i}`, [`f${i}`]: `file ${i}`, kept: LARGE })),
];

/** Files that share content with others, earlier ones too. */
const SHARING: readonly Tree[] = [
  { a: LARGE, b: `${LARGE}!`, d: undefined, "d/x": LARGE },
  { a: `new ${LARGE}`, b: `${LARGE}!`, c: LARGE.slice(9) + LARGE, d: undefined, "d/x": LARGE },
  { a: `new ${LARGE}`, c: "", "e": LARGE },
];

async function grown(history: readonly Tree[], recovery: number, dedup = false): Promise<Base> {
  const [first, ...rest] = history.map((tree, i) => itemsOf(tree, TIME - 1000 + i));
  const items = first ?? [];
  const options = {
    level: "store" as const,
    access: new MemoryFiles(items),
    dedup,
    ...(recovery === 0 ? {} : { recovery }),
  };
  const target = new MemoryArchive((await createInMemory(asFiles(items), options)).known);
  for (const [i, more] of rest.entries()) await update(target, more, { level: "store", random: seededRandom(40 + i) });
  const { bytes } = target;
  const pages = Array.from({ length: bytes.length / PAGE_BYTES }, (_, i) => i * PAGE_BYTES);
  const tables = pages.filter((at) => decodeTablePage(nativeEngine, bytes.subarray(at, at + PAGE_BYTES)) !== undefined);
  return { bytes, frames: framesOf(bytes, recovery), tables };
}

/** Each segment is so small that its recovery data stands behind it, and nowhere else. */
function framesOf(bytes: Bytes, recovery: number): SealedFrame[] {
  const keys = {
    engine: nativeEngine,
    suite: 1,
    archiveKey: TEST_KEY,
    id: deriveArchiveId(nativeEngine, TEST_KEY),
  } as const;
  const frames: SealedFrame[] = [];
  let link: Bytes = new Uint8Array(KEY_BYTES);
  let start = 8192;
  for (let segment = 0; start < bytes.length; segment++) {
    const segmentStart = start;
    const cipher = segmentCipher(keys, { salt: bytes.slice(start, start + KEY_BYTES), number: segment, link });
    start += KEY_BYTES;
    for (let number = 0;; number++) {
      const head = cipher.openHead(number, bytes.subarray(start, start + FRAME_OVERHEAD));
      if (head.stored > 0 && head.codec === CODEC.stored) frames.push({ cipher, number, start, head });
      start += frameLength(head.stored);
      if (head.type === FRAME_TYPE.end) break;
    }
    link = nativeEngine.sha256(bytes.subarray(start, start + RECORD_BYTES));
    start = segmentStart + physicalLength(recovery, start + RECORD_BYTES - segmentStart);
  }
  return frames;
}

const BASES: readonly Base[] = await Promise.all([
  ...HISTORIES.map((history) => grown(history, 0)),
  ...HISTORIES.map((history) => grown(history, 5)),
  grown(SHARING, 0, true),
]);

/** A recipe at random. */
export function randomGrown(chance: Chance): GrownRecipe {
  const genes = Array.from({ length: 1 + chance.below(2) }, () => chance.u32());
  return { target: "grown", base: chance.below(BASES.length), genes };
}

/** Makes the archive. */
export function buildGrown({ base, genes }: GrownRecipe): Bytes {
  const { bytes, frames, tables } = BASES[base % BASES.length] as Base;
  const changed = bytes.slice();
  for (const gene of genes) {
    const chance = new Chance(gene);
    if (tables.length > 0 && chance.oneIn(2)) {
      spoilRecord(changed, tables, chance);
      continue;
    }
    const content = frames.filter(({ head }) => head.type !== FRAME_TYPE.padding);
    const { cipher, number, start, head } = chance.pick(content);
    const chunks = bytes.subarray(start + FRAME_OVERHEAD, start + frameLength(head.stored));
    const raw = cipher.openContent(number, head, chunks).slice();
    if (chance.oneIn(3)) raw[chance.place(raw.length)] = chance.pick([0, 1, 2, 127, 128, 255, chance.below(256)]);
    else raw.set(mutateBytesOften(raw, chance).subarray(0, raw.length));
    const rows = chance.oneIn(12) ? chance.number(head.rows) % 2 ** 32 : head.rows;
    changed.set(cipher.seal(number, { head: { ...head, rows, crc: nativeEngine.crc32(raw) }, stored: raw }), start);
  }
  return changed;
}

/** Changes a page of the tables so that its checksum holds all the same, or any page as a disk does. */
function spoilRecord(bytes: Bytes, tables: readonly number[], chance: Chance): void {
  if (chance.oneIn(3)) {
    const at = 8192 + PAGE_BYTES * chance.below((bytes.length - 8192) / PAGE_BYTES);
    bytes.fill(chance.below(256), at, at + PAGE_BYTES * (1 + chance.below(4)));
    return;
  }
  const at = chance.pick(tables);
  const page = bytes.subarray(at, at + PAGE_BYTES);
  for (let i = 0; i <= chance.below(3); i++) {
    const field = 4 + chance.below(chance.oneIn(2) ? 28 : PAGE_BYTES - 4);
    page[field] = chance.pick([0, 1, 2, 127, 128, 255, chance.below(256)]);
  }
  new DataView(page.buffer, page.byteOffset).setUint32(0, nativeEngine.crc32(page.subarray(4)));
}

/** What the recovery record says of an archive: whatever its tables say, in bounds. */
async function examined(source: CountedSource): Promise<string> {
  const record = await findRecoveryRecord(nativeEngine, source);
  if (record === undefined) return "record none";
  if (record.regions.length > source.size / PAGE_BYTES) throw new Finding("A record has more regions than pages");
  let hopeless = 0;
  let mended = 0;
  for await (const region of examineRecovery(nativeEngine, source, record)) {
    if (region.mended === undefined) hopeless++;
    else if (region.mended.length > 0) mended++;
  }
  return `record ${Math.min(record.gaps.length, 2)} gaps, ${Math.min(hopeless, 2)} lost, ${Math.min(mended, 2)} mended`;
}

async function answer(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "none";
  } catch (error) {
    if (error instanceof ArchiveError) return `${error.code} ${plain(error.message)}`;
    throw error;
  }
}

/**
 * Reads every snapshot by seeking, the whole as a stream, and salvages it. Returns signs of what was said.
 *
 * @throws {Finding} when the whole was taken and a snapshot of it is not.
 */
export async function checkGrown(bytes: Bytes): Promise<readonly string[]> {
  const source = new CountedSource(bytes);
  const seek = async (snapshot: OpenOptions["snapshot"]): Promise<string> => {
    const options = snapshot === undefined ? KEYS : { ...KEYS, snapshot };
    const { error } = await readBySeeking(nativeEngine, source, options);
    return error === undefined ? "none" : `${error.code} ${plain(error.message)}`;
  };
  const whole = await answer(async () => {
    const stream = await ArchiveStream.open(nativeEngine, [bytes], { ...KEYS, segments: "all" });
    for await (const _ of stream.events());
  });
  const signs = [`whole ${whole}`, `newest ${await seek(undefined)}`, `first ${await seek({ kind: "first" })}`];
  if (whole === "none") {
    const { number } = await Archive.open(nativeEngine, source, KEYS);
    for (let one = 1; one <= number; one++) {
      const said = await seek({ kind: "number", number: one });
      // Slices of kept rows may be left to who reads them (FORMAT.md, "One truth").
      if (said !== "none" && !said.includes("its block and the catalog disagree about it")) {
        throw new Finding(`The whole was taken, and snapshot ${one} is not: ${said}`);
      }
    }
  }
  const salvaged = await answer(async () => {
    const salvage = await openSalvage(nativeEngine, source, KEYS);
    for await (const _ of salvage.events());
    salvage.summary();
  });
  return [...signs, `salvage ${salvaged}`, await examined(source)];
}
