/** A process for the command line under test: what it reads is given, what it writes is kept. */
import type { System, Terminal } from "../../src/cli/system.ts";
import type { OutputFile } from "../../src/cli/ui/output.ts";

/** An output that keeps what was written. */
export class FakeOutput implements OutputFile {
  readonly #decoder = new TextDecoder();
  readonly #terminal: boolean;
  /** Thrown by the next writes, if set. */
  failure: Error | undefined;
  /** The text so far. */
  text = "";
  /** How many writes there were. */
  writes = 0;

  constructor(terminal = false) {
    this.#terminal = terminal;
  }

  writeSync(bytes: Uint8Array): number {
    if (this.failure !== undefined) throw this.failure;
    this.writes++;
    this.text += this.#decoder.decode(bytes, { stream: true });
    return bytes.length;
  }

  write(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(this.writeSync(bytes));
  }

  isTerminal(): boolean {
    return this.#terminal;
  }
}

/** A terminal on which somebody types: each element is what one read gets; `null` is the end, `undefined` a silence. */
export class FakeTerminal implements Terminal {
  readonly #typed: (string | Uint8Array | null | undefined)[];
  /** What was shown. */
  shown = "";
  /** Every switch of the mode, in order. */
  readonly modes: boolean[] = [];
  closed = false;

  constructor(...typed: (string | Uint8Array | null | undefined)[]) {
    this.#typed = typed;
  }

  read(into: Uint8Array): Promise<number | null> {
    const next = this.#typed.shift();
    if (next === undefined) return new Promise(() => {});
    if (next === null) return Promise.resolve(null);
    const bytes = typeof next === "string" ? new TextEncoder().encode(next) : next;
    into.set(bytes);
    return Promise.resolve(bytes.length);
  }

  write(text: string): void {
    this.shown += text;
  }

  setRaw(raw: boolean): void {
    this.modes.push(raw);
  }

  close(): void {
    this.closed = true;
  }
}

/** What a {@linkcode FakeSystem} begins with. */
export interface FakeSetting {
  readonly stdin?: string | Uint8Array;
  readonly stdinTerminal?: boolean;
  readonly stdoutTerminal?: boolean;
  readonly stderrTerminal?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly terminal?: FakeTerminal;
  readonly columns?: number;
}

/** A process. */
export class FakeSystem implements System {
  readonly stdin: System["stdin"];
  readonly stdout: FakeOutput;
  readonly stderr: FakeOutput;
  readonly env: System["env"];
  readonly columns: System["columns"];
  readonly openTerminal: System["openTerminal"];
  /** The clock, in milliseconds. */
  time = 0;
  readonly now = (): number => this.time;

  constructor(setting: FakeSetting = {}) {
    let rest = typeof setting.stdin === "string" ? new TextEncoder().encode(setting.stdin) : setting.stdin;
    this.stdin = {
      isTerminal: () => setting.stdinTerminal ?? false,
      read(into) {
        if (rest === undefined || rest.length === 0) return Promise.resolve(null);
        // A few bytes at once, as pipes may do.
        const piece = rest.subarray(0, Math.min(into.length, 3));
        rest = rest.subarray(piece.length);
        into.set(piece);
        return Promise.resolve(piece.length);
      },
    };
    this.stdout = new FakeOutput(setting.stdoutTerminal);
    this.stderr = new FakeOutput(setting.stderrTerminal);
    this.env = (name) => setting.env?.[name];
    this.columns = () => setting.columns;
    this.openTerminal = () => setting.terminal;
  }
}
