/**
 * Compares Coffer with the programs that people use for the same: time, size and memory, on the same files.
 *
 *     deno task bench:compare                       what fits into 25 minutes; kept under bench/results/
 *     deno task bench:compare --prepare             only makes the corpora, in the cache
 *     deno task bench:compare --updates             only second runs, put into the newest of the kept results
 *     deno task bench:compare --quick --out FILE    small corpora, one round: whether everything works
 *
 * Options: `--minutes N`, `--rounds N` (of the fast programs, at least; 5), `--cache DIR` (where the corpora are kept;
 * else in the user's cache folder), `--small DIR` (a folder that stands in for the npm packages), `--work DIR` (for
 * archives and extracted trees; else in memory), `--tools A,B`, `--corpora A,B`, `--jobs N` (for Coffer), `--out FILE`.
 * The executable is `COFFER_BIN`, or else this checkout's program as README installs it.
 *
 * @module
 */
import * as fs from "node:fs";
import { parseArgs } from "@std/cli/parse-args";
import { fromFileUrl, join } from "@std/path";
import { CONTENDERS } from "./compare/contenders.ts";
import { type Corpus, CORPUS_NAMES, type CorpusName, findOrMake, FULL, QUICK, survey } from "./compare/corpora.ts";
import { type Comparison, COMPARISON_SUFFIX, newestComparison } from "./compare/results.ts";
import { Session, type SessionResults } from "./compare/session.ts";
import { hasPeaks } from "./compare/shell.ts";
import { describeMachine, machineSlug } from "./machine.ts";
import { programCommand } from "./program.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const RESULTS = join(ROOT, "bench", "results");
/** Where Linux keeps files in memory: measured there, a disk's moods stay out of it. */
const MEMORY_FOLDER = "/dev/shm";
/** What `statfs` says of such a folder (TMPFS_MAGIC). */
const TMPFS_TYPE = 0x01021994;
const DEFAULT_MINUTES = 25;
const DEFAULT_ROUNDS = 5;
const MORE_ROUNDS = 4;

/** What was asked for. */
export interface CompareOptions {
  readonly minutes: number;
  readonly rounds: number;
  readonly quick: boolean;
  readonly prepare: boolean;
  readonly onlyUpdates: boolean;
  readonly cache: string;
  readonly small: string | undefined;
  readonly work: string | undefined;
  readonly tools: readonly string[];
  readonly corpora: readonly CorpusName[];
  readonly jobs: number | undefined;
  readonly out: string | undefined;
}

/**
 * Reads the options.
 *
 * @throws {TypeError} for any other argument, or a value that makes no sense.
 */
export function parseCompareOptions(args: readonly string[]): CompareOptions {
  const valued = ["minutes", "rounds", "cache", "small", "work", "tools", "corpora", "jobs", "out"];
  const given = parseArgs([...args], {
    string: valued,
    boolean: ["quick", "prepare", "updates"],
    unknown: (arg) => {
      throw new TypeError(
        `Cannot take "${arg}": the options are --quick, --prepare, --updates, --${valued.join(", --")}`,
      );
    },
  });
  const text = (name: string): string | undefined => {
    const value = given[name];
    if (value === "") throw new TypeError(`Cannot take --${name}: it needs a value`);
    return typeof value === "string" ? value : undefined;
  };
  const number = (name: string, fallback: number): number => {
    const value = Number(text(name) ?? fallback);
    if (!(value > 0 && value < Infinity)) throw new TypeError(`Cannot take --${name}: it must be a positive number`);
    return value;
  };
  const names = <T extends string>(name: string, known: readonly T[]): readonly T[] => {
    const value = text(name);
    if (value === undefined) return known;
    const asked = value.split(",");
    const stranger = asked.find((one) => !known.some((other) => other === one));
    if (stranger !== undefined) {
      throw new TypeError(`Cannot take --${name}: "${stranger}" is none of ${known.join(", ")}`);
    }
    return known.filter((one) => asked.includes(one));
  };
  const quick = given.quick === true;
  const rounds = number("rounds", quick ? 1 : DEFAULT_ROUNDS);
  if (!Number.isInteger(rounds)) throw new TypeError("Cannot take --rounds: it must be a whole number");
  return {
    minutes: number("minutes", DEFAULT_MINUTES),
    rounds,
    quick,
    prepare: given.prepare === true,
    onlyUpdates: given.updates === true,
    cache: text("cache") ?? defaultCache(quick),
    small: text("small"),
    work: text("work"),
    tools: names("tools", CONTENDERS.map(({ name }) => name)),
    corpora: given.updates === true ? ["small"] : names("corpora", CORPUS_NAMES),
    jobs: text("jobs") === undefined ? undefined : number("jobs", 1),
    out: text("out"),
  };
}

function defaultCache(quick: boolean): string {
  const base = Deno.env.get("XDG_CACHE_HOME") || join(Deno.env.get("HOME") ?? ".", ".cache");
  return join(base, "coffer-bench", quick ? "quick" : "full");
}

async function findCorpora(options: CompareOptions): Promise<Corpus[]> {
  await Deno.mkdir(options.cache, { recursive: true });
  const corpora: Corpus[] = [];
  for (const name of options.corpora) {
    console.error(`${name}: looking for the corpus, or making it`);
    const own = name === "small" ? options.small : undefined;
    corpora.push(
      own !== undefined
        ? survey(name, await Deno.realPath(own))
        : await findOrMake(name, await Deno.realPath(options.cache), options.quick ? QUICK : FULL),
    );
  }
  return corpora;
}

function makeWorkFolder(): string {
  const prefix = "coffer-compare-";
  try {
    return Deno.makeTempDirSync({ dir: MEMORY_FOLDER, prefix });
  } catch {
    console.error("*** There is no folder in memory here: the disk will be measured too ***");
    return Deno.makeTempDirSync({ prefix });
  }
}

/** Where results are kept: quick ones say nothing worth keeping, so only where it was said. */
function resultsFile(options: CompareOptions, results: Comparison): string | undefined {
  if (options.out !== undefined) return options.out;
  if (options.quick) return undefined;
  const name = `${results.date.slice(0, 10)}-${machineSlug(results.machine)}${COMPARISON_SUFFIX}`;
  return join(RESULTS, name);
}

/** An earlier comparison with second runs that were measured later. */
function withUpdates(earlier: Comparison, { takers, updates }: SessionResults): Comparison {
  if (updates === undefined) return earlier;
  const isNew = ({ name }: { readonly name: string }) => !earlier.takers.some((taker) => taker.name === name);
  return { ...earlier, takers: [...earlier.takers, ...takers.filter(isNew)], updates };
}

async function compare(options: CompareOptions, signal: AbortSignal): Promise<void> {
  const corpora = await findCorpora(options);
  if (options.prepare) return;
  if (!hasPeaks) console.error("*** ABSENT: GNU time: memory and processor time will not be told ***");
  const start = performance.now();
  const work = options.work === undefined ? makeWorkFolder() : await Deno.makeTempDir({ dir: options.work });
  const storage = Deno.build.os === "linux" && fs.statfsSync(work).type === TMPFS_TYPE ? "memory" : "disk";
  let results: Comparison = {
    schema: "coffer-bench/compare/1",
    date: new Date().toISOString(),
    machine: describeMachine(),
    storage,
    runBy: Deno.env.get("COFFER_BIN") ? "executable" : "deno run",
    quick: options.quick,
    loadBefore: Deno.loadavg()[0] ?? 0,
    minutes: options.minutes,
    corpora: corpora.map(({ name, files, entries, bytes }) => ({ name, files, entries, bytes })),
    takers: [],
    cells: [],
    floors: [],
  };
  const earlier = options.onlyUpdates && options.out === undefined && !options.quick
    ? await newestComparison(RESULTS)
    : undefined;
  const file = resultsFile(options, earlier ?? results);
  try {
    await new Session({
      coffer: programCommand(),
      jobs: options.jobs,
      corpora,
      contenders: options.tools,
      work,
      inMemory: storage === "memory",
      deadlineMs: start + options.minutes * 60_000,
      rounds: { wanted: options.rounds, most: options.quick ? options.rounds : options.rounds + MORE_ROUNDS },
      signal,
      say: (line) => console.error(`${((performance.now() - start) / 1000).toFixed(0).padStart(5)} s  ${line}`),
      onlyUpdates: options.onlyUpdates,
      save: async (part) => {
        results = earlier === undefined ? { ...results, ...part } : withUpdates(earlier, part);
        if (file !== undefined) await Deno.writeTextFile(file, `${JSON.stringify(results, undefined, 1)}\n`);
      },
    }).run();
    const failed = results.cells.filter(({ error }) => error !== undefined);
    for (const { corpus, contender, action, error } of failed) {
      console.error(`${corpus}: ${action}: ${contender}: ${error}`);
    }
    console.log(file === undefined ? "Not saved: quick runs are only with --out FILE" : `Saved in ${file}`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function main(): Promise<void> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new Error("Interrupted"));
  Deno.addSignalListener("SIGINT", interrupt);
  try {
    await compare(parseCompareOptions(Deno.args), interrupted.signal);
  } catch (error) {
    console.error(`compare: ${error instanceof Error ? error.message : error}`);
    Deno.exitCode = 1;
  } finally {
    Deno.removeSignalListener("SIGINT", interrupt);
  }
}

if (import.meta.main) await main();
