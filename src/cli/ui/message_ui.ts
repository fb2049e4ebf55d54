/** What text and JSON have in common: everything but the results. */
import type { Messages } from "./messages.ts";
import type { TextOutput } from "./output.ts";
import type { Progress } from "./ui.ts";

/** Begins a progress line. */
export type ProgressStarter = (verb: string) => Progress;

/** A `Ui` but for its results. */
export abstract class MessageUi {
  /** See `Ui.json`. */
  abstract readonly json: boolean;
  /** See `Ui.verbose`. */
  readonly verbose: boolean;
  /** Standard output. */
  protected readonly output: TextOutput;
  /** Standard error. */
  protected readonly messages: Messages;
  readonly #progress: ProgressStarter;

  /** Binds both outputs. */
  constructor(output: TextOutput, messages: Messages, progress: ProgressStarter, verbose: boolean) {
    this.output = output;
    this.messages = messages;
    this.#progress = progress;
    this.verbose = verbose;
  }

  /** See `Ui.note`. */
  note(message: string): void {
    this.messages.note(message);
  }

  /** See `Ui.detail`. */
  detail(message: string): void {
    this.messages.detail(message);
  }

  /** See `Ui.warn`. */
  warn(message: string, hint?: string): void {
    this.messages.warn(message, hint);
  }

  /** See `Ui.error`. */
  error(message: string, hint?: string): void {
    this.messages.error(message, hint);
  }

  /** See `Ui.progress`. */
  progress(verb: string): Progress {
    return this.#progress(verb);
  }

  /** See `Ui.flush`. */
  flush(): void {
    this.output.flush();
  }
}
