/**
 * What reading an archive takes on one thread once memory and code are warm, by the program's own functions: processor
 * seconds of opening all blocks, as far as each stage, of `coffer verify` and of `coffer extract` as wholes. Starting
 * and other threads are not in it.
 *
 *     deno run -A --v8-flags=--max-semi-space-size=4,--initial-heap-size=32,--no-lazy bench/read_stages.ts ARCHIVE --key-file F
 *
 * Options: `--key-file F`, `--work DIR` (where it is extracted, and removed; default: the folder for temporary files),
 * `--sum extract` or `--sum verify` (prints nothing but the seconds of that).
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { join } from "@std/path";
import { Archive } from "../src/archive/archive.ts";
import { FactFinder } from "../src/archive/agreement.ts";
import { type OpenSetting, type PlacedFrame, PlacedOpener } from "../src/archive/block_opener.ts";
import { FrameCipher } from "../src/archive/frame_cipher.ts";
import { PlacedQueue } from "../src/archive/placed_queue.ts";
import { ArchiveStream } from "../src/archive/stream_reader.ts";
import type { Key } from "../src/archive/unlock.ts";
import { checkWhole } from "../src/cli/check_archive.ts";
import { extractArchive } from "../src/disk/extract.ts";
import { FileSource } from "../src/disk/file_source.ts";
import { RestoreTarget } from "../src/disk/restore.ts";
import { nativeEngine } from "../src/engine/native/engine.ts";
import { decodeBlock } from "../src/format/decoded_block.ts";
import { restoreInParallel } from "../src/parallel/restore_files.ts";
import { decodeKeyText } from "../src/text/key_text.ts";
import { BlockScratch } from "../src/archive/block_builder.ts";
import { cpuSeconds } from "./planned_blocks.ts";
import { formatTable } from "./table.ts";

/** The first makes memory and code warm. */
const PASSES = 3;

/** Processor seconds of the best pass but the first; `between` is not counted. */
async function warm(pass: () => Promise<void> | void, between: () => void = () => {}): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < PASSES; i++) {
    const start = cpuSeconds();
    await pass();
    if (i > 0) least = Math.min(least, cpuSeconds() - start);
    between();
  }
  return least;
}

async function verify(path: string, keys: readonly Key[]): Promise<void> {
  const { signal } = new AbortController();
  await checkWhole(path, { keys }, { jobs: 1, signal, onProgress: () => {} });
}

async function extract(path: string, keys: readonly Key[], directory: string): Promise<void> {
  using source = FileSource.open(path);
  const archive = await Archive.open(nativeEngine, source, { keys });
  const onProblem = ({ path, reason }: { readonly path: string; readonly reason: string }) => {
    throw new Error(`Cannot restore "${path}": ${reason}`);
  };
  using target = RestoreTarget.open({ directory, onProblem });
  await extractArchive(archive, source.size, target, {
    place: ({ path }) => path,
    prefixes: [""],
    distinctPlaces: true,
    maxExpansion: Infinity,
    crew: (host) =>
      restoreInParallel(host, archive.setting, {
        jobs: 1,
        descriptor: source.descriptor,
        access: (place) => archive.accessTo(place),
        metadata: {},
        deduplicated: archive.isDeduplicated,
      }),
  });
  target.finish();
}

/** All blocks of an archive, and what opens them. */
async function blocksOf(source: FileSource, keys: readonly Key[]): Promise<[OpenSetting, PlacedFrame[]]> {
  const queue = new PlacedQueue({ size: source.size, readInto: (offset, bytes) => source.readInto(offset, bytes) });
  const stream = await ArchiveStream.open(nativeEngine, queue, { keys });
  const blocks: PlacedFrame[] = [];
  let setting: OpenSetting | undefined;
  for await (
    const _ of stream.events((given) => {
      setting = given;
      const here = new PlacedOpener(nativeEngine, given, source);
      const open = () => {
        throw new Error("Cannot measure the stages: the archive is not read block by block");
      };
      return { width: 1, open, openAt: (block) => (blocks.push(block), here.block(block)) };
    })
  );
  return [setting as OpenSetting, blocks];
}

/** Seconds of opening all blocks, as far as each stage. */
async function openingStages(path: string, keys: readonly Key[]): Promise<readonly (readonly [string, number])[]> {
  using source = FileSource.open(path);
  const [setting, blocks] = await blocksOf(source, keys);
  const [sealed, raw] = [new BlockScratch(), new BlockScratch()];
  const cipher = new FrameCipher(nativeEngine, setting.suite, setting.segmentKey);
  const facts = new FactFinder(nativeEngine, setting.agreementKey);
  const read = ({ offset, length }: PlacedFrame) => source.readInto(offset, sealed.take(length).subarray(0, length));
  const allocate = (length: number) => raw.take(length).subarray(0, length);
  const open = (block: PlacedFrame) => cipher.openContent(block.frame, block.head, read(block), allocate);
  const decode = (block: PlacedFrame) => decodeBlock(open(block), block.head.rows);
  const stages: Record<string, (block: PlacedFrame) => unknown> = {
    "read all blocks": read,
    "and decipher, decompress, CRC": open,
    "and decode rows": decode,
    "and find out what pages must agree to": (block) => facts.block(block.frame, decode(block)),
  };
  const found: [string, number][] = [];
  for (const [name, stage] of Object.entries(stages)) {
    found.push([name, await warm(() => blocks.forEach((block) => stage(block)))]);
  }
  return found;
}

const parsed = parseArgs(Deno.args, { string: ["key-file", "work", "sum"] });
const path = String(parsed._[0]);
const keys = [{
  kind: "key-file" as const,
  keyFile: decodeKeyText("key-file", Deno.readTextFileSync(String(parsed["key-file"]))),
}];
const work = Deno.makeTempDirSync(parsed.work === undefined ? {} : { dir: String(parsed.work) });
const target = join(work, "target");
const wholes = {
  verify: () => warm(() => verify(path, keys)),
  extract: () => warm(() => extract(path, keys, target), () => Deno.removeSync(target, { recursive: true })),
};
try {
  if (parsed.sum === "extract" || parsed.sum === "verify") {
    console.log(await wholes[parsed.sum]());
  } else {
    const rows: (readonly [string, number])[] = [...await openingStages(path, keys)];
    rows.push(["verify, as a whole", await wholes.verify()], ["extract, as a whole", await wholes.extract()]);
    const columns = [{ title: "one thread", align: "left" }, { title: "CPU s", align: "right" }] as const;
    console.log(formatTable(columns, rows.map(([name, seconds]) => [name, seconds.toFixed(3)])));
  }
} finally {
  Deno.removeSync(work, { recursive: true });
}
