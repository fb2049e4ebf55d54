/** What a comparison leaves behind: the shape of the kept files, and finding the newest. */
import { join } from "@std/path";
import type { Machine } from "../machine.ts";
import type { Summary } from "../statistics.ts";
import type { Action } from "./contenders.ts";
import type { CorpusName } from "./corpora.ts";
import type { Sample } from "./shell.ts";
import type { Updates } from "./updates.ts";

/** One action of one contender on one corpus. */
export interface Cell {
  readonly corpus: CorpusName;
  readonly contender: string;
  readonly action: Action;
  /** One for each round, in order; empty when the first failed. */
  readonly samples: readonly Sample[];
  /** Bytes of its archive, of a `create`. */
  readonly archiveBytes?: number;
  /** What went wrong, or why it was not run. */
  readonly error?: string;
}

/** One contender, as it took part. */
export interface Taker {
  readonly name: string;
  readonly title: string;
  /** `undefined`: it is not installed, and has no cells. */
  readonly version: string | undefined;
  readonly keyNote: string;
  /** What each of its runs spends deriving the key, in seconds; subtracted in all ratios. */
  readonly kdfSeconds: number;
}

/** What the machine itself takes for the same bytes. */
export interface Floor {
  readonly corpus: CorpusName;
  readonly name: string;
  /** What was done, in a few words. */
  readonly what: string;
  readonly seconds: readonly number[];
  readonly error?: string;
}

/** One run of the comparison. */
export interface Comparison {
  readonly schema: "coffer-bench/compare/1";
  /** When it began, in ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  /** What archives, and extracted trees, lay on. */
  readonly storage: "memory" | "disk";
  readonly runBy: "deno run" | "executable";
  /** Whether the corpora were scaled down: such figures are for testing the bench. */
  readonly quick: boolean;
  /** How many processes wanted to run in the minute before, on average. */
  readonly loadBefore: number;
  readonly minutes: number;
  readonly corpora: readonly {
    readonly name: CorpusName;
    readonly files: number;
    readonly entries: number;
    readonly bytes: number;
  }[];
  readonly takers: readonly Taker[];
  readonly cells: readonly Cell[];
  readonly floors: readonly Floor[];
  /** Second runs, on the small corpus; measured later than the rest when their own date says so. */
  readonly updates?: Updates;
}

/** How the files of comparisons end; what is before it begins with the date. */
export const COMPARISON_SUFFIX = "-compare.json";

/** What `bench/startup.ts` keeps. */
export interface Starts {
  readonly date: string;
  readonly machine: Machine;
  readonly rounds: number;
  /** The first is the runtime's with an empty script. */
  readonly results: readonly { readonly name: string; readonly seconds: Summary }[];
}

/** What `bench/memory.ts` keeps. */
export interface MemoryRuns {
  readonly date: string;
  readonly machine: Machine;
  readonly boundBytes: number;
  readonly runs: readonly {
    readonly corpus: string;
    readonly action: string;
    readonly jobs: number;
    readonly peakBytes: number;
  }[];
}

/** The newest of the kept results whose files end so, by date; `undefined` before the first. */
export async function newest<T extends { readonly date: string }>(
  folder: string,
  suffix: string,
): Promise<T | undefined> {
  const found: T[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(suffix)) found.push(JSON.parse(await Deno.readTextFile(join(folder, name))));
  }
  return found.toSorted((a, b) => (a.date < b.date ? 1 : -1))[0];
}

/** The newest kept comparison. */
export function newestComparison(folder: string): Promise<Comparison | undefined> {
  return newest<Comparison>(folder, COMPARISON_SUFFIX);
}
