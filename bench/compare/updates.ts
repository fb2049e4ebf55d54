/**
 * The second run: a tree that has been stored is stored again, after nothing has changed, and after a line was added to
 * one file in a hundred. Sides take turns within a round, each against the same tree in the same state.
 */
import { join } from "@std/path";
import type { Machine } from "../machine.ts";
import { summarize } from "../statistics.ts";
import type { Contender, Place } from "./contenders.ts";
import { type Corpus, count } from "./corpora.ts";
import { type Pipeline, prepare, runPipeline, type Sample, type ShellOptions } from "./shell.ts";

/** What second runs of one program cost. */
export interface UpdateRow {
  readonly contender: string;
  /** Seconds of the same command over a tree of one file that has not changed: its start, and deriving its key. */
  readonly start: readonly number[];
  /** Nothing had changed. */
  readonly nothing: readonly Sample[];
  /** One file in {@linkcode CHANGED_OF} had. */
  readonly changed: readonly Sample[];
  /** By how much the archive grew in each of {@linkcode changed}. */
  readonly addedBytes: readonly number[];
  readonly error?: string;
}

/** All second runs of one comparison. */
export interface Updates {
  readonly date: string;
  readonly machine: Machine;
  readonly loadBefore: number;
  /** Regular files of the tree, and how many of them change each time. */
  readonly files: number;
  readonly changedFiles: number;
  /** Bytes in the files that change, on average: what is stored where files are stored whole. */
  readonly changedBytes: number;
  readonly rows: readonly UpdateRow[];
  /** Seconds that `find -printf` takes over the tree, one for each round. */
  readonly find: readonly number[];
}

/** What measuring takes of the session. */
export interface UpdateTools {
  readonly contenders: readonly Contender[];
  readonly work: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** An empty place for an archive of a folder. */
  readonly place: (contender: Contender, folder: string, part: string) => Promise<Place>;
  readonly shell: (contender: Contender | undefined, place: Place | undefined) => ShellOptions;
  readonly remove: (path: string) => Promise<void>;
}

/** One file in so many changes. */
export const CHANGED_OF = 100;
const LINE = "// one more line\n";
/** A slow program has fewer rounds, and the one that compresses everything again one. */
const ROUNDS: Readonly<Record<string, number>> = { "7zz": 1, restic: 3, borg: 3 };
const START_ROUNDS = 5;
/** File times are compared with the time of the last run; what is as new as that is looked at twice. */
const SETTLE_MS = 3000;

interface Side {
  readonly contender: Contender;
  readonly place: Place;
  readonly row: { -readonly [K in keyof UpdateRow]: UpdateRow[K] } & {
    start: number[];
    nothing: Sample[];
    changed: Sample[];
    addedBytes: number[];
  };
}

/** Measures second runs over a copy of a corpus. */
export async function measureUpdates(
  corpus: Corpus,
  rounds: number,
  tools: UpdateTools,
): Promise<Omit<Updates, "date" | "machine" | "loadBefore">> {
  const { work, say, remove, signal } = tools;
  const tree = join(work, "changing");
  await prepare(["cp", "-a", corpus.folder, tree], { cwd: work });
  const paths = filesBelow(tree);
  const sides: Side[] = [];
  const find: number[] = [];
  let changedBytes = 0;
  try {
    for (const contender of tools.contenders) {
      if (contender.update === undefined) continue;
      const row = { contender: contender.name, start: [], nothing: [], changed: [], addedBytes: [] };
      const side = { contender, row, place: await tools.place(contender, tree, "changing") };
      sides.push(side);
      say(`update: ${contender.title}: its start, and the first run`);
      await attempt(side, tools, "what it takes to start", () => measureStart(side, tools));
      await attempt(side, tools, "the first run", () => create(side, tools));
    }
    for (let round = 0; round < rounds; round++) {
      const turns = sides.map((_, i) => sides[(i + round) % sides.length] as Side)
        .filter(({ contender, row }) => row.error === undefined && round < (ROUNDS[contender.name] ?? rounds));
      say(`update: round ${round + 1}: ${turns.map(({ contender }) => contender.title).join(", ")}`);
      await settle(signal);
      const options = tools.shell(undefined, undefined);
      find.push((await runPipeline(findPipeline(tree), options)).seconds);
      for (const side of turns) {
        await attempt(side, tools, `round ${round + 1}, nothing changed`, async () => {
          side.row.nothing.push(await run(side, tools, `nothing-${round}`));
        });
      }
      changedBytes += change(tree, paths, round);
      await settle(signal);
      for (const side of turns) {
        await attempt(side, tools, `round ${round + 1}, 1 % changed`, async () => {
          const before = count(side.place.folder).bytes;
          side.row.changed.push(await run(side, tools, `changed-${round}`));
          side.row.addedBytes.push(count(side.place.folder).bytes - before);
        });
      }
    }
  } finally {
    for (const { place } of sides) await remove(place.folder);
    await remove(tree);
  }
  const rows = sides.map(({ row }) => row);
  for (const { contender, start, nothing, changed, addedBytes } of rows) {
    const median = (list: readonly number[]) => list.length === 0 ? "–" : summarize(list).median.toFixed(2);
    const seconds = (samples: readonly Sample[]) => median(samples.map((sample) => sample.seconds));
    say(
      `${contender}: start ${median(start)} s, nothing changed ${seconds(nothing)} s, ` +
        `1 % changed ${seconds(changed)} s, ${median(addedBytes.map((bytes) => bytes / 1000))} KB added`,
    );
  }
  const changedFiles = Math.floor(paths.length / CHANGED_OF);
  return { files: paths.length, changedFiles, changedBytes: Math.round(changedBytes / rounds), rows, find };
}

/** What `find` is asked for: what a program that compares times and sizes has to know of each file. */
export function findPipeline(cwd: string): Pipeline {
  return { stages: [["find", ".", "-printf", "%p %s %T@\n"]], cwd };
}

async function attempt(side: Side, { say, signal }: UpdateTools, what: string, work: () => Promise<void>) {
  if (side.row.error !== undefined) return;
  try {
    await work();
  } catch (error) {
    signal.throwIfAborted();
    side.row.error = error instanceof Error ? error.message : String(error);
    say(`*** FAILED: update: ${what}: ${side.contender.title}: ${side.row.error} ***`);
  }
}

async function run({ contender, place }: Side, tools: UpdateTools, name: string): Promise<Sample> {
  const pipeline = contender.update?.(place, name);
  if (pipeline === undefined) throw new Error("it cannot do this");
  return await runPipeline(pipeline, tools.shell(contender, place));
}

async function create({ contender, place }: Pick<Side, "contender" | "place">, tools: UpdateTools): Promise<void> {
  await contender.init?.(place, true);
  const pipeline = contender.pipeline("create", place, true);
  if (pipeline !== undefined) await runPipeline(pipeline, tools.shell(contender, place));
}

async function measureStart({ contender, row }: Side, tools: UpdateTools): Promise<void> {
  const folder = join(tools.work, "one-file");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "file"), "hello\n");
  await settle(tools.signal);
  const place = await tools.place(contender, folder, "one-file");
  const side = { contender, place, row };
  try {
    await create(side, tools);
    for (let i = 0; i < START_ROUNDS; i++) row.start.push((await run(side, tools, `start-${i}`)).seconds);
  } finally {
    await tools.remove(place.folder);
    await tools.remove(folder);
  }
}

/** Adds a line to one file in a hundred, others each round. Gives the bytes of all these files. */
function change(tree: string, paths: readonly string[], round: number): number {
  let bytes = 0;
  for (let i = CHANGED_OF - 1 - round; i < paths.length; i += CHANGED_OF) {
    const path = join(tree, paths[i] as string);
    Deno.writeTextFileSync(path, LINE, { append: true });
    bytes += Deno.statSync(path).size;
  }
  return bytes;
}

/** Regular files in the order of their paths. */
function filesBelow(tree: string): string[] {
  const paths: string[] = [];
  const visit = (folder: string) => {
    for (const { name, isDirectory, isFile } of Deno.readDirSync(join(tree, folder))) {
      const path = join(folder, name);
      if (isDirectory) visit(path);
      else if (isFile) paths.push(path);
    }
  };
  visit("");
  return paths.sort();
}

async function settle(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}

/** Seconds of a second run without the program's start and key. */
export function netSeconds(row: UpdateRow, kind: "nothing" | "changed"): number | undefined {
  if (row[kind].length === 0 || row.start.length === 0) return undefined;
  const { median } = summarize(row[kind].map(({ seconds }) => seconds));
  return Math.max(0.001, median - summarize(row.start).median);
}
