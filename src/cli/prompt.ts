/**
 * Questions whose answers are not shown. Read in raw mode, key by key: the platform's own prompt writes to standard
 * output, where results go.
 */
import { abortable } from "../archive/abortable.ts";
import { CommandError, Interrupted } from "./command_error.ts";
import { EXIT } from "./exit_codes.ts";
import type { Terminal } from "./system.ts";

/** Longer lines are a paste gone wrong; a passphrase has 1,024 bytes at most. */
const MAX_LINE_BYTES = 4096;
const READ_BYTES = 1024;

const KEY = {
  ctrlC: 0x03,
  ctrlD: 0x04,
  backspace: 0x08,
  lineFeed: 0x0a,
  enter: 0x0d,
  ctrlU: 0x15,
  escape: 0x1b,
  ctrlBackslash: 0x1c,
  delete: 0x7f,
} as const;

/** How far into an escape sequence (an arrow key, say) the input is. */
type EscapeState = "none" | "begun" | "sequence" | "one more";

/** One line while it is typed. */
class HiddenLine {
  readonly #bytes: number[] = [];
  #escape: EscapeState = "none";

  /** Takes one byte. Returns whether it ended the line, and whether it was of no use. */
  take(byte: number): "ended" | "taken" | "useless" {
    if (this.#escape !== "none" || byte === KEY.escape) {
      this.#escape = nextEscape(this.#escape, byte);
      return "taken";
    }
    switch (byte) {
      case KEY.enter:
      case KEY.lineFeed:
        return "ended";
      case KEY.ctrlC:
      case KEY.ctrlBackslash:
        throw new Interrupted("the keyboard");
      case KEY.ctrlD:
        if (this.#bytes.length > 0) return "useless";
        throw new CommandError(EXIT.usage, "Cannot read a passphrase: the input ended");
      case KEY.backspace:
      case KEY.delete:
        this.#removeLast();
        return "taken";
      case KEY.ctrlU:
        this.#forget();
        return "taken";
    }
    if (byte < 0x20 || this.#bytes.length >= MAX_LINE_BYTES) return "useless";
    this.#bytes.push(byte);
    return "taken";
  }

  /** The line as text; `undefined` when it is not UTF-8. It is forgotten here. */
  finish(): string | undefined {
    const bytes = Uint8Array.from(this.#bytes);
    this.#forget();
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return undefined;
    } finally {
      bytes.fill(0);
    }
  }

  /** Removes one character: in UTF-8 its first byte and those of the form 10xxxxxx after it. */
  #removeLast(): void {
    while (((this.#bytes.pop() ?? 0) & 0xc0) === 0x80);
  }

  #forget(): void {
    this.#bytes.fill(0);
    this.#bytes.length = 0;
  }
}

/** Swallows a key that sends several bytes: ESC [ … letter, ESC O letter, or ESC and one character. */
function nextEscape(state: EscapeState, byte: number): EscapeState {
  switch (state) {
    case "none":
      return "begun";
    case "begun":
      return byte === 0x5b ? "sequence" : byte === 0x4f ? "one more" : byte === KEY.escape ? "begun" : "none";
    case "sequence":
      return byte >= 0x40 && byte <= 0x7e ? "none" : "sequence";
    case "one more":
      return "none";
  }
}

/** Asks on one terminal. What is typed ahead, or pasted in several lines, answers the next question. */
export class SecretPrompt implements Disposable {
  readonly #terminal: Terminal;
  readonly #signal: AbortSignal;
  readonly #buffer = new Uint8Array(READ_BYTES);
  #pending: number[] = [];

  /** Takes over the terminal until it is disposed. `signal` ends a question. */
  constructor(terminal: Terminal, signal: AbortSignal) {
    this.#terminal = terminal;
    this.#signal = signal;
  }

  /**
   * Asks and returns the line that is typed, without echo; asks again when it is not UTF-8. Whatever happens, the
   * terminal echoes again afterwards.
   *
   * @throws {Interrupted} on Ctrl-C, or the signal's reason. @throws {CommandError} at the end of input.
   */
  async ask(question: string): Promise<string> {
    while (true) {
      this.#signal.throwIfAborted();
      // Before the question: who answers at once must not see it echoed.
      this.#terminal.setRaw(true);
      let answer: string | undefined;
      try {
        this.#terminal.write(question);
        answer = await this.#readLine();
      } finally {
        this.#terminal.setRaw(false);
        this.#terminal.write("\n");
      }
      if (answer !== undefined) return answer;
      this.say("That is not valid UTF-8; try again");
    }
  }

  /** Shows a line where the questions are: standard error may lead elsewhere. */
  say(text: string): void {
    this.#terminal.write(`${text}\n`);
  }

  /** Forgets what was typed ahead and lets go of the terminal. */
  [Symbol.dispose](): void {
    this.#pending.fill(0);
    this.#buffer.fill(0);
    this.#terminal.close();
  }

  async #readLine(): Promise<string | undefined> {
    const line = new HiddenLine();
    while (true) {
      for (let byte = this.#pending.shift(); byte !== undefined; byte = this.#pending.shift()) {
        const outcome = line.take(byte);
        if (outcome === "ended") {
          // A terminal that sends both ends one line with them, not two.
          if (byte === KEY.enter && this.#pending[0] === KEY.lineFeed) this.#pending.shift();
          return line.finish();
        }
        if (outcome === "useless") this.#terminal.write("\x07");
      }
      const count = await abortable(() => this.#terminal.read(this.#buffer), this.#signal);
      if (count === null) throw new CommandError(EXIT.usage, "Cannot read a passphrase: the input ended");
      this.#pending = Array.from(this.#buffer.subarray(0, count));
    }
  }
}
