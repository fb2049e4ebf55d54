/** Runs the second reader, whose Python code is in `decoder`. */
import { AssertionError } from "@std/assert";
import { fromFileUrl } from "@std/path";
import type { Need } from "../e2e/conditions.ts";

/** Debian's, for which the packages below are; the one on the search path may be another. */
const PYTHON = "/usr/bin/python3";
const HERE = fromFileUrl(new URL("./", import.meta.url));

/** The second reader can run. `.ci/run` installs what it needs. */
export const SECOND_READER: Need = {
  what: `${PYTHON} with cryptography and zstandard (Debian: python3-cryptography python3-zstandard)`,
  met: (() => {
    if (Deno.build.os !== "linux") return false;
    try {
      const args = ["-B", "-c", "import cryptography, zstandard"];
      return new Deno.Command(PYTHON, { args, stdin: "null", stdout: "null", stderr: "null" }).outputSync().success;
    } catch {
      return false;
    }
  })(),
};

/** How a run of the second reader ended. */
export interface PythonOutcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the second reader. */
export async function runPython(args: readonly string[]): Promise<PythonOutcome> {
  const command = new Deno.Command(PYTHON, { args: ["-B", "-m", "decoder", ...args], cwd: HERE, stdin: "null" });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** What it prints when nothing is wrong. */
export async function python(args: readonly string[]): Promise<string> {
  const { code, out, err } = await runPython(args);
  if (code !== 0) {
    throw new AssertionError(`Expected the second reader to take ${args.join(" ")}, got ${code}:\n${err}`);
  }
  return out;
}
