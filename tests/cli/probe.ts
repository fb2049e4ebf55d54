/**
 * The command line with commands that only ask for the passphrase and tell its length: what `terminal_test.ts` runs in
 * a process of its own, as `cli.ts` would run.
 */
import { EXIT } from "../../src/cli/exit_codes.ts";
import type { Command, CommandContext } from "../../src/cli/command.ts";
import type { CommandOptions } from "../../src/cli/options.ts";
import { type CommandLoaders, run } from "../../src/cli/run.ts";
import { denoSystem } from "../../src/cli/system.ts";
import { VERB_NAMES } from "../../src/cli/verbs.ts";

function tell(ask: (context: CommandContext, options: CommandOptions) => Promise<string>) {
  const run: Command<CommandOptions> = async (context, options) => {
    const { length } = await ask(context, options);
    context.ui.result(() => `${length} characters`, () => ({ schema: "coffer/probe/1", length }));
    return EXIT.done;
  };
  return () => Promise.resolve({ run });
}

const source = ({ keys }: CommandOptions) => keys.passphrases[0] ?? { kind: "ask" };
const create = tell((context, options) => context.newPassphrase(source(options)));
const open = tell((context, options) => context.existingPassphrase(source(options)));
Deno.exitCode = await run(
  Deno.args,
  denoSystem(),
  Object.fromEntries(VERB_NAMES.map((verb) => [verb, verb === "create" ? create : open])) as unknown as CommandLoaders,
);
if (Deno.exitCode === EXIT.interrupted) Deno.exit();
