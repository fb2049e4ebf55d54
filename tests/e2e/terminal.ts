/** The program on a terminal, by way of `terminal.py`. */
import { fromFileUrl } from "@std/path";
import { PYTHON } from "./conditions.ts";
import { environment, PROGRAM, type RunOptions } from "./program.ts";

/** One step of a dialogue: wait for a text on the screen, then type or send a signal. */
export interface Step {
  readonly wait?: string;
  readonly type?: string;
  readonly signal?: "SIGINT" | "SIGTERM" | "SIGHUP";
}

/** How a dialogue is set up. */
export interface DialogueOptions extends Pick<RunOptions, "cwd" | "env"> {
  readonly steps?: readonly Step[];
  /** The terminal's width. */
  readonly columns?: number;
  /** Descriptors that lead to files instead of the terminal. */
  readonly redirect?: Readonly<Record<"0" | "1" | "2", string>> | Readonly<Record<string, string>>;
}

/** What a dialogue showed and how it ended. */
export interface Dialogue {
  /** All that the terminal received, lines parted by `\n`. */
  readonly screen: string;
  readonly code: number;
  /** The text that a step waited for and never saw. */
  readonly missing: string | null;
  /** Whether the terminal was left with echo on, as it was found. */
  readonly echoes: boolean | null;
}

const SECONDS = 30;

/** Plays a dialogue with the program. */
export async function dialogue(args: readonly string[], options: DialogueOptions = {}): Promise<Dialogue> {
  const plan = {
    words: [...PROGRAM, ...args],
    env: environment({ TERM: "xterm-256color", COFFER_PASSPHRASE: undefined, ...options.env }),
    cwd: options.cwd ?? Deno.cwd(),
    columns: options.columns ?? 100,
    redirect: options.redirect ?? {},
    steps: options.steps ?? [],
    seconds: SECONDS,
  };
  const { code, stdout, stderr } = await new Deno.Command(PYTHON as string, {
    args: [fromFileUrl(new URL("terminal.py", import.meta.url)), JSON.stringify(plan)],
    stdin: "null",
  }).output();
  if (code !== 0) throw new Error(`terminal.py failed: ${new TextDecoder().decode(stderr)}`);
  const result: Dialogue = JSON.parse(new TextDecoder().decode(stdout));
  return { ...result, screen: result.screen.replaceAll("\r\n", "\n") };
}
