/** Text to a file descriptor: standard output in large pieces, standard error line by line. */

/** What {@linkcode TextOutput} writes to: standard output or error. */
export interface OutputFile {
  /** Writes some of the bytes; returns how many. */
  writeSync(bytes: Uint8Array): number;
  /** Whether a person may be looking. */
  isTerminal(): boolean;
}

/** Buffered characters that are sent on at once: a listing of millions of lines must not be a write each. */
const BUFFER_LENGTH = 2 ** 16;
/** How long to wait for a full pipe. */
const RETRY_MS = 5;

/** Writes text as UTF-8, in order, all of it. */
export class TextOutput {
  /** Whether it ends on a terminal; then every piece is sent at once. */
  readonly terminal: boolean;
  readonly #file: OutputFile;
  readonly #encoder = new TextEncoder();
  #buffer = "";

  /** Binds an output; nothing is written yet. */
  constructor(file: OutputFile) {
    this.#file = file;
    this.terminal = file.isTerminal();
  }

  /** Writes text, perhaps later. A closed pipe throws. */
  write(text: string): void {
    this.#buffer += text;
    if (this.terminal || this.#buffer.length >= BUFFER_LENGTH) this.flush();
  }

  /** Writes what is buffered. A closed pipe throws, and what was buffered is forgotten: nobody is there to read it. */
  flush(): void {
    if (this.#buffer === "") return;
    const bytes = this.#encoder.encode(this.#buffer);
    this.#buffer = "";
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
