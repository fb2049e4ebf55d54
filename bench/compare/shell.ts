/** Runs pipelines of other people's programs, and says what they cost: time on the wall, processor time, memory. */
import { join } from "@std/path";

/** One program of a pipeline, with its arguments. */
export type Stage = readonly string[];

/** What is timed: programs joined by pipes. */
export interface Pipeline {
  /** From the first to the last; each one's output is the next one's input. */
  readonly stages: readonly Stage[];
  /** Where the output of the last one goes; thrown away if absent. */
  readonly output?: string;
  /** Files that are synced before the clock stops, so that all sides leave nothing in flight. */
  readonly sync?: readonly string[];
  /** The folder they run in. */
  readonly cwd: string;
}

/** What one run cost. */
export interface Sample {
  /** From start to end on the wall, in seconds. */
  readonly seconds: number;
  /** Processor time of all programs, user and system, in seconds; to a hundredth. */
  readonly cpuSeconds: number | undefined;
  /** The sum of the programs' peaks of resident memory, in bytes. */
  readonly peakBytes: number | undefined;
}

/** How pipelines are run. */
export interface ShellOptions {
  /** Where the notes about memory are kept for a moment. */
  readonly scratch: string;
  /** Variables added to the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** After so many seconds a run is ended and counts as failed. */
  readonly timeoutSeconds: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/** GNU time: it waits for one program and tells its peak. */
const TIME = "/usr/bin/time";

/** Whether peaks can be told on this machine. */
export const hasPeaks: boolean = exists(TIME);

/** Runs a pipeline once. Not two at a time. @throws {Error} when it fails or takes too long, with what it said. */
export async function runPipeline(pipeline: Pipeline, options: ShellOptions): Promise<Sample> {
  const notes = pipeline.stages.map((_, i) => join(options.scratch, `peak-${i}`));
  const stages = pipeline.stages.map((stage, i) => {
    const timed = hasPeaks ? [TIME, "-q", "-f", "%M %U %S", "-o", notes[i] as string, ...stage] : stage;
    return timed.map(quote).join(" ");
  });
  const sync = (pipeline.sync ?? []).map((file) => ` && sync ${quote(file)}`).join("");
  const script = `set -o pipefail; ${stages.join(" | ")} >${quote(pipeline.output ?? "/dev/null")}${sync}`;
  const start = performance.now();
  // `timeout` ends the whole group; KILL, because some catch the rest and tidy up for minutes.
  const { code, stderr } = await new Deno.Command("timeout", {
    args: ["-s", "KILL", String(Math.max(1, Math.ceil(options.timeoutSeconds))), "bash", "-c", script],
    cwd: pipeline.cwd,
    env: { ...options.env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: options.signal,
  }).output();
  const seconds = (performance.now() - start) / 1000;
  options.signal.throwIfAborted();
  if (code === 137) throw new Error(`took more than ${Math.ceil(options.timeoutSeconds)} s`);
  if (code !== 0) {
    const said = new TextDecoder().decode(stderr).trim().split("\n").slice(-2).join("; ").slice(0, 200);
    throw new Error(`exit code ${code}: ${said}`);
  }
  return { seconds, ...costs(hasPeaks ? notes : []) };
}

function costs(notes: readonly string[]): Omit<Sample, "seconds"> {
  if (notes.length === 0) return { cpuSeconds: undefined, peakBytes: undefined };
  let cpuSeconds = 0;
  let peakBytes = 0;
  for (const note of notes) {
    const [kibibytes, user, system] = (Deno.readTextFileSync(note).trim().split("\n").at(-1) ?? "").split(" ");
    peakBytes += Number(kibibytes) * 1024;
    cpuSeconds += Number(user) + Number(system);
  }
  return { cpuSeconds, peakBytes };
}

/** What a program prints, for preparations and versions; `undefined` when it cannot be run or fails. */
export async function outputOf(
  [program = "", ...args]: Stage,
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string | undefined> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args,
      stdin: "null",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
    }).output();
    const decoder = new TextDecoder();
    return success ? decoder.decode(stdout) + decoder.decode(stderr) : undefined;
  } catch {
    return undefined;
  }
}

/** Runs a preparation that is not timed. @throws {Error} when it fails. */
export async function prepare(
  [program = "", ...args]: Stage,
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, {
    args,
    cwd: options.cwd,
    stdin: "null",
    stdout: "null",
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
  }).output();
  if (!success) throw new Error(`Cannot prepare with "${program}": ${new TextDecoder().decode(stderr).slice(-300)}`);
}

/** A word as a POSIX shell reads it back. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
