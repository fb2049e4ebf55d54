/**
 * Builds self-contained executables into dist/.
 *
 *     deno task compile                  for this machine: dist/coffer
 *     deno task compile --all            for the five targets: dist/coffer-TARGET
 *     deno task compile --target TARGET  for one of them; may be given more than once
 *
 * Deno fetches the runtime stub of each target. Without a network, `DENORT_BIN` names a local one.
 */

import { parseArgs } from "@std/cli/parse-args";
import { V8_FLAGS } from "./v8_flags.ts";
import { WORKERS } from "./workers.ts";

const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
] as const;
const FOLDER = "dist";

/** One executable. */
export interface Build {
  /** `undefined` for the machine this runs on. */
  readonly target: string | undefined;
  readonly output: string;
}

function buildFor(target: string): Build {
  return { target, output: `${FOLDER}/coffer-${target}${target.includes("windows") ? ".exe" : ""}` };
}

/** The builds asked for, or what is wrong with the arguments. */
function plan(args: readonly string[]): readonly Build[] | string {
  const unknown: string[] = [];
  const options = parseArgs(args, {
    boolean: ["all"],
    string: ["target"],
    collect: ["target"],
    unknown: (arg) => (unknown.push(arg), false),
  });
  if (unknown.length > 0) return `unknown argument "${unknown[0]}"`;
  const wanted = options["target"] as string[];
  const stranger = wanted.find((target) => !TARGETS.includes(target as typeof TARGETS[number]));
  if (stranger !== undefined) return `"${stranger}" is none of ${TARGETS.join(", ")}`;
  if (options["all"]) return TARGETS.map(buildFor);
  if (wanted.length > 0) return wanted.map(buildFor);
  return [{ target: undefined, output: `${FOLDER}/coffer${Deno.build.os === "windows" ? ".exe" : ""}` }];
}

/** What `deno` is called with for a build. */
export function compileArguments({ target, output }: Build): string[] {
  return [
    "compile",
    "--allow-all",
    V8_FLAGS,
    ...(target === undefined ? [] : ["--target", target]),
    "--output",
    output,
    ...WORKERS.flatMap((worker) => ["--include", worker]),
    "cli.ts",
  ];
}

async function compile(build: Build): Promise<boolean> {
  const command = new Deno.Command(Deno.execPath(), { args: compileArguments(build), stdin: "null" });
  const { success } = await command.spawn().status;
  return success;
}

async function main(args: readonly string[]): Promise<number> {
  const builds = plan(args);
  if (typeof builds === "string") {
    console.error(`Cannot compile: ${builds}`);
    return 2;
  }
  await Deno.mkdir(FOLDER, { recursive: true });
  const failed: Build[] = [];
  for (const build of builds) {
    console.log(`Compiling ${build.output}`);
    if (!await compile(build)) failed.push(build);
  }
  for (const { output } of failed) {
    console.error(
      `Skipped "${output}": deno compile failed, see above. If the runtime stub (denort) could not be fetched, ` +
        `set DENORT_BIN to a local one for that target.`,
    );
  }
  return failed.length > 0 ? 1 : 0;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
