/**
 * Writes the golden vectors: `deno run -A tests/vectors/generate.ts`. What each of them is to give is stated in the
 * cases, and not taken from the reader at hand; where the two differ, that is said and the exit code is 1.
 */
import { encodeHex } from "@std/encoding/hex";
import type { Key } from "../../src/archive/unlock.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { codeOf, readBySeeking, readByStream, type Reading } from "../archive/reading.ts";
import { CountedSource } from "../archive/sources.ts";
import { agreementCases } from "./agreement_cases.ts";
import { frameCases } from "./frame_cases.ts";
import { headerCases } from "./header_cases.ts";
import { newestCases } from "./newest_cases.ts";
import { mendedBy } from "./mended.ts";
import { recoveryCases } from "./recovery_cases.ts";
import { rowCases } from "./row_cases.ts";
import { segmentCases } from "./segment_cases.ts";
import { sharingCases } from "./sharing_cases.ts";
import { ARCHIVE_KEY, type Outcome, type VectorCase } from "./vector_case.ts";
import { type Expected, type ExpectedSnapshot, gzip, type Part, type VectorFile, vectorKey, vectorNames, vectorUrl } from "./vector_file.ts";
import { zstdCases } from "./zstd_cases.ts";

/** Vectors that others share bytes with: those are not written again. */
const BASES = ["whole_suite_1_streamed_stored", "whole_suite_1_known_stored", "path_backslash", "shared"];
/** The same for vectors of several segments. */
const SEGMENT_BASES = ["segments_three", "stack_8_runs"];
/** The same of those with a recovery layer. */
const RECOVERY_BASES = ["recovery_whole", "recovery_two_cells", "recovery_several", "recovery_several_ahead"];
/** Shared bytes below this are not worth a part. */
const MIN_SHARED_BYTES = 128;
/** Bytes by which a shared range is looked for. */
const WINDOW_BYTES = 16;

const hash = (bytes: Bytes): string => encodeHex(new Uint8Array(nativeEngine.sha256(bytes)));
const NOTHING = hash(new Uint8Array(0));

/** Where each window of the bases stands; what is all zeros compresses by itself. */
function windowsOf(bases: ReadonlyMap<string, Bytes>): Map<string, { copyOf: string; base: Bytes; at: number }> {
  const windows = new Map<string, { copyOf: string; base: Bytes; at: number }>();
  for (const [copyOf, base] of bases) {
    for (let at = 0; at + WINDOW_BYTES <= base.length; at++) {
      const window = base.subarray(at, at + WINDOW_BYTES);
      if (window.some((byte) => byte !== 0)) windows.set(window.join(), { copyOf, base, at });
    }
  }
  return windows;
}

/** The archive as ranges it shares with the bases, and what is left between them. */
async function partsOf(bytes: Bytes, windows: ReturnType<typeof windowsOf>): Promise<readonly Part[]> {
  const parts: Part[] = [];
  let rest = 0;
  const flush = async (end: number) => {
    if (end > rest) parts.push({ gzip: await gzip(bytes.subarray(rest, end)) });
  };
  for (let at = 0; at + WINDOW_BYTES <= bytes.length;) {
    const found = windows.get(bytes.subarray(at, at + WINDOW_BYTES).join());
    let length = 0;
    while (found !== undefined && at + length < bytes.length && found.base[found.at + length] === bytes[at + length]) {
      length++;
    }
    if (found === undefined || length < MIN_SHARED_BYTES) {
      at++;
      continue;
    }
    await flush(at);
    parts.push({ copyOf: found.copyOf, from: found.at, length });
    at += length;
    rest = at;
  }
  await flush(bytes.length);
  return parts;
}

const problems: string[] = [];

/** What is to be released: what the case states, or what a reader released that came to the same end. */
function expected(name: string, outcome: Outcome, stated: Bytes | undefined, reading: Reading | undefined): Expected {
  const agrees = reading !== undefined && codeOf(reading) === outcome;
  if (!agrees) {
    problems.push(`${name}: expected ${outcome}, and got ${reading === undefined ? "an exception" : codeOf(reading)}`);
  }
  if (stated !== undefined) return { outcome, released: hash(stated) };
  if (agrees) return { outcome, released: reading.released };
  if (outcome === "none") throw new Error(`Cannot write "${name}": it does not say what is to be released`);
  return { outcome, released: NOTHING };
}

async function attempt(read: () => Promise<Reading>): Promise<Reading | undefined> {
  try {
    return await read();
  } catch {
    return undefined;
  }
}

async function snapshotsOf(
  { name, bytes, snapshots = [] }: VectorCase,
  keys: readonly Key[],
): Promise<ExpectedSnapshot[]> {
  return await Promise.all(snapshots.map(async (paths, i) => {
    const options = { keys, snapshot: { kind: "number" as const, number: i + 1 } };
    const reading = await readBySeeking(nativeEngine, new CountedSource(bytes), options);
    const found = reading.entries.map(({ row }) => row.path);
    if (reading.error !== undefined || found.join("\n") !== paths.join("\n")) {
      problems.push(`${name}: expected other paths in snapshot ${i + 1} than ${found.join(", ")}`);
    }
    return { paths, released: reading.released };
  }));
}

async function mendedOf({ name, bytes, mended }: VectorCase): Promise<string> {
  const stated = mended instanceof Uint8Array ? hash(mended) : "no";
  const found = await mendedBy(nativeEngine, bytes);
  if (found !== stated) problems.push(`${name}: expected to be mended otherwise, and got ${found}`);
  return stated;
}

async function write(vector: VectorCase, windows: ReturnType<typeof windowsOf>): Promise<void> {
  const { name, about, bytes, keys = [ARCHIVE_KEY], warnings = 0, seekWarnings = 0 } = vector;
  const stream = await attempt(() => readByStream(nativeEngine, [bytes], { keys, segments: "all" }));
  const seek = await attempt(() => readBySeeking(nativeEngine, new CountedSource(bytes), { keys }));
  for (const [reading, count] of [[stream, warnings], [seek, warnings + seekWarnings]] as const) {
    if (reading !== undefined && reading.warnings.length !== count) {
      problems.push(`${name}: expected ${count} warnings, and got ${reading.warnings.length}`);
    }
  }
  const file: VectorFile = {
    about,
    key: vectorKey(keys),
    archive: [...BASES, ...SEGMENT_BASES, ...RECOVERY_BASES].includes(name) ? [{ gzip: await gzip(bytes) }] : await partsOf(bytes, windows),
    length: bytes.length,
    sha256: hash(bytes),
    warnings,
    stream: expected(name, vector.stream, vector.released?.stream, stream),
    seek: {
      ...expected(name, vector.seek, vector.released?.seek, seek),
      ...(seekWarnings === 0 ? {} : { warnings: warnings + seekWarnings }),
    },
    ...(vector.mended === undefined ? {} : { mended: await mendedOf(vector) }),
    ...(vector.snapshots === undefined ? {} : { snapshots: await snapshotsOf(vector, keys) }),
  };
  await Deno.writeTextFile(vectorUrl(name), `${JSON.stringify(file, undefined, 2)}\n`);
}

async function main(): Promise<number> {
  const first = [...await headerCases(), ...frameCases(), ...rowCases(), ...agreementCases(), ...sharingCases(), ...zstdCases()];
  const several = [...segmentCases(), ...newestCases()];
  const recovery = recoveryCases();
  const cases = [...first, ...several, ...recovery];
  const names = new Set(cases.map(({ name }) => name));
  if (names.size !== cases.length) throw new Error("Cannot write the vectors: two have one name");
  for (const name of vectorNames()) if (!names.has(name)) await Deno.remove(vectorUrl(name));
  for (const [group, baseNames] of [[first, BASES], [several, SEGMENT_BASES], [recovery, RECOVERY_BASES]] as const) {
    // Of a window that several have, the last one's counts.
    const based = group.filter(({ name }) => baseNames.includes(name));
    const ordered = [...based.filter(({ name }) => name === "shared"), ...based];
    const windows = windowsOf(new Map(ordered.map(({ name, bytes }) => [name, bytes])));
    for (const vector of group) await write(vector, windows);
  }
  for (const problem of problems) console.error(problem);
  console.log(`${cases.length} vectors, ${problems.length} on which the reader at hand differs`);
  return problems.length === 0 ? 0 : 1;
}

Deno.exitCode = await main();
