/** What goes to standard error: notes, warnings and errors, whole lines that do not mix with the progress line. */
import { escapeMessage } from "./escape.ts";
import { type OutputFile, writeAllSync } from "./output.ts";

/** A line that stands below the messages and has to go while one is printed. */
export interface StatusLine {
  /** Removes it. */
  erase(): void;
}

/** What is shown of it all. */
export interface Talkativeness {
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** The messages of the program. A standard error that is closed or full is no reason to fail: nobody is told. */
export class Messages {
  /** Whether they end on a terminal. */
  readonly terminal: boolean;
  /** The line below them, if there is one. */
  status: StatusLine | undefined;
  readonly #file: OutputFile;
  readonly #talk: Talkativeness;
  readonly #encoder = new TextEncoder();

  /** Binds an output and how much to say. */
  constructor(file: OutputFile, talk: Talkativeness) {
    this.#file = file;
    this.#talk = talk;
    this.terminal = file.isTerminal();
  }

  /** See `Ui.note`. */
  note(message: string): void {
    if (!this.#talk.quiet) this.#line(message);
  }

  /** See `Ui.detail`. */
  detail(message: string): void {
    if (this.#talk.verbose) this.#line(message, "");
  }

  /** See `Ui.warn`. */
  warn(message: string, hint?: string): void {
    this.#line(`warning: ${message}`);
    if (hint !== undefined) this.#line(`hint: ${hint}`);
  }

  /** See `Ui.error`. */
  error(message: string, hint?: string): void {
    this.#line(`error: ${message}`);
    if (hint !== undefined) this.#line(`hint: ${hint}`);
  }

  /** Writes text as it is: the status line's own. */
  raw(text: string): void {
    try {
      writeAllSync(this.#file, this.#encoder.encode(text));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }

  #line(message: string, prefix = "coffer: "): void {
    this.status?.erase();
    this.raw(`${prefix}${escapeMessage(message)}\n`);
  }
}
