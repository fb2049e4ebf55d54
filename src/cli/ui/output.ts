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
   * Writes a line of printable ASCII, perhaps later. Returns false, and writes nothing, when there is anything else in
   * it, or a backslash: a name that holds such has to be escaped. A closed pipe throws.
   */
  writePlainLine(from: Bytes, start: number, end: number): boolean {
    const { length } = this.#lines;
    if (end - start >= length) return false;
    if (this.#buffer !== "" || end - start >= length - this.#length) this.flush();
    const lines = this.#lines;
    let at = this.#length;
    for (let i = start; i < end; i++) {
      const byte = from[i] as number;
      if (byte < SPACE || byte > TILDE || byte === BACKSLASH) return false;
      lines[at++] = byte;
    }
    lines[at++] = LINE_FEED;
    this.#length = at;
    if (this.terminal) this.flush();
    return true;
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
