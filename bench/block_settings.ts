/**
 * What zstd's settings cost and save on blocks as the planner cuts them, by what is in them: the table of
 * `bench/README.md`, from which the settings without `--level` were chosen.
 *
 *     deno run -A bench/block_settings.ts FOLDER…       a row for every kind of block and setting
 *
 * Options: `--every N` (takes one block in N; default 4), `--rounds N` (default 3; the least counts).
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { constants } from "node:zlib";
import type { BlockPart } from "../src/archive/block_builder.ts";
import { prepareFrame } from "../src/archive/compress.ts";
import { BLOCK_BYTES, LARGE_BLOCK_BYTES } from "../src/archive/planner.ts";
import type { Bytes, Effort, Engine } from "../src/engine/engine.ts";
import { nativeEngine } from "../src/engine/native/engine.ts";
import { systemEncoder } from "../src/engine/native/libzstd.ts";
import { encodeInto, type EncoderParams } from "../src/engine/native/zstd_encoder.ts";
import { FRAME_TYPE } from "../src/format/frame.ts";
import { cpuSeconds, plannedBlocks, plannedLength, readContent } from "./planned_blocks.ts";
import { formatTable } from "./table.ts";

const Z = constants;

function params(level: number, more: EncoderParams = {}): EncoderParams {
  return { [Z.ZSTD_c_compressionLevel]: level, ...more };
}

/** Level 3 with other tables, in a window that holds a block. */
function tuned(strategy: number, hashLog: number, minMatch: number, chainLog?: number): EncoderParams {
  return params(3, {
    [Z.ZSTD_c_windowLog]: 22,
    [Z.ZSTD_c_strategy]: strategy,
    [Z.ZSTD_c_hashLog]: hashLog,
    [Z.ZSTD_c_minMatch]: minMatch,
    ...(chainLog === undefined ? {} : { [Z.ZSTD_c_chainLog]: chainLog }),
  });
}

const SETTINGS: readonly (readonly [name: string, params: EncoderParams])[] = [
  ["level 3", params(3)],
  ["level 3, window 4 MiB", params(3, { [Z.ZSTD_c_windowLog]: 22 })],
  ["level 1", params(1)],
  ["level 2", params(2)],
  ["level 4", params(4)],
  ["fast, hash 16, match 5", tuned(Z.ZSTD_fast, 16, 5)],
  ["fast, hash 17, match 5", tuned(Z.ZSTD_fast, 17, 5)],
  ["fast, hash 17, match 6", tuned(Z.ZSTD_fast, 17, 6)],
  ["dfast, hash 16, chain 14, match 5", tuned(Z.ZSTD_dfast, 16, 5, 14)],
  ["dfast, hash 17, chain 14, match 6", tuned(Z.ZSTD_dfast, 17, 6, 14)],
  ["dfast, hash 18, chain 15, match 7", tuned(Z.ZSTD_dfast, 18, 7, 15)],
];

/** How the program compresses a block without a level; `undefined` when it stores it. */
function effortOf(raw: Bytes): Effort | undefined {
  let asked: Effort | undefined;
  const compress = (bytes: Bytes, effort: Effort): Bytes => {
    if (effort !== "sample") asked = effort;
    return effort === "sample" ? nativeEngine.compress?.(bytes, effort) as Bytes : bytes;
  };
  const engine: Engine = { ...nativeEngine, compress };
  prepareFrame(engine, { type: FRAME_TYPE.block, rows: 1 }, raw, "default");
  return asked;
}

function kindOf(parts: readonly BlockPart[], raw: Bytes): string | undefined {
  const effort = effortOf(raw);
  if (effort === undefined) return undefined;
  const size = raw.length > BLOCK_BYTES ? "large files" : parts.length >= 256 ? "small files" : "other files";
  return `${effort === "binary" ? "binary" : "text"}, ${size}`;
}

/** The least time, and the bytes, of each setting. */
function measure(blocks: readonly Bytes[], rounds: number): readonly { seconds: number; bytes: number }[] {
  const out = new Uint8Array(LARGE_BLOCK_BYTES + 2 ** 17);
  const encode = systemEncoder() ?? encodeInto;
  const results = SETTINGS.map(() => ({ seconds: Infinity, bytes: 0 }));
  for (let round = 0; round < rounds; round++) {
    for (const [i, [, setting]] of SETTINGS.entries()) {
      const begun = cpuSeconds();
      let bytes = 0;
      for (const raw of blocks) bytes += Math.min(raw.length, encode(raw, setting, out)?.length ?? NaN);
      results[i] = { seconds: Math.min(results[i]?.seconds ?? Infinity, cpuSeconds() - begun), bytes };
    }
  }
  return results;
}

const parsed = parseArgs(Deno.args, { string: ["every", "rounds"] });
const every = Number(parsed.every ?? 4);
const rounds = Number(parsed.rounds ?? 3);
const table: string[][] = [];
for (const folder of parsed._) {
  const kinds = new Map<string, Bytes[]>();
  let number = 0;
  for await (const parts of plannedBlocks(String(folder))) {
    if (number++ % every !== 0) continue;
    const raw = readContent(parts, new Uint8Array(plannedLength(parts)));
    const kind = kindOf(parts, raw);
    if (kind !== undefined) kinds.set(kind, [...kinds.get(kind) ?? [], raw]);
  }
  for (const [kind, blocks] of [...kinds].sort()) {
    const megabytes = blocks.reduce((sum, { length }) => sum + length, 0) / 10 ** 6;
    const results = measure(blocks, rounds);
    const [plain] = results;
    for (const [i, { seconds, bytes }] of results.entries()) {
      const time = (seconds / (plain?.seconds ?? NaN)).toFixed(2);
      const size = (bytes / (plain?.bytes ?? NaN)).toFixed(3);
      const speed = (megabytes / seconds).toFixed(0);
      table.push([String(folder), kind, megabytes.toFixed(0), SETTINGS[i]?.[0] ?? "", time, size, speed]);
    }
  }
}
const left = (title: string) => ({ title, align: "left" } as const);
const right = (title: string) => ({ title, align: "right" } as const);
console.log(formatTable(
  [left("folder"), left("blocks"), right("MB"), left("setting"), ...["time", "size", "MB/s, one thread"].map(right)],
  table,
));
