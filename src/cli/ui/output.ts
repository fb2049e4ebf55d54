/** Text to a file descriptor: standard output in large pieces, standard error line by line. */
import type { Bytes } from "../../engine/engine.ts";

/** What {@linkcode TextOutput} writes to: standard output or error. */
export interface OutputFile {
  /** Writes some of the bytes; returns how many. */
  writeSync(bytes: Uint8Array): number;
  /** Whether a person may be looking. */
  isTerminal(): boolean;
}

/** Buffered characters that are sent on at once: a listing of millions of lines must not be a write each. */
const BUFFER_LENGTH = 2 ** 16;
const SPACE = 0x20;
const BACKSLASH = 0x5c;
const TILDE = 0x7e;
const LINE_FEED = 0x0a;
/** How long to wait for a full pipe. */
const RETRY_MS = 5;

/** Writes text as UTF-8, in order, all of it. */
export class TextOutput {
  /** Whether it ends on a terminal; then every piece is sent at once. */
  readonly terminal: boolean;
  readonly #file: OutputFile;
  readonly #encoder = new TextEncoder();
  /** What is buffered is text, or the first {@linkcode #length} of these bytes, but never both. */
  #buffer = "";
  readonly #lines: Bytes = new Uint8Array(BUFFER_LENGTH);
  #length = 0;

  /** Binds an output; nothing is written yet. */
  constructor(file: OutputFile) {
    this.#file = file;
    this.terminal = file.isTerminal();
  }

  /** Writes text, perhaps later. A closed pipe throws. */
  write(text: string): void {
    if (this.#length > 0) this.flush();
    this.#buffer += text;
    if (this.terminal || this.#buffer.length >= BUFFER_LENGTH) this.flush();
  }

  /**
   * Writes lines of printable ASCII, perhaps later: those from number `line` to before `behind`, each of which begins
   * where `starts` says and ends where the next begins. It stops at one with anything else in it, or a backslash: a
   * name that holds such has to be escaped. Returns how many it took. A closed pipe throws.
   */
  writePlainLines(from: Bytes, starts: Uint32Array, line: number, behind: number): number {
    if (this.#buffer !== "") this.flush();
    const lines = this.#lines;
    let length = this.#length;
    let next = line;
    // One loop for all: while a program starts, a call for each line costs more than what it does.
    for (; next < behind; next++) {
      const end = starts[next + 1] as number;
      let i = starts[next] as number;
      if (end - i >= lines.length - length) {
        this.#length = length;
        this.flush();
        length = 0;
        if (end - i >= lines.length) break;
      }
      let at = length;
      for (; i < end; i++) {
        const byte = from[i] as number;
        if (byte < SPACE || byte > TILDE || byte === BACKSLASH) break;
        lines[at++] = byte;
      }
      if (i < end) break;
      lines[at++] = LINE_FEED;
      length = at;
    }
    this.#length = length;
    if (this.terminal) this.flush();
    return next - line;
  }

  /** Writes what is buffered. A closed pipe throws, and what was buffered is forgotten: nobody is there to read it. */
  flush(): void {
    if (this.#buffer === "" && this.#length === 0) return;
    const bytes = this.#buffer === "" ? this.#lines.subarray(0, this.#length) : this.#encoder.encode(this.#buffer);
    this.#buffer = "";
    this.#length = 0;
    writeAllSync(this.#file, bytes);
  }
}

/** Writes all of `bytes`, waiting for the reader as often as it takes. A closed pipe throws. */
export function writeAllSync(file: OutputFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    try {
      done += file.writeSync(bytes.subarray(done));
    } catch (error) {
      // Another process that shares the pipe may have made it non-blocking: then a full pipe is an error.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}
