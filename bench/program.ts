/** The program that is measured. */
import { fromFileUrl, resolve } from "@std/path";

/**
 * V8's flags of the program, as its task has them. What is measured beside it has them too: code that was compiled
 * under other flags, the runtime's own included, is not used again.
 */
export const V8_FLAGS = "--v8-flags=--max-semi-space-size=4,--initial-heap-size=32";

/** The command of this checkout's program, run by this Deno. */
export function checkoutCommand(): string[] {
  const cli = fromFileUrl(new URL("../cli.ts", import.meta.url));
  return [Deno.execPath(), "run", "-A", "--unstable-lazy-dynamic-imports", V8_FLAGS, cli];
}

/** The command of the executable `COFFER_BIN`, or else {@linkcode checkoutCommand}. */
export function programCommand(): string[] {
  const executable = Deno.env.get("COFFER_BIN");
  return executable ? [resolve(executable)] : checkoutCommand();
}
