/** Runs a program and says what it cost. */

/** What one run cost. Linux tells all of it; elsewhere only the time is known. */
export interface Cost {
  /** From the start of the process to its end, in seconds. */
  readonly seconds: number;
  /** Processor time of all its threads, user and system, in seconds; to a hundredth. */
  readonly cpuSeconds: number | undefined;
  /** The most memory it had resident, in bytes: its own, and pages of its executable. */
  readonly peakBytes: number | undefined;
}

/** How a program is run. */
export interface RunOptions {
  /** Its working folder. */
  readonly cwd: string;
  /** Variables added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

/** How often the peak is asked for. It never falls, so only growth in the last moments of a run can be missed. */
const SAMPLE_MS = 10;
/** What `/proc` counts processor time in, on every Linux. */
const TICKS_PER_SECOND = 100;

/**
 * Runs `command` with its output thrown away. Not two at a time: their processor times would be mixed up.
 *
 * @throws {Error} when it does not exit with 0, with what it said.
 */
export async function measure(command: readonly string[], options: RunOptions): Promise<Cost> {
  const [program = "", ...args] = command;
  const cpuBefore = childrenCpuSeconds();
  const start = performance.now();
  const child = new Deno.Command(program, {
    args,
    cwd: options.cwd,
    env: { ...options.env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }).spawn();
  let peakBytes: number | undefined;
  const timer = setInterval(() => peakBytes = residentPeak(child.pid) ?? peakBytes, SAMPLE_MS);
  try {
    const said = new Response(child.stderr).text();
    const { code } = await child.status;
    const seconds = (performance.now() - start) / 1000;
    options.signal?.throwIfAborted();
    if (code !== 0) throw new Error(`Cannot measure "${command.join(" ")}": exit code ${code}: ${await said}`);
    await said;
    const cpuAfter = childrenCpuSeconds();
    const cpuSeconds = cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore;
    return { seconds, cpuSeconds, peakBytes };
  } finally {
    clearInterval(timer);
  }
}

function residentPeak(pid: number): number | undefined {
  const kibibytes = readProc(`/proc/${pid}/status`)?.match(/^VmHWM:\s*(\d+) kB$/m)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** Processor time of all ended children of this process so far. */
function childrenCpuSeconds(): number | undefined {
  // Behind the program's name, which stands in parentheses and may hold anything, come the fields from the third on.
  const fields = readProc("/proc/self/stat")?.replace(/^.*\) /s, "").split(" ");
  const [user, system] = [fields?.[13], fields?.[14]];
  return user === undefined || system === undefined ? undefined : (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

function readProc(path: string): string | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // The process has just ended.
    return undefined;
  }
}
