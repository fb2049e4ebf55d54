/** One run of the program: from the arguments to the exit code. */
import { abortableSystem } from "./abortable.ts";
import type { Command, CommandContext } from "./command.ts";
import { UsageError } from "./command_error.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import type { CommandOptions, OptionsByVerb } from "./options.ts";
import { existingPassphrase, isPassphraseGiven, newPassphrase, type PassphraseSetting } from "./passphrase.ts";
import { parse, type Request } from "./parse.ts";
import { type SignalSource, watchSignals } from "./signals.ts";
import type { System } from "./system.ts";
import { createUi, type UiOptions } from "./ui/create_ui.ts";
import { escapeMessage } from "./ui/escape.ts";
import { writeAllSync } from "./ui/output.ts";
import type { Ui } from "./ui/ui.ts";
import { type VerbName, verbOf } from "./verbs.ts";
import { VERSION } from "./version.ts";

/** Loads the commands, each only when it is the one that is called. */
export type CommandLoaders = { readonly [V in VerbName]: () => Promise<{ readonly run: Command<OptionsByVerb[V]> }> };

/** How the program talks before it knows how it should. */
const PLAIN: UiOptions = { quiet: false, verbose: false, json: false, progress: "never" };

/** Runs the program. Whatever happens, it ends with an exit code and nothing is thrown. */
export async function run(
  args: readonly string[],
  system: System,
  commands: CommandLoaders,
  signals: SignalSource = Deno,
): Promise<ExitCode> {
  let ui = createUi(PLAIN, system);
  let request: Request | undefined;
  try {
    request = parse(args);
    if (request.kind !== "run") return await answer(request, ui, system);
    const { options } = request;
    checkTerminals(options, system);
    ui = createUi({ ...options, jsonToStandardError: writesToStandardOutput(options) }, system);
    return await work(options, ui, system, commands, signals);
  } catch (error) {
    return await report(error, ui, system, request?.kind === "run" ? request.options : undefined);
  }
}

/** What needs no archive. */
async function answer(request: Exclude<Request, { kind: "run" }>, ui: Ui, system: System): Promise<ExitCode> {
  if (request.kind === "version") {
    ui.write(`coffer ${VERSION}\n`);
    ui.flush();
    return EXIT.done;
  }
  const { groupHelp, mainHelp, verbHelp } = await import("./help.ts");
  const { verb, group, asked } = request;
  const columns = system.columns();
  const text = group !== undefined
    ? groupHelp(group, columns)
    : verb === undefined
    ? mainHelp(columns, !asked)
    : verbHelp(verb, columns);
  // Help that was not asked for is a complaint: it must not get into a pipe as a result.
  writeAllSync(asked ? system.stdout : system.stderr, new TextEncoder().encode(text));
  return asked ? EXIT.done : EXIT.usage;
}

/** Whether standard output carries an archive. */
function writesToStandardOutput(options: CommandOptions): boolean {
  return options.verb === "copy" ? options.target === "-" : options.verb === "create" && options.archive === "-";
}

/** An archive is nothing to look at or to type. */
function checkTerminals(options: CommandOptions, { stdin, stdout }: System): void {
  if (options.archive !== "-") return;
  if (options.verb === "create") {
    if (options.dryRun || !stdout.isTerminal()) return;
    throw new UsageError(
      "Cannot write an archive to a terminal",
      "Name a file, or send standard output somewhere else",
    );
  }
  if (verbOf(options.verb).dash === "standard input" && stdin.isTerminal()) {
    throw new UsageError("Cannot read an archive from a terminal", "Name a file, or send one to standard input");
  }
}

async function work(
  options: CommandOptions,
  ui: Ui,
  system: System,
  commands: CommandLoaders,
  signals: SignalSource,
): Promise<ExitCode> {
  using interruption = watchSignals(() => ui.note("interrupted; cleaning up"), signals);
  const { signal } = interruption;
  const waiting = abortableSystem(system, signal);
  const setting: PassphraseSetting = { ui, system: waiting, signal, archive: options.archive };
  const context: CommandContext = {
    ui,
    signal,
    system: waiting,
    newPassphrase: (source) => newPassphrase(source, setting),
    existingPassphrase: (source) => existingPassphrase(source, setting),
    isPassphraseGiven: (source) => isPassphraseGiven(source, system),
  };
  const exitCode = await dispatch(options, context, commands);
  ui.flush();
  return exitCode;
}

/** Generic, so that the compiler sees that the command and the options belong to one verb. */
async function dispatch<V extends VerbName>(
  options: OptionsByVerb[V] & { readonly verb: V },
  context: CommandContext,
  commands: CommandLoaders,
): Promise<ExitCode> {
  const { run } = await commands[options.verb]();
  return await run(context, options);
}

/** Says what failed and returns the exit code for it. */
async function report(
  error: unknown,
  ui: Ui,
  system: System,
  options: CommandOptions | undefined,
): Promise<ExitCode> {
  // Loaded only now: it brings the file layer with it, which the help and the version do without.
  const { describeFailure, traceOf } = await import("./failure.ts");
  const failure = describeFailure(error);
  if (failure.kind === "closed pipe") {
    // Quietly, but an archive of which the end is missing is not "done".
    return options?.verb === "create" || options?.verb === "copy" ? EXIT.failed : EXIT.done;
  }
  try {
    // What was found before the failure is a result too.
    ui.flush();
  } catch {
    // Nobody reads results any more; the failure is still worth a line on standard error.
  }
  if (failure.kind !== "interrupted") ui.error(failure.message, failure.hint);
  if (system.env("COFFER_DEBUG") || (failure.kind === "bug" && ui.verbose)) {
    const trace = traceOf(error).map((line) => `${escapeMessage(line)}\n`).join("");
    writeAllSync(system.stderr, new TextEncoder().encode(trace));
  }
  return failure.exitCode;
}
