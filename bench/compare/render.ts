/** A comparison as Markdown. */
import { summarize, threeDigits } from "../statistics.ts";
import { type Action, ACTIONS } from "./contenders.ts";
import type { CorpusName } from "./corpora.ts";
import { type Growth, growthPart } from "./growth.ts";
import { AIMS, cellOf, medianOf, SIZE_LIMIT, sizeRatio, type Verdict, verdictOf } from "./reach.ts";
import { updatesPart } from "./render_updates.ts";
import type { Comparison, MemoryRuns, Starts, Taker } from "./results.ts";
import { table } from "./tables.ts";

const ACTION_NAMES: Readonly<Record<Action, string>> = {
  create: "create",
  extract: "extract everything",
  list: "list",
  one: "one file out",
  verify: "verify",
};

const DESCRIPTIONS: Readonly<Record<CorpusName, string>> = {
  small: "npm packages of fixed versions: small source files",
  mixed: "programs, libraries and documents of a Linux system",
  text: "one file of generated text: words by Zipf's law, set phrases, numbers, no repetition over long distances",
  random: "one file of random bytes",
};

const NOTHING = "–";

function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${threeDigits(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

function titleOf(results: Comparison, name: string): string {
  return results.takers.find((taker) => taker.name === name)?.title ?? name;
}

/** A verdict in words: a ratio that single rounds put on either side of the aim settles nothing. */
function verdictCell(results: Comparison, verdict: Verdict): string {
  const { ratio, least, most, rounds, aim, own, other, rival } = verdict;
  const settled = rounds < 2 || least >= aim || most < aim;
  const word = `${ratio >= aim ? "✓" : "✗"}${settled ? "" : ", not in every round"}`;
  const spread = rounds > 1 ? `, ${least.toFixed(2)}–${most.toFixed(2)}` : "";
  const times = `${threeDigits(own)} s, ${titleOf(results, rival)} ${threeDigits(other)} s`;
  return `**${ratio.toFixed(2)}×** of ${aim} ${word}${spread} (${times})`;
}

function aimsTable(results: Comparison): string {
  const corpora = results.corpora;
  const rows = AIMS.map((aim) => [
    ACTION_NAMES[aim.action],
    ...corpora.map(({ name }) => {
      const verdict = verdictOf(results, aim, name);
      if (verdict !== undefined) return verdictCell(results, verdict);
      return aim.factors[name] === undefined ? NOTHING : "not measured";
    }),
  ]);
  const sizes = corpora.map(({ name }) => {
    const ratio = sizeRatio(results, name);
    return ratio === undefined ? "not measured" : `${ratio.toFixed(3)} ${ratio <= SIZE_LIMIT ? "✓" : "✗"}`;
  });
  return table([
    ["", ...corpora.map(({ name, files, bytes }) => `${name}: ${files} files, ${megabytes(bytes)}`)],
    ...rows,
    [`size, zstd -3's being 1 (at most ${SIZE_LIMIT})`, ...sizes],
  ]);
}

function contenderRow(results: Comparison, { name, title }: Taker, corpus: CorpusName): readonly string[] {
  const cells = ACTIONS.map((action) => {
    const found = results.cells.find((cell) =>
      cell.corpus === corpus && cell.contender === name && cell.action === action
    );
    if (found === undefined) return NOTHING;
    const median = medianOf(results, name, corpus, action);
    if (median === undefined) return found.error?.startsWith("left out") ? "left out" : "failed";
    return `${threeDigits(median)}${found.samples.length === 1 ? "" : ` (${found.samples.length})`}`;
  });
  const created = cellOf(results, name, corpus, "create");
  const peak = (action: Action) => {
    const peaks = cellOf(results, name, corpus, action)?.samples.flatMap(({ peakBytes }) => peakBytes ?? []) ?? [];
    return peaks.length === 0 ? NOTHING : String(Math.round(Math.max(...peaks) / 2 ** 20));
  };
  const size = created?.archiveBytes === undefined ? NOTHING : megabytes(created.archiveBytes);
  return [title, ...cells, size, peak("create"), peak("extract"), peak("verify")];
}

function contendersTable(results: Comparison, corpus: CorpusName): string {
  const hasCells = (name: string) => results.cells.some((cell) => cell.corpus === corpus && cell.contender === name);
  const takers = results.takers.filter(({ name, version }) => version !== undefined && hasCells(name));
  return table([
    [corpus, ...ACTIONS.map((action) => ACTION_NAMES[action]), "archive", "MiB, create", "extract", "verify"],
    ...takers.map((taker) => contenderRow(results, taker, corpus)),
  ]);
}

/** The floors, and Coffer's own times below them. */
export function floorsTable(results: Comparison): string {
  const names = [...new Map(results.floors.map(({ name, what }) => [name, what]))];
  const rows = names.map(([name, what]) => [
    what,
    ...results.corpora.map(({ name: corpus }) => {
      const floor = results.floors.find((one) => one.name === name && one.corpus === corpus);
      if (floor === undefined || floor.seconds.length === 0) return floor?.error === undefined ? NOTHING : "failed";
      return threeDigits(summarize(floor.seconds).median);
    }),
  ]);
  const own = (["create", "extract", "verify"] as const).map((action) => [
    `**Coffer: ${ACTION_NAMES[action]}**`,
    ...results.corpora.map(({ name }) => {
      const seconds = medianOf(results, "coffer", name, action);
      return seconds === undefined ? NOTHING : `**${threeDigits(seconds)}**`;
    }),
  ]);
  return table([["seconds", ...results.corpora.map(({ name }) => name)], ...rows, ...own]);
}

/** Which parts of the work alone bound an action from below, by the names of {@linkcode Floor}. */
const BOUNDS: Readonly<Record<Action, readonly string[]>> = {
  create: ["tar", "zstd3-alone", "stages"],
  extract: ["cp", "unzstd", "stages-extract"],
  list: ["modules", "names", "start"],
  one: ["modules", "start"],
  verify: ["unzstd", "modules", "open", "stages-verify"],
};
/** Nothing is compressed of random bytes: all of them are sealed. */
const BOUNDS_ON_RANDOM: Readonly<Record<Action, readonly string[]>> = {
  create: ["seal", "modules"],
  extract: ["seal", "modules", "stages-extract"],
  list: ["modules", "names", "start"],
  one: ["modules", "start"],
  verify: ["seal", "modules", "open", "stages-verify"],
};
/** Floors of one core, or of all together, that a program with several threads can share among all. */
const SHARED = new Set(["unzstd", "stages", "stages-extract", "stages-verify"]);
/** Floors of code that is loaded and warm: the program's start comes before it, and has one core. */
const AFTER_START = new Set(["stages", "stages-extract", "stages-verify"]);

/** What a part of the work alone takes, and in what words; `undefined` where it was not measured. */
function boundOf(results: Comparison, corpus: CorpusName, part: string): { seconds: number; text: string } | undefined {
  const measured = (name: string) => {
    const floor = results.floors.find((one) => one.name === name && one.corpus === corpus);
    return floor === undefined || floor.seconds.length === 0
      ? undefined
      : { what: floor.what, median: summarize(floor.seconds).median };
  };
  const floor = measured(part);
  if (floor === undefined) return undefined;
  const start = AFTER_START.has(part) ? measured("start")?.median : undefined;
  const shared = SHARED.has(part);
  const seconds = (shared ? floor.median / results.machine.cores : floor.median) + (start ?? 0);
  const how = `${shared ? ", shared by all" : ""}${start === undefined ? "" : ", and the start"}`;
  return { seconds, text: `${floor.what}${how}: ${threeDigits(seconds)}` };
}

/** The cells that miss their aim, or do in some rounds: what the aim is in seconds, and what parts of the work take. */
function missesTable(results: Comparison): string {
  const rows = AIMS.flatMap((aim) =>
    results.corpora.flatMap(({ name }) => {
      const verdict = verdictOf(results, aim, name);
      if (verdict === undefined || Math.min(verdict.least, verdict.ratio) >= verdict.aim) return [];
      const goal = verdict.other / verdict.aim;
      const parts = (name === "random" ? BOUNDS_ON_RANDOM : BOUNDS)[aim.action].flatMap((part) => {
        const bound = boundOf(results, name, part);
        if (bound === undefined) return [];
        return [bound.seconds > goal ? `**${bound.text}**` : bound.text];
      });
      return [[
        `${ACTION_NAMES[aim.action]}, ${name}`,
        threeDigits(verdict.own),
        threeDigits(goal),
        parts.length === 0 ? NOTHING : parts.join("; "),
      ]];
    })
  );
  return table([["cell", "Coffer", "aim", "parts of the work alone, those above the aim in bold"], ...rows]);
}

function machineLine({ machine, date, loadBefore }: Comparison): string {
  return `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.system}, Deno ${machine.deno}, ` +
    `${date.slice(0, 10)}, load ${loadBefore.toFixed(2)} before`;
}

/** What README says of a comparison, and of how an archive ages where that has been measured. */
export function readmePart(results: Comparison, growth?: Growth): string {
  return `How many times as fast Coffer is as the fastest of those that the aim names, of the aim; then the least and
the most of single rounds, and the medians in seconds. Below 1 the other is faster. Measured on ${machineLine(results)}.

${aimsTable(results)}

![Seconds to create an archive, by program](bench/plots/create.svg)
![Seconds to extract everything, by program](bench/plots/extract.svg)
![Seconds to verify, by program](bench/plots/verify.svg)

${withGap(updatesPart(results))}${
    growth === undefined ? "" : withGap(growthPart(growth))
  }All programs, all figures, memory, sizes and versions: [bench/comparison.md](bench/comparison.md). What stops the cells
that miss their aim: [bench/profile.md](bench/profile.md).`;
}

/** What `bench/profile.md` says: the floors, and starts and memory where they have been measured. */
export function profilePart(results: Comparison, starts?: Starts, memory?: MemoryRuns): string {
  const parts = [
    `Seconds for the same bytes, medians, on ${machineLine(results)}. Each row is a part of the work alone: by other
programs, by this runtime on the shortest way, or, where it says stages, by Coffer's own functions on one thread. Who
calls the system's libraries need not load the runtime's modules.`,
    floorsTable(results),
    `Cells of README's table that miss their aim, or do in some rounds, in seconds:`,
    missesTable(results),
  ];
  if (starts !== undefined) {
    const empty = starts.results[0]?.seconds.median ?? NaN;
    parts.push(
      `Cold starts, ${
        starts.date.slice(0, 10)
      }, ${starts.rounds} rounds in turn, in milliseconds (\`bench/startup.ts\`):`,
      table([
        ["start", "median", "least", "times an empty script"],
        ...starts.results.map(({ name, seconds }) => [
          name,
          (seconds.median * 1000).toFixed(0),
          (seconds.min * 1000).toFixed(0),
          (seconds.median / empty).toFixed(2),
        ]),
      ]),
    );
  }
  if (memory !== undefined) {
    const bound = memory.boundBytes / 2 ** 20;
    parts.push(
      `The most that was resident, in MiB, ${memory.date.slice(0, 10)}; the bound is ${bound} (\`bench/memory.ts\`):`,
      memoryTable(memory),
    );
  }
  return parts.join("\n\n");
}

function memoryTable({ runs, boundBytes }: MemoryRuns): string {
  const corpora = [...new Set(runs.map(({ corpus }) => corpus))];
  const actions = [...new Map(runs.map(({ action, jobs }) => [`${action}, jobs: ${jobs}`, { action, jobs }]))];
  return table([
    ["", ...corpora],
    ...actions.map(([title, { action, jobs }]) => [
      title,
      ...corpora.map((corpus) => {
        const run = runs.find((one) => one.corpus === corpus && one.action === action && one.jobs === jobs);
        if (run === undefined) return NOTHING;
        return `${(run.peakBytes / 2 ** 20).toFixed(0)} ${run.peakBytes <= boundBytes ? "✓" : "✗"}`;
      }),
    ]),
  ]);
}

/** The whole comparison as a document. */
export function comparisonDocument(results: Comparison): string {
  const takers = results.takers.filter(({ version }) => version !== undefined);
  const absent = results.takers.filter(({ version }) => version === undefined).map(({ title }) => title);
  const failed = results.cells.filter(({ error }) => error !== undefined);
  const versions = table([
    ["program", "version", "seconds to derive a key", "key"],
    ...takers.map(({ title, version = "", kdfSeconds, keyNote }) => [
      title,
      version,
      kdfSeconds === 0 ? "0" : threeDigits(kdfSeconds),
      keyNote,
    ]),
  ]);
  return `# Coffer beside other programs

Made by \`deno task bench:report\` from a run of \`deno task bench:compare\` on ${machineLine(results)}.

- Seconds on the wall from the start to the end of all processes of a run, less what deriving the key from a passphrase
  takes: medians. In parentheses, of how many rounds; without, it is one run. Coffer and the pipelines take turns within
  each round, and who begins changes. Coffer is run by ${
    results.runBy === "deno run" ? "\`deno run\`" : "its executable"
  }.
- Everything is at its default but where a name says otherwise. What makes an archive in one file syncs it before the
  clock stops; restic and borg sync for themselves.
- Archives and extracted trees are in ${results.storage}${
    results.storage === "memory" ? ", where syncing costs nobody anything" : ""
  }; the trees to store are in the page cache.
- After the first extraction, number and sizes of the files are checked. zpaq stores no symlinks.
- Memory is the sum of the peaks of all processes of a run, in MiB; the largest of all rounds.

${
    results.corpora.map(({ name, files, entries, bytes }) =>
      `- **${name}**: ${DESCRIPTIONS[name]}; ${files} files, ${entries} entries, ${megabytes(bytes)}`
    ).join("\n")
  }

${results.corpora.map(({ name }) => contendersTable(results, name)).join("\n\n")}

${results.updates === undefined ? "" : `## Second runs\n\n${withGap(updatesPart(results))}`}${
    failed.length === 0 ? "" : `## Failed or left out\n\n${failedList(results)}\n\n`
  }## Floors

The same bytes through one part of the work alone, in seconds, and Coffer's own times:

${floorsTable(results)}

## Versions and keys

${versions}
${absent.length === 0 ? "" : `\nNot installed, and so not compared: ${absent.join(", ")}.\n`}`;
}

function failedList(results: Comparison): string {
  return results.cells.flatMap(({ corpus, action, contender, error }) =>
    error === undefined ? [] : [`- ${corpus}, ${ACTION_NAMES[action]}, ${titleOf(results, contender)}: ${plain(error)}`]
  ).join("\n");
}

/** What a program said, as text that is no Markdown. */
function plain(text: string): string {
  return `\`${text.replaceAll("`", "'").replaceAll("\n", " ")}\``;
}

function withGap(part: string): string {
  return part === "" ? "" : `${part}\n\n`;
}
