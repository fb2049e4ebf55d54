/** Chooses the implementations of the `Ui` that a command line asks for. */
import type { ProgressMode } from "../options.ts";
import { JsonUi } from "./json.ts";
import { Messages } from "./messages.ts";
import { type OutputFile, TextOutput } from "./output.ts";
import { ProgressLine, type ProgressSetting, SILENT } from "./progress.ts";
import { TextUi } from "./text.ts";
import type { Ui } from "./ui.ts";

/** How to talk. */
export interface UiOptions {
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
  readonly progress: ProgressMode;
  /** Whether JSON goes to standard error, because standard output carries an archive. */
  readonly jsonToStandardError?: boolean;
}

/** What to talk through. */
export interface UiSetting extends ProgressSetting {
  readonly stdout: OutputFile;
  readonly stderr: OutputFile;
  /** The value of an environment variable. */
  readonly env: (name: string) => string | undefined;
}

/** Makes the `Ui` of one run. */
export function createUi(options: UiOptions, setting: UiSetting): Ui {
  const messages = new Messages(setting.stderr, options);
  const output = new TextOutput(options.jsonToStandardError ? setting.stderr : setting.stdout);
  // A dumb terminal cannot erase a line. With --quiet, only --progress always insists.
  const fits = messages.terminal && setting.env("TERM") !== "dumb" && !options.quiet;
  const shown = options.progress === "always" || (options.progress === "auto" && fits);
  const progress = (verb: string) => shown ? new ProgressLine(verb, messages, setting) : SILENT;
  return options.json
    ? new JsonUi(output, messages, progress, options.verbose)
    : new TextUi(output, messages, progress, options.verbose);
}
