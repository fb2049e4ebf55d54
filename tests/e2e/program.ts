/**
 * Runs the program as its users do, as a process of its own: the executable that `COFFER_BIN` names (split into words),
 * or else this checkout's `cli.ts`.
 */
import { AssertionError } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { V8_FLAGS } from "../../tasks/v8_flags.ts";

/** This checkout. */
export const CHECKOUT: string = fromFileUrl(new URL("../../", import.meta.url));

/** The words that start the program. */
export const PROGRAM: readonly string[] = (() => {
  const words = (Deno.env.get("COFFER_BIN") ?? "").split(/\s+/).filter((word) => word !== "");
  return words.length > 0 ? words : [
    Deno.execPath(),
    "run",
    "-A",
    "--unstable-lazy-dynamic-imports",
    V8_FLAGS,
    `${CHECKOUT}cli.ts`,
  ];
})();

/** A passphrase that raises no warning; in the environment of every run that does not say otherwise. */
export const PASSPHRASE = "seven plum anchors drift by the quay";

/** The cheapest key derivation that the program makes: most of a short run's time is spent in it. */
export const QUICK: readonly string[] = ["--kdf-log-n", "15"];

/**
 * What all of several runs gave. Unlike `Promise.all` it waits for every one of them when one fails: a program that
 * outlives its test would disturb the next.
 */
export async function together<T extends readonly unknown[] | []>(
  runs: T,
): Promise<{ -readonly [P in keyof T]: Awaited<T[P]> }> {
  await Promise.allSettled(runs);
  return await Promise.all(runs);
}

/** How a run is set up. */
export interface RunOptions {
  /** The folder it runs in. */
  readonly cwd?: string;
  /** Variables on top of this process's own; `undefined` removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Standard input; closed at its end. Default: empty. */
  readonly stdin?: string | Uint8Array<ArrayBuffer>;
  /** Words before the program's own: another program that starts it. */
  readonly before?: readonly string[];
  /** The words that start the program; {@linkcode PROGRAM} unless given. */
  readonly program?: readonly string[];
}

/** How a run ended. */
export interface Outcome {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  /** Standard output, as it is and as text. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly out: string;
  /** Standard error. */
  readonly err: string;
}

/** This process's variables without those that change what the program does. */
export function environment(changes: RunOptions["env"] = {}): Record<string, string> {
  const own = Deno.env.toObject();
  for (const name of ["COFFER_DEBUG", "INIT_CWD"]) delete own[name];
  const all = Object.entries({ ...own, COFFER_PASSPHRASE: PASSPHRASE, ...changes });
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Starts the program with all of standard input, output and error in pipes. */
export function start(args: readonly string[], options: RunOptions = {}): Deno.ChildProcess {
  const [program, ...words] = [...(options.before ?? []), ...(options.program ?? PROGRAM), ...args];
  return new Deno.Command(program as string, {
    args: words,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    clearEnv: true,
    env: environment(options.env),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Writes to a process's standard input and closes it; a process that reads no further is no error. */
export async function feed(child: Deno.ChildProcess, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(bytes);
    await writer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** No more runs at a time than there are cores: more would only wait for each other. */
const turns = Math.max(2, navigator.hardwareConcurrency);
let running = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= turns) await new Promise<void>((resolve) => waiting.push(resolve));
  running++;
  try {
    return await work();
  } finally {
    running--;
    waiting.shift()?.();
  }
}

/** Runs the program to its end. */
export function run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return inTurn(async () => {
    const child = start(args, options);
    const { stdin = "" } = options;
    const fed = feed(child, typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin);
    const { code, signal, stdout, stderr } = await child.output();
    await fed;
    const decoder = new TextDecoder();
    return { code, signal, bytes: stdout, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  });
}

/** What no run may ever say: the runtime's own reports of an error that nobody caught, or a bug that was noticed. */
const CRASH = /internal error|^\s+at .+:\d+:\d+|Uncaught|panicked/m;

/**
 * Runs the program to its end and checks its exit code, and that it did not crash.
 *
 * @throws {AssertionError} that shows the command and all it said on standard error.
 */
export async function expectExit(
  code: number,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const outcome = await run(args, options);
  if (outcome.code === code && !CRASH.test(outcome.err)) return outcome;
  const ended = outcome.signal === null ? `exit code ${outcome.code}` : `signal ${outcome.signal}`;
  throw new AssertionError(
    `Expected exit code ${code} and no crash of "coffer ${args.join(" ")}", got ${ended}:\n${outcome.err}`,
  );
}

/** Creates an archive at `archive` (a path) from `args`, with the cheapest key derivation. */
export async function create(archive: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return await expectExit(0, ["create", ...QUICK, archive, ...args], options);
}

/** The paths in an archive, exact. */
export async function pathsIn(archive: string, ...args: string[]): Promise<string[]> {
  const { out } = await expectExit(0, ["list", "-0", archive, ...args]);
  return out.split("\0").slice(0, -1);
}

/** The objects of a run with `--json`, one a line. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}
