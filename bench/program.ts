/** The program that is measured. */
import { fromFileUrl, resolve } from "@std/path";
import { V8_FLAGS } from "../tasks/v8_flags.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const RUN = ["run", "-A", "--unstable-lazy-dynamic-imports", V8_FLAGS];
let bundled = false;

/** The command of this checkout's sources, run by this Deno. */
export function checkoutCommand(): string[] {
  return [Deno.execPath(), ...RUN, `${ROOT}cli.ts`];
}

/**
 * The command of this checkout's program as README installs it: bundled, which is done by the first call.
 *
 * @throws {Error} if it cannot be bundled.
 */
export function bundledCommand(): string[] {
  if (!bundled) {
    const args = ["run", "-A", `${ROOT}tasks/bundle.ts`];
    const { success, stderr } = new Deno.Command(Deno.execPath(), { args, stdin: "null" }).outputSync();
    if (!success) throw new Error(`Cannot bundle the program: ${new TextDecoder().decode(stderr)}`);
    bundled = true;
  }
  return [Deno.execPath(), ...RUN, "--no-config", `${ROOT}dist/bundle/cli.js`];
}

/** The command of the executable `COFFER_BIN`, or else {@linkcode bundledCommand}. */
export function programCommand(): string[] {
  const executable = Deno.env.get("COFFER_BIN");
  return executable ? [resolve(executable)] : bundledCommand();
}
