/** The command line: `deno run -A cli.ts VERB [OPTIONS] ARCHIVE [ARGUMENTS]`. See README.md. */
import { main } from "./src/cli/main.ts";
import { enterCallersFolder } from "./src/cli/paths.ts";

if (import.meta.main) {
  enterCallersFolder(import.meta.dirname);
  // All work, output and clean-up is over when main returns. Leaving at once ends a read that a signal cut short, of a
  // FIFO say, and keeps out of the runtime's own teardown, which crashes now and then (seen in 6 of about 1,000 runs).
  Deno.exit(await main(Deno.args));
}
