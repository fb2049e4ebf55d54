/**
 * Measures memory: the most that is resident while one large file, a system's own files, and a tree of very many small
 * ones are stored, restored and verified, on one thread and on two. A key file is used, so that no key is derived from
 * a passphrase.
 *
 *     deno run -A bench/memory.ts                1 GiB of text, 1 GiB of random bytes (also deduplicated), 1 GB of system files, 200,000 files: minutes
 *     deno run -A bench/memory.ts --scale 0.01   a quick look
 *
 * Options: `--scale N`, `--dir D` (work there; else in memory where there is such a folder), `--out FILE` (save there;
 * else results/DATE-MACHINE-memory.json is written only with `--keep`). The executable is `COFFER_BIN`, or else this
 * checkout's program as README installs it. It takes GNU time.
 *
 * @module
 */
import { dirname, fromFileUrl, join } from "@std/path";
import { copySystemFiles } from "./compare/corpora.ts";
import { prepare, runPipeline } from "./compare/shell.ts";
import { randomChunks, smallFiles, textChunks } from "./corpora.ts";
import { describeMachine, machineSlug } from "./machine.ts";
import { parseOptions } from "./options.ts";
import { bundledCommand, programCommand } from "./program.ts";
import { type Column, formatTable } from "./table.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
/** What a run may have resident, whatever it stores. */
const BOUND_BYTES = 300 * 2 ** 20;
const LARGE_BYTES = 2 ** 30;
const MIXED_BYTES = 1e9;
const FILES = 200_000;
/** Content does not matter here, only the number of files. */
const SMALL_FILE_BYTES = 256;
const JOBS = [1, 2];

/** A run that was measured. */
interface Run {
  readonly corpus: string;
  readonly action: string;
  readonly jobs: number;
  readonly peakBytes: number;
  readonly seconds: number;
}

const COLUMNS: readonly Column[] = [
  { title: "corpus", align: "left" },
  { title: "action", align: "left" },
  { title: "jobs", align: "right" },
  { title: "peak MiB", align: "right" },
  { title: "bound", align: "left" },
  { title: "seconds", align: "right" },
];

/** Content that is stored once takes another way. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = { dedup: ["--dedup"] };

/** Makes a corpus in a folder. */
const MAKERS: Readonly<Record<string, (folder: string, scale: number) => Promise<void>>> = {
  text: (folder, scale) => write(join(folder, "text.log"), textChunks(scaled(scale))),
  random,
  dedup: random,
  mixed: (folder, scale) => Promise.resolve(copySystemFiles(folder, MIXED_BYTES * scale)),
  tree: (folder, scale) => {
    let last = "";
    for (const { path, bytes } of smallFiles(Math.ceil(FILES * scale))) {
      const parent = dirname(join(folder, path));
      if (parent !== last) Deno.mkdirSync(last = parent, { recursive: true });
      Deno.writeFileSync(join(folder, path), bytes.subarray(0, SMALL_FILE_BYTES));
    }
    return Promise.resolve();
  },
};

function random(folder: string, scale: number): Promise<void> {
  return write(join(folder, "random.bin"), randomChunks(scaled(scale)));
}

function scaled(scale: number): number {
  return Math.ceil(LARGE_BYTES * scale / 4) * 4;
}

async function write(path: string, chunks: Iterable<Uint8Array<ArrayBuffer>>): Promise<void> {
  await Deno.writeFile(path, ReadableStream.from(chunks));
}

async function measureCorpus(name: string, work: string, scale: number): Promise<Run[]> {
  const program = programCommand();
  const corpus = join(work, name);
  const archive = join(work, "archive.coffer");
  const extracted = join(work, "extracted");
  const key = ["-k", join(work, "key"), "-q"];
  await Deno.mkdir(corpus);
  console.error(`${name}: making the corpus`);
  await MAKERS[name]?.(corpus, scale);
  const runs: Run[] = [];
  for (const jobs of JOBS) {
    const commands = {
      create: [...program, "create", "--force", archive, "-C", corpus, ".", ...key, ...OPTIONS[name] ?? []],
      extract: [...program, "extract", archive, "-C", extracted, ...key],
      verify: [...program, "verify", archive, ...key],
    };
    for (const [action, command] of Object.entries(commands)) {
      console.error(`${name}: ${action}, jobs: ${jobs}`);
      const options = { scratch: work, env: {}, timeoutSeconds: 600, signal: new AbortController().signal };
      const sample = await runPipeline({ stages: [[...command, "--jobs", String(jobs)]], cwd: work }, options);
      if (sample.peakBytes === undefined) throw new Error("Cannot measure memory: GNU time is not installed");
      runs.push({ corpus: name, action, jobs, peakBytes: sample.peakBytes, seconds: sample.seconds });
      if (action === "extract") await Deno.remove(extracted, { recursive: true });
    }
  }
  await Deno.remove(corpus, { recursive: true });
  await Deno.remove(archive);
  return runs;
}

async function makeWorkFolder(): Promise<string> {
  try {
    return await Deno.makeTempDir({ dir: "/dev/shm", prefix: "coffer-memory-" });
  } catch {
    return await Deno.makeTempDir({ prefix: "coffer-memory-" });
  }
}

async function main(): Promise<void> {
  const options = parseOptions(Deno.args, ["scale", "dir", "out", "keep"]);
  const work = options.dir === undefined ? await makeWorkFolder() : await Deno.makeTempDir({ dir: options.dir });
  try {
    const program = bundledCommand();
    await prepare([...program, "keygen", "-q", "-o", join(work, "key")], { cwd: work });
    const runs: Run[] = [];
    for (const name of Object.keys(MAKERS)) runs.push(...await measureCorpus(name, work, options.scale));
    const rows = runs.map(({ corpus, action, jobs, peakBytes, seconds }) => [
      corpus,
      action,
      String(jobs),
      (peakBytes / 2 ** 20).toFixed(0),
      peakBytes <= BOUND_BYTES ? "kept" : "MISSED",
      seconds.toFixed(2),
    ]);
    console.log(formatTable(COLUMNS, rows));
    console.log(`\nThe bound is ${BOUND_BYTES / 2 ** 20} MiB beyond the passphrase function, which did not run here`);
    const date = new Date().toISOString();
    const machine = describeMachine();
    const kept = join(ROOT, "bench", "results", `${date.slice(0, 10)}-${machineSlug(machine)}-memory.json`);
    const file = options.out ?? (options.keep ? kept : undefined);
    if (file === undefined) return;
    const saved = {
      schema: "coffer-bench/memory/1",
      date,
      machine,
      scale: options.scale,
      boundBytes: BOUND_BYTES,
      runs,
    };
    await Deno.writeTextFile(file, `${JSON.stringify(saved, undefined, 1)}\n`);
    console.log(`Saved in ${file}`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(`memory: ${error instanceof Error ? error.message : error}`);
    Deno.exitCode = 1;
  }
}
