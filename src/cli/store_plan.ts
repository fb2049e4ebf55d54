/** What the commands that store files have in common: the entries that their options name, and what became of them. */
import type { PlannedEntry } from "../archive/planner.ts";
import type { Identity } from "../disk/metadata.ts";
import { planRoots, type Root, storedName } from "../disk/names.ts";
import { chunksOf } from "../disk/streams.ts";
import type { ScoutTask } from "../disk/scout.ts";
import { TEMPORARY_SUFFIX } from "../disk/temporary_name.ts";
import { walk, type WalkOptions, type WalkProblem } from "../disk/walk.ts";
import { isAtOrBelow, ROOT_PATH } from "../format/path.ts";
import type { Row } from "../format/row.ts";
import { provisionalRow } from "../format/rows.ts";
import type { CommandContext } from "./command.ts";
import { CommandError, UsageError } from "./command_error.ts";
import { EXIT } from "./exit_codes.ts";
import { excludeGlobs } from "./exclude_globs.ts";
import { readFileList } from "./lists.ts";
import type { StoringOptions } from "./options.ts";
import { compileExcludes } from "./patterns.ts";
import { escapeName, quoteName } from "./ui/escape.ts";

/** What is to be stored: what is named, and standard input where a name was given to it. */
export type StorePlanOptions = StoringOptions & { readonly stdinName?: string | undefined };

/** What is to be stored, and what became of it. */
export class StorePlan {
  readonly #context: CommandContext;
  readonly #options: StorePlanOptions;
  readonly #roots: readonly Root[];
  readonly #exclude: ((path: string, isDirectory: boolean) => boolean) | undefined;
  readonly problems: { path: string; reason: string }[] = [];
  readonly changedPaths: string[] = [];
  /** Bytes of content read, holes left out. */
  contentBytes = 0;
  /** Where the walk could not look: nothing is known of these and what is below them. */
  readonly #unseen: string[] = [];

  constructor(
    context: CommandContext,
    options: StorePlanOptions,
    roots: readonly Root[],
    exclude: ((path: string, isDirectory: boolean) => boolean) | undefined,
  ) {
    this.#context = context;
    this.#options = options;
    this.#roots = roots;
    this.#exclude = exclude;
  }

  /** Whether anything could not be stored as it is. */
  get partial(): boolean {
    return this.problems.length > 0 || this.changedPaths.length > 0;
  }

  problem(path: string, reason: string): void {
    this.problems.push({ path, reason });
    this.#context.ui.warn(`Cannot store ${quoteName(path)}: ${reason}`);
  }

  changed(path: string): void {
    this.changedPaths.push(path);
    this.#context.ui.warn(`${quoteName(path)} changed while it was read`);
  }

  /** Whether a path is one of those named, or below one. */
  covers(path: string): boolean {
    return this.#roots.some((root) => root.stored === ROOT_PATH || isAtOrBelow(path, root.stored));
  }

  /** Whether the walk could not look at a path. */
  isUnseen(path: string): boolean {
    return this.#unseen.some((unseen) => unseen === ROOT_PATH || isAtOrBelow(path, unseen));
  }

  /** The stored names of what was named. */
  get rootPaths(): readonly string[] {
    return this.#roots.map((root) => root.stored);
  }

  /** What a scout of the walk goes through; `undefined` where each name has to be looked at in its turn. */
  get scouted(): Omit<ScoutTask, "memory"> | undefined {
    if (this.#context.ui.verbose || this.#options.excludeCaches) return undefined;
    return {
      roots: this.#roots.map(({ stored, location }) => ({ stored, location })),
      oneFileSystem: this.#options.oneFileSystem,
    };
  }

  /**
   * The entries, in path order, but for standard input's, which comes first. `isKnown`, see {@linkcode WalkOptions},
   * says which files need not be among them, and `reports` saves looking for them.
   */
  *entries(
    skip: readonly Identity[],
    { isKnown, reports }: Pick<WalkOptions, "isKnown" | "reports"> = {},
  ): Generator<PlannedEntry> {
    const { ui, system } = this.#context;
    const { stdinName, oneFileSystem, excludeCaches } = this.#options;
    if (stdinName !== undefined) {
      yield {
        row: standardInputRow(storedFileName(stdinName)),
        content: { kind: "bytes", bytes: chunksOf(system.stdin) },
      };
    }
    const found = walk(this.#roots, {
      ...(this.#exclude === undefined ? {} : { exclude: this.#exclude }),
      // Whoever wants to see each name has to be given it.
      ...(isKnown === undefined || ui.verbose ? {} : { isKnown }),
      ...(reports === undefined ? {} : { reports }),
      oneFileSystem,
      excludeCaches,
      skip,
      onNotice: ({ path, kind, message }) => {
        // The temporary file is our own affair; the archive it will replace is the user's.
        if (kind === "excluded-archive" && path.endsWith(TEMPORARY_SUFFIX)) return;
        ui.note(`left out ${quoteName(path)}: ${message}`);
      },
      onProblem: ({ path, reason, listing }: WalkProblem) => {
        this.#unseen.push(path);
        this.problem(path, listing ? `what is in it is missing, because it cannot be listed: ${reason}` : reason);
      },
    });
    for (const { row, location, sparse } of found) {
      if (ui.verbose) ui.detail(escapeName(row.path));
      yield { row, content: row.kind === "file" ? { kind: "file", location, sparse } : undefined };
    }
  }
}

/** Plans what the options name.
 *
 * @throws {CommandError} when nothing of it exists.
 */
export async function planEntries(context: CommandContext, options: StorePlanOptions): Promise<StorePlan> {
  const { ui, system, signal } = context;
  const names = [...options.paths];
  if (options.filesFrom !== undefined) {
    const list = readFileList(options.filesFrom, { nul: options.filesFromNull, stdin: system.stdin, signal });
    for await (const name of list) names.push(name);
  }
  const { roots, removed } = planRoots(names, {
    ...(options.directory === undefined ? {} : { directory: options.directory }),
    covered: options.filesFrom === undefined ? "refuse" : "drop",
  });
  for (const front of removed) ui.note(`leaving ${quoteName(front)} out at the front of stored names`);
  if (options.stdinName !== undefined) checkStandardInput(storedFileName(options.stdinName), roots);
  else if (roots.length > 0 && !roots.some(exists)) {
    const [first] = roots;
    throw new CommandError(EXIT.failed, `Cannot store ${quoteName(first?.location ?? "")}: it does not exist`);
  }
  const globs = await excludeGlobs(context, options);
  return new StorePlan(context, options, roots, globs.length === 0 ? undefined : compileExcludes(globs));
}

function exists(root: Root): boolean {
  try {
    Deno.lstatSync(root.location);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

function storedFileName(name: string): string {
  const { stored } = storedName(name);
  if (stored === ROOT_PATH || name.endsWith("/")) {
    throw new UsageError(`Cannot use ${quoteName(name)} as --stdin-name: it names no file`);
  }
  return stored;
}

function checkStandardInput(stored: string, roots: readonly Root[]): void {
  const clash = roots.find((root) => isAtOrBelow(stored, root.stored) || isAtOrBelow(root.stored, stored));
  if (clash === undefined) return;
  throw new UsageError(
    `Cannot store standard input as ${quoteName(stored)}: ${quoteName(clash.location)} may have that path`,
  );
}

/** Standard input has no metadata: it is stored as a private file of now. */
function standardInputRow(path: string): Row {
  const now = Date.now();
  const mtime = { seconds: Math.floor(now / 1000), nanoseconds: (now % 1000) * 1_000_000 };
  return { ...provisionalRow(path, "file"), mode: 0o600, mtime };
}
