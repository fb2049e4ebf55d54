/**
 * What each stage of `coffer create` takes of a folder: processor seconds, one stage after the other on one thread,
 * each by the program's own functions. Threads, starting and the catalog are not in it.
 *
 *     deno run -A --v8-flags=--max-semi-space-size=4,--initial-heap-size=32,--no-lazy bench/stages.ts FOLDER…
 *
 * Options: `--work DIR` (where the frames are written, and removed; default: the folder for temporary files), `--sum`
 * (prints nothing but the seconds of all stages together).
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { prepareFrame } from "../src/archive/compress.ts";
import { FrameCipher } from "../src/archive/frame_cipher.ts";
import { LARGE_BLOCK_BYTES } from "../src/archive/planner.ts";
import { BlockScratch, plannedOutcomes } from "../src/archive/block_builder.ts";
import { filesOf, readWhole, rowsOfWhole } from "../src/archive/whole_files.ts";
import { fileContent } from "../src/disk/content.ts";
import { nativeEngine } from "../src/engine/native/engine.ts";
import { encodeBlockRows } from "../src/format/block.ts";
import { FRAME_TYPE } from "../src/format/frame.ts";
import { cpuSeconds, plannedBlocks, plannedLength, readContent } from "./planned_blocks.ts";
import { formatTable } from "./table.ts";

const STAGES = ["walk and plan", "rows", "read", "checksum", "sample and compress", "seal", "write"] as const;
type Stage = typeof STAGES[number];

async function stagesOf(folder: string, work: Deno.MakeTempOptions): Promise<Record<Stage, number>> {
  const seconds = Object.fromEntries(STAGES.map((stage) => [stage, 0])) as Record<Stage, number>;
  let last = cpuSeconds();
  const ends = (stage: Stage) => {
    const now = cpuSeconds();
    seconds[stage] += now - last;
    last = now;
  };
  // Checksums are taken in between, and are no part of compressing.
  const engine = {
    ...nativeEngine,
    crc32: (bytes: Uint8Array) => {
      const crc = nativeEngine.crc32(bytes);
      ends("checksum");
      return crc;
    },
  };
  const cipher = new FrameCipher(engine, 1, new Uint8Array(32));
  const [scratch, compressed, sealed] = [new BlockScratch(), new BlockScratch(), new BlockScratch()];
  const path = Deno.makeTempFileSync(work);
  using file = Deno.openSync(path, { write: true });
  Deno.removeSync(path);
  let frame = 0;
  for await (const parts of plannedBlocks(folder)) {
    ends("walk and plan");
    const whole = rowsOfWhole(parts)?.bytes;
    const rows = whole ?? encodeBlockRows(plannedOutcomes(parts).flatMap((each) => each.ok ? [each.entry] : []));
    ends("rows");
    const raw = scratch.take(rows.length + LARGE_BLOCK_BYTES);
    raw.set(rows);
    const length = plannedLength(parts);
    const into = raw.subarray(rows.length, rows.length + length);
    if (whole === undefined) readContent(parts, into);
    else readWhole(filesOf(parts), into, fileContent);
    ends("read");
    const kind = { type: FRAME_TYPE.block, rows: parts.length };
    const block = raw.subarray(0, rows.length + length);
    const content = prepareFrame(engine, kind, block, "default", (bytes) => compressed.take(bytes));
    ends("sample and compress");
    const bytes = cipher.seal(frame++, content, (bytes) => sealed.take(bytes).subarray(0, bytes));
    ends("seal");
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    ends("write");
  }
  return seconds;
}

const parsed = parseArgs(Deno.args, { string: ["work"], boolean: ["sum"] });
const work = parsed.work === undefined ? {} : { dir: String(parsed.work) };
const folders = parsed._.map(String);
const columns: Record<Stage, number>[] = [];
for (const folder of folders) columns.push(await stagesOf(folder, work));
const sums = columns.map((seconds) => STAGES.reduce((sum, stage) => sum + seconds[stage], 0));
if (parsed.sum) {
  console.log(sums.reduce((all, sum) => all + sum, 0));
} else {
  const right = (title: string) => ({ title, align: "right" } as const);
  const table = STAGES.map((stage) => [stage, ...columns.map((seconds) => seconds[stage].toFixed(2))]);
  const all = ["all", ...sums.map((sum) => sum.toFixed(2))];
  console.log(formatTable([{ title: "stage", align: "left" }, ...folders.map(right)], [...table, all]));
}
