/** `coffer create` */
import { createArchive } from "../../archive/create.ts";
import type { PlannedEntry } from "../../archive/planner.ts";
import type { WrittenArchive } from "../../archive/writer.ts";
import { AtomicFile, TargetError } from "../../disk/atomic_file.ts";
import { fileContent } from "../../disk/content.ts";
import type { Identity } from "../../disk/metadata.ts";
import { planRoots, type Root, storedName } from "../../disk/names.ts";
import { chunksOf } from "../../disk/streams.ts";
import { systemReason } from "../../disk/system_error.ts";
import { TEMPORARY_SUFFIX } from "../../disk/temporary_name.ts";
import { walk, type WalkProblem } from "../../disk/walk.ts";
import type { Bytes } from "../../engine/engine.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import { DEFAULT_MAX_EXPANSION, FREE_EXPANSION_BYTES } from "../../format/limits.ts";
import { hasMagic, MAGIC_BYTES } from "../../format/header.ts";
import { isAtOrBelow, ROOT_PATH } from "../../format/path.ts";
import type { Row } from "../../format/row.ts";
import { provisionalRow } from "../../format/rows.ts";
import type { CommandContext } from "../command.ts";
import { CommandError, UsageError } from "../command_error.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { excludeGlobs } from "../exclude_globs.ts";
import { builderFor } from "../block_builders.ts";
import { warnOfCosts } from "../kdf_cost.ts";
import { newKeys } from "../keys.ts";
import { readFileList } from "../lists.ts";
import { checkWhole } from "../open_archive.ts";
import type { CreateOptions } from "../options.ts";
import { compileExcludes } from "../patterns.ts";
import { writeToStandardOutput } from "../standard_output.ts";
import { escapeName, quoteName } from "../ui/escape.ts";
import { formatBytes, formatItems } from "../ui/quantities.ts";
import { VERSION } from "../version.ts";

/** Stores files and folders in a new archive. */
export async function run(context: CommandContext, options: CreateOptions): Promise<ExitCode> {
  const { ui, system, signal } = context;
  if (options.archive === "-" && !options.dryRun && system.stdout.isTerminal()) {
    throw new UsageError(
      "Cannot write an archive to a terminal",
      "Redirect standard output, or name a file as ARCHIVE",
    );
  }
  const plan = await planEntries(context, options);
  if (options.dryRun) return dryRun(context, plan);
  using file = options.archive === "-" ? undefined : openTarget(options.archive, options.force);
  const keys = await newKeys(context, options.keys);
  const kdf = { logN: options.kdfLogN, r: 8, p: 1 };
  warnOfCosts(ui, keys.filter(({ kind }) => kind === "passphrase").map(() => kdf));
  using builders = new DisposableStack();
  const builder = await builderFor(options.jobs, builders);
  using progress = ui.progress("Storing");
  const written = await createArchive(
    nativeEngine,
    plan.entries(file === undefined ? [] : identitiesOf(file)),
    { write: file === undefined ? (bytes) => writeToStandardOutput(system, bytes) : (bytes) => file.write(bytes) },
    {
      keys,
      suite: options.suite,
      kdf,
      level: options.store ? "store" : options.level,
      pad: options.pad,
      ...(options.recovery === 0 ? {} : { recovery: options.recovery }),
      label: options.label ?? "",
      writer: `coffer ${VERSION}`,
      access: fileContent,
      ...(builder === undefined ? {} : { builder }),
      headerLast: file !== undefined,
      signal,
      onProgress: ({ bytes, entries, path }) => {
        plan.contentBytes += bytes;
        progress.add(bytes, entries, escapeName(path));
      },
      onChanged: (path) => plan.changed(path),
      onProblem: ({ path, problem }) => plan.problem(path, systemReason(problem)),
      isPartial: () => plan.partial,
    },
  );
  if (written.totals.entries === 0 && plan.partial) throw nothingStored();
  if (file !== undefined) {
    file.writeAt(0, written.header);
    progress.end();
    if (options.verify) await verifyWritten(context, options, file, written.archiveKey);
    signal.throwIfAborted();
    file.commit();
  }
  progress.end();
  report(context, options, plan, written);
  return plan.partial ? EXIT.partial : EXIT.done;
}

/** An archive under a temporary name. What is no archive is not offered for replacement: it may be meant to be stored. */
function openTarget(archive: string, overwrite: boolean): AtomicFile {
  try {
    return AtomicFile.create(archive, { overwrite });
  } catch (error) {
    if (!(error instanceof TargetError) || !error.replaceable || isArchive(archive)) throw error;
    const hint = "It is no Coffer archive: ARCHIVE comes first, then the PATHs";
    throw new CommandError(EXIT.failed, error.message, hint, { cause: error });
  }
}

function isArchive(path: string): boolean {
  try {
    using file = Deno.openSync(path);
    const start = new Uint8Array(MAGIC_BYTES);
    return file.readSync(start) === start.length && hasMagic(start, "A");
  } catch {
    return false;
  }
}

function nothingStored(): CommandError {
  return new CommandError(EXIT.failed, "Cannot create the archive: nothing named could be read");
}

function identitiesOf(file: AtomicFile): Identity[] {
  const target = file.targetIdentity();
  return target === undefined ? [file.identity()] : [file.identity(), target];
}

async function verifyWritten(
  { ui, signal }: CommandContext,
  options: CreateOptions,
  file: AtomicFile,
  archiveKey: Bytes,
): Promise<void> {
  using progress = ui.progress("Verifying");
  // The key itself: a recipient's slot could not be opened here, and scrypt has run once already.
  const keys = [{ kind: "archive-key" as const, archiveKey }];
  await checkWhole(file.temporaryPath, { keys }, {
    jobs: options.jobs,
    signal,
    onProgress: (bytes) => progress.add(bytes, 0),
  });
  ui.detail(`verified ${escapeName(options.archive)}`);
}

/** What is to be stored, and what became of it. */
class StorePlan {
  readonly #context: CommandContext;
  readonly #options: CreateOptions;
  readonly #roots: readonly Root[];
  readonly #exclude: (path: string, isDirectory: boolean) => boolean;
  readonly problems: { path: string; reason: string }[] = [];
  readonly changedPaths: string[] = [];
  /** Bytes of content read, holes left out. */
  contentBytes = 0;

  constructor(
    context: CommandContext,
    options: CreateOptions,
    roots: readonly Root[],
    exclude: (path: string, isDirectory: boolean) => boolean,
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

  /** The entries, in path order, but for standard input's, which comes first. */
  *entries(skip: readonly Identity[]): Generator<PlannedEntry> {
    const { ui, system } = this.#context;
    const { stdinName, oneFileSystem, excludeCaches } = this.#options;
    if (stdinName !== undefined) {
      yield {
        row: standardInputRow(storedFileName(stdinName)),
        content: { kind: "bytes", bytes: chunksOf(system.stdin) },
      };
    }
    const found = walk(this.#roots, {
      exclude: this.#exclude,
      oneFileSystem,
      excludeCaches,
      skip,
      onNotice: ({ path, kind, message }) => {
        // The temporary file is our own affair; the archive it will replace is the user's.
        if (kind === "excluded-archive" && path.endsWith(TEMPORARY_SUFFIX)) return;
        ui.note(`left out ${quoteName(path)}: ${message}`);
      },
      onProblem: ({ path, reason, listing }: WalkProblem) =>
        this.problem(path, listing ? `what is in it is missing, because it cannot be listed: ${reason}` : reason),
    });
    for (const { row, location, sparse } of found) {
      if (ui.verbose) ui.detail(escapeName(row.path));
      yield { row, content: row.kind === "file" ? { kind: "file", location, sparse } : undefined };
    }
  }
}

async function planEntries(context: CommandContext, options: CreateOptions): Promise<StorePlan> {
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
  return new StorePlan(context, options, roots, compileExcludes(await excludeGlobs(context, options)));
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

function dryRun({ ui, signal }: CommandContext, plan: StorePlan): ExitCode {
  let bytes = 0;
  let count = 0;
  for (const { row, content } of plan.entries([])) {
    signal.throwIfAborted();
    count++;
    bytes += row.size;
    ui.result(() => escapeName(row.path), () => ({
      schema: "coffer/create-entry/1",
      path: row.path,
      kind: row.kind,
      size: content?.kind === "bytes" ? null : row.size,
    }));
    // What standard input holds is not read: it could be read only once.
  }
  if (count === 0 && plan.partial) throw nothingStored();
  ui.note(`would store ${formatItems(count, "entry", "entries")} (${formatBytes(bytes)})`);
  return plan.partial ? EXIT.partial : EXIT.done;
}

function report({ ui }: CommandContext, options: CreateOptions, plan: StorePlan, written: WrittenArchive): void {
  const id = written.id.toHex();
  const { totals } = written;
  const size = formatBytes(written.length);
  const where = options.archive === "-" ? size : `${quoteName(options.archive)} (${size})`;
  ui.result(() => undefined, () => ({
    schema: "coffer/create/1",
    archive: options.archive,
    id,
    archiveBytes: written.length,
    ...totals,
    changed: plan.changedPaths,
    problems: plan.problems,
  }));
  if (ui.json) return;
  ui.note(
    `stored ${formatItems(totals.entries, "entry", "entries")} (${formatBytes(totals.bytes)}) in ${where}`,
  );
  ui.detail(`snapshot id: ${id}`);
  const expansion = Math.ceil((plan.contentBytes - FREE_EXPANSION_BYTES) / written.length);
  if (expansion > DEFAULT_MAX_EXPANSION) {
    ui.warn(
      "the content is so much larger than the archive that extracting it will look like a bomb",
      `Extract it with --max-expansion ${expansion}`,
    );
  }
  if (!plan.partial) return;
  const count = plan.problems.length + plan.changedPaths.length;
  ui.warn(`the archive is good, but ${formatItems(count, "entry is", "entries are")} missing or changed while read`);
}
