/** What the command line has of the process around it, as an argument: tests bring their own. */
import { type OutputFile, writeAllSync } from "./ui/output.ts";

/** Standard input. */
export interface InputFile {
  /** Reads into the buffer; returns the bytes read, `null` at the end. */
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** Whether a person may be typing. */
  isTerminal(): boolean;
}

/** Standard output. */
export interface StandardOutput extends OutputFile {
  /** Writes some of the bytes; returns how many. For archives and file contents, with `writeAll`. */
  write(bytes: Uint8Array): Promise<number>;
}

/** A terminal to ask a question on. */
export interface Terminal {
  /** Reads what is typed; `null` at the end. */
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** Shows text. */
  write(text: string): void;
  /** In raw mode nothing is echoed, and control keys are bytes like all others. */
  setRaw(raw: boolean): void;
  /** Lets go of it. A read that is under way ends. */
  close(): void;
}

/** The process around the command line. */
export interface System {
  readonly stdin: InputFile;
  readonly stdout: StandardOutput;
  readonly stderr: OutputFile;
  /** An environment variable; `undefined` also when reading it is not permitted. */
  readonly env: (name: string) => string | undefined;
  /** The terminal's width, if there is one. */
  readonly columns: () => number | undefined;
  /** A clock in milliseconds that never goes back. */
  readonly now: () => number;
  /** Opens the terminal of this session, if there is one. */
  readonly openTerminal: () => Terminal | undefined;
}

/** An environment variable; `undefined` also when reading it is not permitted. */
export function environment(name: string): string | undefined {
  // Asking without the permission would make Deno ask the user for it.
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}

/**
 * Where temporary files go: what `node:os` calls so, but without a right to the variables that say it there is an
 * answer too.
 */
export function temporaryFolder({ env }: Pick<System, "env">): string {
  const isWindows = Deno.build.os === "windows";
  for (const name of isWindows ? ["TEMP", "TMP"] : ["TMPDIR", "TMP", "TEMP"]) {
    const folder = env(name);
    if (folder !== undefined && folder !== "") return folder;
  }
  return isWindows ? "C:\\Windows\\Temp" : "/tmp";
}

function columns(): number | undefined {
  try {
    return Deno.consoleSize().columns || undefined;
  } catch {
    return undefined;
  }
}

const encoder = new TextEncoder();

/** The controlling terminal, wherever standard input and output lead; `undefined` without one, or without `-A`. */
function openControllingTerminal(): Terminal | undefined {
  if (Deno.build.os === "windows") return undefined;
  // A permission that is not granted would be asked for: everything but "granted" is a no.
  const all = (["read", "write"] as const).every((name) =>
    Deno.permissions.querySync({ name, path: "/dev/tty" }).state === "granted"
  );
  if (!all) return undefined;
  let file: Deno.FsFile;
  try {
    file = Deno.openSync("/dev/tty", { read: true, write: true });
  } catch {
    return undefined;
  }
  return {
    read: (into) => file.read(into),
    write: (text) => writeAllSync(file, encoder.encode(text)),
    setRaw: (raw) => file.setRaw(raw),
    close: () => file.close(),
  };
}

/** Standard input, when it is a terminal; the questions then go to standard error. */
function openStandardTerminal(): Terminal | undefined {
  if (!Deno.stdin.isTerminal()) return undefined;
  return {
    read: (into) => Deno.stdin.read(into),
    write: (text) => writeAllSync(Deno.stderr, encoder.encode(text)),
    setRaw: (raw) => Deno.stdin.setRaw(raw),
    close: () => {},
  };
}

/** This process. */
export function denoSystem(): System {
  return {
    stdin: Deno.stdin,
    stdout: Deno.stdout,
    stderr: Deno.stderr,
    env: environment,
    columns,
    now: () => performance.now(),
    openTerminal: () => openControllingTerminal() ?? openStandardTerminal(),
  };
}
