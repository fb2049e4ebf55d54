/**
 * Measures the real program on generated corpora: creating, extracting, listing, reading one file, verifying.
 *
 *     deno run -A bench/throughput.ts                          in full; the results are kept under bench/results/
 *     deno run -A bench/throughput.ts --scale 0.1 --rounds 3   a quick look
 *
 * Options: `--scale N`, `--rounds N`, `--dir D` (work there, and keep or find the corpora there), `--keep` (keep those
 * made in a temporary folder), `--out FILE` (save there). The executable is `COFFER_BIN`, or else this checkout's
 * `cli.ts` run by this Deno.
 *
 * @module
 */
import * as fs from "node:fs";
import { freemem } from "node:os";
import { fromFileUrl, join } from "@std/path";
import { nativeEngine } from "../src/engine/native/engine.ts";
import { DEFAULT_LOG_N } from "../src/format/limits.ts";
import { CORPORA_VERSION, type Corpus, largestNeed, makeCorpora } from "./corpora.ts";
import { describeMachine, machineSlug } from "./machine.ts";
import { type Cost, measure } from "./measure.ts";
import { type Options, parseOptions } from "./options.ts";
import {
  type Action,
  type ActionResult,
  actionResult,
  type CorpusResult,
  formatResults,
  type Results,
} from "./report.ts";
import { programCommand } from "./program.ts";
import { summarize } from "./statistics.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const PASSPHRASE = "correct horse battery staple measures again";
/** Where Linux keeps files in memory: measured there, a disk's moods stay out of it. */
const MEMORY_FOLDER = "/dev/shm";
/** What `statfs` says of such a folder (TMPFS_MAGIC). */
const TMPFS_TYPE = 0x01021994;

/** What the program is run by, and in. */
interface Bench {
  readonly program: readonly string[];
  readonly work: string;
  readonly rounds: number;
  readonly signal: AbortSignal;
}

/** A folder for corpora, archives and what is extracted: in memory where there is room. */
function makeWorkFolder(scale: number): string {
  const prefix = "coffer-bench-";
  try {
    const { bavail, bsize } = fs.statfsSync(MEMORY_FOLDER);
    const need = largestNeed(scale);
    if (bavail * bsize > need && freemem() > need) return Deno.makeTempDirSync({ dir: MEMORY_FOLDER, prefix });
  } catch {
    // There is no such folder here.
  }
  return Deno.makeTempDirSync({ prefix });
}

async function repeat(rounds: number, run: () => Promise<number>): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < rounds; i++) samples.push(await run());
  return samples;
}

async function timePassphraseFunction(): Promise<number> {
  const start = performance.now();
  const cost = { logN: DEFAULT_LOG_N, r: 8, p: 1 };
  await nativeEngine.scrypt(new TextEncoder().encode(PASSPHRASE), new Uint8Array(32), cost, 64);
  return (performance.now() - start) / 1000;
}

async function measureCorpus(bench: Bench, corpus: Corpus): Promise<CorpusResult> {
  const { program, work, rounds, signal } = bench;
  const archive = join(work, "archive.coffer");
  const extracted = join(work, "extracted");
  const commands: Record<Action, readonly string[]> = {
    create: ["create", archive, "-C", corpus.folder, "."],
    extract: ["extract", archive, "-C", extracted],
    list: ["list", archive],
    cat: ["cat", archive, corpus.sample],
    verify: ["verify", archive],
  };
  const actions = Object.keys(commands) as Action[];
  const costs = new Map(actions.map((action): [Action, Cost[]] => [action, []]));
  try {
    for (let round = 1; round <= rounds; round++) {
      await remove(archive);
      for (const action of actions) {
        console.error(`${corpus.name}: ${action}, ${round} of ${rounds}`);
        const env = { COFFER_PASSPHRASE: PASSPHRASE };
        costs.get(action)?.push(await measure([...program, ...commands[action]], { cwd: work, env, signal }));
        if (action !== "extract") continue;
        if (round === 1) checkExtracted(corpus, extracted);
        await remove(extracted);
      }
    }
    const archiveBytes = Deno.statSync(archive).size;
    const { name, description, files, bytes } = corpus;
    const results = actions.map((action) => resultOf(corpus, action, costs.get(action) ?? []));
    return { name, description, files, bytes, archiveBytes, actions: results };
  } finally {
    await remove(archive);
    await remove(extracted);
  }
}

function resultOf(corpus: Corpus, action: Action, costs: readonly Cost[]): ActionResult {
  if (action === "list") return actionResult(action, costs, 0, corpus.files);
  if (action === "cat") return actionResult(action, costs, Deno.statSync(join(corpus.folder, corpus.sample)).size, 1);
  return actionResult(action, costs, corpus.bytes, corpus.files);
}

/** A quick run that restores nothing is no good: all files must be there, with their sizes. */
function checkExtracted(corpus: Corpus, folder: string): void {
  let files = 0;
  let bytes = 0;
  const visit = (path: string) => {
    for (const entry of Deno.readDirSync(path)) {
      const inside = join(path, entry.name);
      if (entry.isDirectory) visit(inside);
      else {
        files++;
        bytes += Deno.lstatSync(inside).size;
      }
    }
  };
  visit(folder);
  if (files !== corpus.files || bytes !== corpus.bytes) {
    throw new Error(`Cannot trust the figures: of "${corpus.name}", ${files} files with ${bytes} bytes were extracted`);
  }
}

async function remove(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function versionOf(program: readonly string[]): Promise<string> {
  const [command = "", ...args] = program;
  const { stdout } = await new Deno.Command(command, { args: [...args, "--version"], stdin: "null" }).output();
  return new TextDecoder().decode(stdout).split("\n")[0]?.trim() ?? "";
}

async function run(options: Options, work: string, signal: AbortSignal): Promise<Results> {
  const bench: Bench = { program: programCommand(), work, rounds: options.rounds, signal };
  const date = new Date().toISOString();
  const loadBefore = Deno.loadavg()[0] ?? 0;
  const empty = join(work, "empty.ts");
  await Deno.writeTextFile(empty, "");
  const seconds = async (command: readonly string[]) => (await measure(command, { cwd: work, signal })).seconds;
  const startSeconds = summarize(await repeat(options.rounds, () => seconds([...bench.program, "--version"])));
  const emptySeconds = summarize(await repeat(options.rounds, () => seconds([Deno.execPath(), "run", "-A", empty])));
  const kdfSeconds = summarize(await repeat(options.rounds, timePassphraseFunction));
  await remove(empty);
  console.error("making the corpora");
  const corpora: CorpusResult[] = [];
  for (const corpus of await makeCorpora(join(work, "corpora"), { scale: options.scale, signal })) {
    corpora.push(await measureCorpus(bench, corpus));
  }
  return {
    date,
    machine: describeMachine(),
    storage: Deno.build.os === "linux" && fs.statfsSync(work).type === TMPFS_TYPE ? "memory" : "disk",
    loadBefore,
    program: await versionOf(bench.program),
    runBy: Deno.env.get("COFFER_BIN") ? "executable" : "deno run",
    corporaVersion: CORPORA_VERSION,
    scale: options.scale,
    rounds: options.rounds,
    startSeconds,
    emptySeconds,
    kdfSeconds,
    corpora,
  };
}

/** Where results are kept: runs of other scales say nothing to compare with, so they are only shown. */
function resultsFile(options: Options, results: Results): string | undefined {
  if (options.out !== undefined) return options.out;
  if (options.scale !== 1) return undefined;
  return join(ROOT, "bench", "results", `${results.date.slice(0, 10)}-${machineSlug(results.machine)}.json`);
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args, ["dir", "keep", "scale", "rounds", "out"]);
  const interrupted = new AbortController();
  // The folder may be in memory, where what is left behind is missed.
  const interrupt = () => interrupted.abort(new Error("Interrupted"));
  Deno.addSignalListener("SIGINT", interrupt);
  if (options.dir !== undefined) await Deno.mkdir(options.dir, { recursive: true });
  const work = options.dir === undefined ? makeWorkFolder(options.scale) : await Deno.realPath(options.dir);
  try {
    const results = await run(options, work, interrupted.signal);
    console.log(formatResults(results));
    const file = resultsFile(options, results);
    if (file === undefined) {
      console.log("\nNot saved: only runs at scale 1 are, or with --out FILE");
    } else {
      await Deno.mkdir(join(file, ".."), { recursive: true });
      await Deno.writeTextFile(file, `${JSON.stringify(results, undefined, 2)}\n`);
      console.log(`\nSaved in ${file}`);
    }
    if (options.keep && options.dir === undefined) console.log(`Corpora kept in ${join(work, "corpora")}`);
  } finally {
    Deno.removeSignalListener("SIGINT", interrupt);
    if (options.dir === undefined && !options.keep) await remove(work);
  }
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    console.error(`throughput: ${error instanceof Error ? error.message : error}`);
    Deno.exitCode = 1;
  }
}
