/** The command line: `deno run -A cli.ts VERB [OPTIONS] ARCHIVE [ARGUMENTS]`. See README.md. */
import { EXIT } from "./src/cli/exit_codes.ts";
import { main } from "./src/cli/main.ts";
import { enterCallersFolder } from "./src/cli/paths.ts";

if (import.meta.main) {
  enterCallersFolder(import.meta.dirname);
  Deno.exitCode = await main(Deno.args);
  // All work and clean-up is over. A read that the signal cut short, of a FIFO say, would wait for ever.
  if (Deno.exitCode === EXIT.interrupted) Deno.exit();
}
