/** Files that hold lists: of globs, and of paths. */
import { abortable } from "../archive/abortable.ts";
import { chunksOf, openInput } from "../disk/streams.ts";
import { systemReason } from "../disk/system_error.ts";
import { CommandError, Interrupted } from "./command_error.ts";
import { EXIT } from "./exit_codes.ts";
import type { InputFile } from "./system.ts";
import { quoteName } from "./ui/escape.ts";

/** Where lists come from, and what ends the wait for them. */
export interface ListInput {
  /** Read for `-`. */
  readonly stdin: InputFile;
  /** A FIFO that nobody writes to would keep its reader for ever. */
  readonly signal: AbortSignal;
}

/** The chunks of a source until the signal aborts. What it waits for then goes on in the background. */
async function* untilAborted<T>(chunks: AsyncGenerator<T>, signal: AbortSignal): AsyncGenerator<T> {
  while (true) {
    const { value, done } = await abortable(() => chunks.next(), signal);
    if (done === true) return;
    yield value;
  }
}

/** The text of the file at `path` (`-` is standard input), piece by piece, parted at `separator`. */
async function* readItems(path: string, separator: string, { stdin, signal }: ListInput): AsyncGenerator<string> {
  const name = path === "-" ? "standard input" : quoteName(path);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  try {
    for await (const chunk of untilAborted(path === "-" ? chunksOf(stdin) : openInput(path), signal)) {
      const items = (rest + decoder.decode(chunk, { stream: true })).split(separator);
      rest = items.pop() ?? "";
      yield* items;
    }
    rest += decoder.decode();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Interrupted) throw error;
    const reason = error instanceof TypeError ? "it is not valid UTF-8" : systemReason(error);
    throw new CommandError(EXIT.failed, `Cannot read the list in ${name}: ${reason}`, undefined, { cause: error });
  }
  // The last item may lack its end; nothing behind a last end is no item.
  if (rest !== "") yield rest;
}

/**
 * The paths listed in a file, in order: one a line, or ended by NUL. Each is taken exactly as it is; empty ones are
 * passed over.
 *
 * @throws {CommandError} when the file cannot be read.
 */
export async function* readFileList(
  path: string,
  options: ListInput & { readonly nul: boolean },
): AsyncGenerator<string> {
  for await (const item of readItems(path, options.nul ? "\0" : "\n", options)) if (item !== "") yield item;
}

/**
 * The globs listed in a file, one a line, as `--exclude-from` takes them. Empty lines and lines that begin with `#`
 * are passed over (`\#` begins a glob with a `#`), and a carriage return at a line's end is no part of it.
 *
 * @throws {CommandError} when the file cannot be read.
 */
export async function readGlobFile(path: string, input: ListInput): Promise<string[]> {
  const globs: string[] = [];
  for await (const line of readItems(path, "\n", input)) {
    const glob = line.replace(/\r$/, "");
    if (glob !== "" && !glob.startsWith("#")) globs.push(glob);
  }
  return globs;
}
