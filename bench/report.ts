/** The results of whole runs: their shape in the kept files, and the tables for people. */
import type { CorpusName } from "./corpora.ts";
import type { Machine } from "./machine.ts";
import type { Cost } from "./measure.ts";
import { summarize, type Summary, threeDigits } from "./statistics.ts";
import { type Column, formatTable } from "./table.ts";

/** What the program is asked to do. */
export type Action = "create" | "extract" | "list" | "cat" | "verify";

/** What the runs of one action on one corpus came to. */
export interface ActionResult {
  /** What was done. */
  readonly action: Action;
  /** From start to end, in seconds. */
  readonly seconds: Summary;
  /** Processor time, in seconds, where the system tells it. */
  readonly cpuSeconds: Summary | undefined;
  /** The largest peak of any run, in bytes, where the system tells it. */
  readonly peakBytes: number | undefined;
  /** Bytes of content that went in or came out. */
  readonly bytes: number;
  /** Files that were gone through. */
  readonly files: number;
}

/** All about one corpus. */
export interface CorpusResult {
  /** Its name. */
  readonly name: CorpusName;
  /** What is in it. */
  readonly description: string;
  /** Its files. */
  readonly files: number;
  /** Its bytes. */
  readonly bytes: number;
  /** Bytes of its archive. */
  readonly archiveBytes: number;
  /** What was measured. */
  readonly actions: readonly ActionResult[];
}

/** One run of the whole benchmark: what is kept under `results/`. */
export interface Results {
  /** When it began, in ISO 8601. */
  readonly date: string;
  /** Where it ran. */
  readonly machine: Machine;
  /** What the corpora and archives lay on. */
  readonly storage: "memory" | "disk";
  /** How many processes wanted to run in the minute before, on average; near 0 on an idle machine. */
  readonly loadBefore: number;
  /** What `--version` said. */
  readonly program: string;
  /** How the program was run. */
  readonly runBy: "deno run" | "executable";
  /** Which corpora. */
  readonly corporaVersion: number;
  /** Factor on their sizes. */
  readonly scale: number;
  /** Runs of each action. */
  readonly rounds: number;
  /** `--version`, in seconds: the program started and ended. */
  readonly startSeconds: Summary;
  /** An empty script by `deno run`, in seconds: what of that is the runtime's. */
  readonly emptySeconds: Summary;
  /** The passphrase function at its default cost, alone, in seconds: every measured run has it once. */
  readonly kdfSeconds: Summary;
  /** The corpora. */
  readonly corpora: readonly CorpusResult[];
}

/** Puts the costs of several runs together. */
export function actionResult(action: Action, costs: readonly Cost[], bytes: number, files: number): ActionResult {
  const cpu = costs.flatMap(({ cpuSeconds }) => cpuSeconds ?? []);
  const peaks = costs.flatMap(({ peakBytes }) => peakBytes ?? []);
  return {
    action,
    seconds: summarize(costs.map(({ seconds }) => seconds)),
    cpuSeconds: cpu.length === costs.length ? summarize(cpu) : undefined,
    peakBytes: peaks.length > 0 ? Math.max(...peaks) : undefined,
    bytes,
    files,
  };
}

const RUN_COLUMNS: readonly Column[] = [
  { title: "corpus", align: "left" },
  { title: "action", align: "left" },
  { title: "seconds", align: "right" },
  { title: "min", align: "right" },
  { title: "max", align: "right" },
  { title: "CPU s", align: "right" },
  { title: "MB/s", align: "right" },
  { title: "files/s", align: "right" },
  { title: "peak MiB", align: "right" },
];

const SIZE_COLUMNS: readonly Column[] = [
  { title: "corpus", align: "left" },
  { title: "", align: "left" },
  { title: "files", align: "right" },
  { title: "MB", align: "right" },
  { title: "archive MB", align: "right" },
  { title: "ratio", align: "right" },
];

/** The results as text: what was measured on, the runs, the sizes, and what every run has in it. */
export function formatResults(results: Results): string {
  const { machine, startSeconds, emptySeconds, kdfSeconds } = results;
  const rounds = `${results.rounds} ${results.rounds === 1 ? "round" : "rounds"}`;
  return [
    `${results.program}, run by ${results.runBy === "deno run" ? "deno run" : "its executable"}, Deno ${machine.deno}`,
    `${machine.cpu}, cores: ${machine.cores}, memory: ${machine.memoryGiB} GiB, ${machine.system}`,
    `files in ${results.storage}; scale ${results.scale}; ${rounds}; load before: ${results.loadBefore.toFixed(2)}`,
    "",
    formatTable(RUN_COLUMNS, results.corpora.flatMap((corpus) => corpus.actions.map((one) => runCells(corpus, one)))),
    "",
    formatTable(SIZE_COLUMNS, results.corpora.map(sizeCells)),
    "",
    "In each of these runs, median (min to max), in milliseconds:",
    `  starting and ending the program  ${milliseconds(startSeconds)}`,
    `  of which Deno, an empty script   ${milliseconds(emptySeconds)}`,
    `  the passphrase function, alone   ${milliseconds(kdfSeconds)}`,
  ].join("\n");
}

function runCells(corpus: CorpusResult, { action, seconds, cpuSeconds, peakBytes, bytes, files }: ActionResult) {
  return [
    corpus.name,
    action,
    seconds.median.toFixed(2),
    seconds.min.toFixed(2),
    seconds.max.toFixed(2),
    cpuSeconds?.median.toFixed(2) ?? "",
    // A rate of one small file would only be the start-up time in disguise.
    bytes >= 1e6 ? threeDigits(bytes / seconds.median / 1e6) : "",
    files > 1 ? threeDigits(files / seconds.median) : "",
    peakBytes === undefined ? "" : (peakBytes / 2 ** 20).toFixed(0),
  ];
}

function sizeCells({ name, description, files, bytes, archiveBytes }: CorpusResult): string[] {
  return [
    name,
    description,
    String(files),
    (bytes / 1e6).toFixed(1),
    (archiveBytes / 1e6).toFixed(1),
    (bytes / archiveBytes).toFixed(2),
  ];
}

function milliseconds({ min, median, max }: Summary): string {
  const text = (seconds: number) => (seconds * 1000).toFixed(0);
  return `${text(median).padStart(5)} (${text(min)} to ${text(max)})`;
}
