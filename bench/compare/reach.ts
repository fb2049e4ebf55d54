/** What Coffer means to reach against the others, and whether a run shows it. */
import { summarize } from "../statistics.ts";
import type { Action } from "./contenders.ts";
import type { CorpusName } from "./corpora.ts";
import type { Cell, Comparison } from "./results.ts";

/** One line of the table of aims: who is measured against, and how many times as fast Coffer means to be. */
export interface Aim {
  readonly action: Action;
  /** Against the fastest of these; on random bytes, which no compressor shrinks, of `onRandom`. */
  readonly against: readonly string[];
  readonly onRandom: readonly string[];
  readonly factors: Readonly<Partial<Record<CorpusName, number>>>;
}

const PIPELINES = ["zstd1-age", "zstd3-age"];

/** The aims, by action. */
export const AIMS: readonly Aim[] = [
  {
    action: "create",
    against: PIPELINES,
    onRandom: ["age"],
    factors: { small: 1.3, mixed: 1.4, text: 1.6, random: 1.3 },
  },
  {
    action: "extract",
    against: PIPELINES,
    onRandom: ["age"],
    factors: { small: 1.3, mixed: 1.3, text: 1.3, random: 1.2 },
  },
  { action: "list", against: ["7zz", "7zz-1", "zpaq", "restic"], onRandom: [], factors: { small: 1, mixed: 1 } },
  { action: "one", against: ["7zz", "7zz-1", "zpaq"], onRandom: [], factors: { small: 1.3, mixed: 1.3 } },
  {
    action: "verify",
    against: PIPELINES,
    onRandom: ["age"],
    factors: { small: 1.2, mixed: 1.2, text: 1.2, random: 1 },
  },
];

/** An archive may be this many times as large as the one of zstd -3. */
export const SIZE_LIMIT = 1.02;

/** How one cell of the table of aims came out. */
export interface Verdict {
  readonly rival: string;
  /** Median seconds of both, without deriving keys. */
  readonly own: number;
  readonly other: number;
  /** How many times as fast Coffer is, by the medians. */
  readonly ratio: number;
  /** The same of single rounds: the least and the most. */
  readonly least: number;
  readonly most: number;
  readonly rounds: number;
  readonly aim: number;
}

/** The cell of an action, if it was measured at all: a later round that failed takes nothing from the earlier ones. */
export function cellOf(
  { cells }: Comparison,
  contender: string,
  corpus: string,
  action: Action,
): Cell | undefined {
  return cells.find((cell) =>
    cell.contender === contender && cell.corpus === corpus && cell.action === action && cell.samples.length > 0
  );
}

/** Seconds of each round, without deriving the key; never less than none. */
export function secondsOf(results: Comparison, cell: Cell): number[] {
  const kdf = results.takers.find(({ name }) => name === cell.contender)?.kdfSeconds ?? 0;
  return cell.samples.map(({ seconds }) => Math.max(0.001, seconds - kdf));
}

/** The median of {@linkcode secondsOf}; `undefined` when it was not measured. */
export function medianOf(
  results: Comparison,
  contender: string,
  corpus: string,
  action: Action,
): number | undefined {
  const cell = cellOf(results, contender, corpus, action);
  return cell === undefined ? undefined : summarize(secondsOf(results, cell)).median;
}

/** Coffer against the fastest of the others; `undefined` when there is no aim, or one side was not measured. */
export function verdictOf(results: Comparison, aim: Aim, corpus: CorpusName): Verdict | undefined {
  const factor = aim.factors[corpus];
  const ownCell = cellOf(results, "coffer", corpus, aim.action);
  if (factor === undefined || ownCell === undefined) return undefined;
  let best: { rival: string; other: number } | undefined;
  for (const rival of corpus === "random" ? aim.onRandom : aim.against) {
    const other = medianOf(results, rival, corpus, aim.action);
    if (other !== undefined && (best === undefined || other < best.other)) best = { rival, other };
  }
  if (best === undefined) return undefined;
  const ownSeconds = secondsOf(results, ownCell);
  const otherSeconds = secondsOf(results, cellOf(results, best.rival, corpus, aim.action) as Cell);
  const rounds = Math.min(ownSeconds.length, otherSeconds.length);
  const ratios = ownSeconds.slice(0, rounds).map((seconds, i) => (otherSeconds[i] as number) / seconds);
  const own = summarize(ownSeconds).median;
  const { min: least, max: most } = summarize(ratios);
  return { ...best, own, ratio: best.other / own, least, most, rounds, aim: factor };
}

/** Size of Coffer's archive as a multiple of that of `tar | zstd -3 | age`. */
export function sizeRatio(results: Comparison, corpus: CorpusName): number | undefined {
  const own = cellOf(results, "coffer", corpus, "create")?.archiveBytes;
  const other = cellOf(results, corpus === "random" ? "age" : "zstd3-age", corpus, "create")?.archiveBytes;
  return own === undefined || other === undefined ? undefined : own / other;
}
