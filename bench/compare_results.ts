/** What a comparison is kept as. */
import type { Operation } from "./compare_tools.ts";
import type { Machine } from "./machine.ts";

/** One tool, corpus and operation. */
export interface Cell {
  readonly tool: string;
  readonly corpus: string;
  readonly operation: Operation | "floor";
  /** Wall time of each round. */
  readonly seconds: number[];
  /** Processor time of each round, user and system, of all processes. */
  readonly cpuSeconds: number[];
  /** The most memory that all its processes had resident together, in any round. */
  peakBytes?: number;
  /** Of the archive; of `create` only. */
  archiveBytes?: number;
  /** Why it failed. */
  failure?: string;
}

/** A comparison. */
export interface ComparedResults {
  readonly schema: "coffer/comparison/1";
  /** Day it was made. */
  readonly date: string;
  readonly machine: Machine;
  /** Load average when it began. */
  readonly loadBefore: number;
  readonly scale: number;
  readonly rounds: number;
  /** Tools that were not installed. */
  readonly absent: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
  readonly corpora: readonly {
    readonly name: string;
    readonly description: string;
    readonly files: number;
    readonly bytes: number;
    readonly one: string;
  }[];
  readonly cells: readonly Cell[];
}
