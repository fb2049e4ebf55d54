/** Restoring entries of an archive into a folder. */
import { entriesBeginning } from "../archive/ranges.ts";
import type { PageEntry } from "../format/page.ts";
import type { Row } from "../format/row.ts";
import { extractArchive, extractStream } from "../disk/extract.ts";
import { type RestoreProblem, RestoreTarget } from "../disk/restore.ts";
import type { ExtractReport } from "../disk/restorer.ts";
import type { EarlyWorkers } from "../parallel/early_workers.ts";
import type { CommandContext } from "./command.ts";
import { excludeGlobs } from "./exclude_globs.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import type { ExtractOptions } from "./options.ts";
import { compileExcludes, compilePatterns, type Patterns } from "./patterns.ts";
import { openEitherWay } from "./open_file.ts";
import { escapeName, quoteName } from "./ui/escape.ts";
import { formatBytes, formatItems } from "./ui/quantities.ts";
import type { Progress } from "./ui/ui.ts";
import { tellUnmatched } from "./commands/list.ts";

const HINT_UNMATCHED = "coffer list ARCHIVE shows the paths; to restore into a folder, name it with -C DIR";

/** Restores entries into a folder, or says which it would. `early` has workers that may be used. */
export async function extract(
  context: CommandContext,
  options: ExtractOptions,
  early: EarlyWorkers | undefined,
): Promise<ExitCode> {
  const choice = new Choice(options, await excludeGlobs(context, options));
  return options.dryRun ? await dryRun(context, options, choice) : await restore(context, options, choice, early);
}

/** Which entries are wanted, and where they go. */
class Choice {
  readonly patterns: Patterns;
  /** Whether all entries are wanted, and go where their own paths say. */
  readonly isEverything: boolean;
  readonly #strip: number;
  readonly #exclude: (path: string, isDirectory: boolean) => boolean;

  constructor(options: ExtractOptions, excludes: readonly string[]) {
    this.patterns = compilePatterns(options.patterns, { literal: options.literal });
    this.isEverything = options.patterns.length === 0 && excludes.length === 0 && options.stripComponents === 0;
    this.#strip = options.stripComponents;
    this.#exclude = compileExcludes(excludes);
  }

  /** The path below the target, or `undefined` for an entry that is not wanted or has no parts left. */
  place({ path, kind }: Row): string | undefined {
    const isDirectory = kind === "directory";
    if (!this.patterns.matches(path, isDirectory) || this.#exclude(path, isDirectory)) return undefined;
    if (this.#strip === 0 || path === ".") return path;
    const left = path.split("/").slice(this.#strip);
    return left.length === 0 ? undefined : left.join("/");
  }
}

async function restore(
  context: CommandContext,
  options: ExtractOptions,
  choice: Choice,
  early: EarlyWorkers | undefined,
): Promise<ExitCode> {
  const { ui, signal } = context;
  const problems: RestoreProblem[] = [];
  const settings = {
    ...(choice.isEverything ? {} : { place: (row: Row) => choice.place(row) }),
    prefixes: choice.patterns.prefixes,
    distinctPlaces: options.stripComponents === 0,
    maxExpansion: options.maxExpansion,
    signal,
    ...(ui.verbose ? { onEntry: (row: Row) => ui.detail(escapeName(row.path)) } : {}),
  };
  const openTarget = () =>
    RestoreTarget.open({
      directory: options.directory ?? ".",
      existing: options.existing,
      sameOwner: options.sameOwner,
      samePermissions: options.samePermissions,
      onProblem: (problem) => {
        problems.push(problem);
        ui.warn(`Cannot restore ${quoteName(problem.path)}: ${problem.reason}`);
      },
    });
  let done: ExtractReport;
  // The target is made only when a key has opened the archive.
  using opened = await openEitherWay(context, options, options.directory ?? ".");
  if (opened.archive === undefined) {
    using progress = ui.progress("Restoring");
    using target = openTarget();
    using openers = new DisposableStack();
    const { openInParallel } = await import("../parallel/open_blocks.ts");
    done = await extractStream(opened.stream, target, {
      ...settings,
      opener: (setting) => openers.use(openInParallel(setting, { jobs: options.jobs })),
      onProgress: counting(progress),
    });
    signal.throwIfAborted();
    target.finish();
  } else {
    const { archive, source } = opened;
    using progress = ui.progress("Restoring");
    if (options.patterns.length === 0) {
      progress.total(archive.trailer.totals.bytes, archive.trailer.totals.entries);
    }
    using target = openTarget();
    const { restoreInParallel } = await import("../parallel/restore_files.ts");
    done = await extractArchive(archive, source.size, target, {
      ...settings,
      crew: (host) =>
        restoreInParallel(host, archive.setting, {
          ...(early === undefined ? {} : { start: () => early.take() }),
          jobs: options.jobs,
          descriptor: source.descriptor,
          access: (place) => archive.accessTo(place),
          metadata: options,
          deduplicated: archive.isDeduplicated,
        }),
      onProgress: counting(progress),
    });
    signal.throwIfAborted();
    target.finish();
  }
  report(context, options, problems, done);
  if (await tellUnmatched(context, choice.patterns, undefined, HINT_UNMATCHED)) return EXIT.failed;
  return exitCodeFor(problems);
}

/** Something refused as unsafe outranks what merely could not be restored. */
function exitCodeFor(problems: readonly RestoreProblem[]): ExitCode {
  if (problems.some((problem) => problem.kind === "unsafe")) return EXIT.unsafe;
  return problems.length > 0 ? EXIT.partial : EXIT.done;
}

function counting(progress: Progress) {
  return ({ bytes, entries, path }: { bytes: number; entries: number; path: string }) =>
    progress.add(bytes, entries, path === "" ? undefined : path);
}

function report(
  { ui }: CommandContext,
  options: ExtractOptions,
  problems: readonly RestoreProblem[],
  done: ExtractReport,
): void {
  ui.result(() => undefined, () => ({
    schema: "coffer/extract/1",
    archive: options.archive,
    directory: options.directory ?? ".",
    entries: done.entries,
    bytes: done.bytes,
    problems: problems.map(({ path, kind, reason }) => ({ path, kind, reason })),
  }));
  if (!ui.json) ui.note(`restored ${formatItems(done.entries, "entry", "entries")} (${formatBytes(done.bytes)})`);
  if (problems.length > 0) {
    const count = formatItems(problems.length, "entry was", "entries were");
    const hint = problems.some(({ kind }) => kind === "exists")
      ? "--overwrite replaces what exists, --skip-existing keeps it, -C DIR restores elsewhere"
      : undefined;
    ui.warn(`${count} not restored, or not fully; each is named above`, hint);
  }
}

async function dryRun(context: CommandContext, options: ExtractOptions, choice: Choice): Promise<ExitCode> {
  const { ui, signal } = context;
  const say = (row: Row) => {
    const path = choice.place(row);
    if (path === undefined) return;
    ui.result(() => escapeName(path), () => ({
      schema: "coffer/extract-entry/1",
      path: row.path,
      to: path,
      kind: row.kind,
      size: row.size,
    }));
  };
  using opened = await openEitherWay(context, options);
  if (opened.archive === undefined) {
    for await (const event of opened.stream.events()) {
      signal.throwIfAborted();
      if (event.kind === "page") sayPage(event.page.entries, event.page.continues, say);
    }
  } else {
    for await (const entry of entriesBeginning(opened.archive, choice.patterns.prefixes)) {
      signal.throwIfAborted();
      if (!entry.continued) say(entry.row);
    }
  }
  return await tellUnmatched(context, choice.patterns, undefined, HINT_UNMATCHED) ? EXIT.failed : EXIT.done;
}

function sayPage(entries: readonly PageEntry[], continues: boolean, say: (row: Row) => void): void {
  for (const [i, { row }] of entries.entries()) if (i > 0 || !continues) say(row);
}
