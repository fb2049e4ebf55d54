/** `coffer list` */
import { Archive, type CatalogEntry } from "../../archive/archive.ts";
import type { MergedCursor } from "../../archive/catalog_cursor.ts";
import type { RunCursor } from "../../archive/catalog_run.ts";
import { entriesBeginning, visitBeginning } from "../../archive/ranges.ts";
import { pauseEvery } from "../../archive/pause.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import type { Row } from "../../format/row.ts";
import { equalRows } from "../../format/rows.ts";
import type { CommandContext } from "../command.ts";
import { excludeGlobs } from "../exclude_globs.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { nearPath } from "../near_path.ts";
import type { OpenedFile } from "../open_archive.ts";
import type { ListOptions } from "../options.ts";
import { openEitherWay, openFile } from "../open_file.ts";
import { compileExcludes, compilePatterns, type Patterns } from "../patterns.ts";
import { escapeName, quoteName } from "../ui/escape.ts";
import type { Ui } from "../ui/ui.ts";
import { entryJson } from "./entry_json.ts";
import { localTime } from "../ui/local_time.ts";

/** Lists the paths in an archive. */
export async function run(context: CommandContext, options: ListOptions): Promise<ExitCode> {
  const { ui, signal } = context;
  const patterns = compilePatterns(options.patterns, { literal: options.literal });
  const excludes = await excludeGlobs(context, options);
  const exclude = compileExcludes(excludes);
  const isOfPathsAlone = options.patterns.length === 0 && excludes.length === 0 && !options.long && !options.null;
  const show = (path: string, isDirectory: boolean, row: () => Row) => {
    if (!patterns.matches(path, isDirectory) || exclude(path, isDirectory)) return;
    if (options.null) ui.write(`${options.long ? longLine(row(), (name) => name) : path}\0`);
    else ui.result(() => options.long ? longLine(row(), escapeName) : escapeName(path), () => entryJson(row()));
  };
  if (options.allVersions) {
    using file = await openFile(context, options);
    await showVersions(context, options, file, patterns, exclude);
    return await tellUnmatched(context, patterns) ? EXIT.failed : EXIT.done;
  }
  using opened = await openEitherWay(context, options);
  // From here on: the first turn of the event loop costs as much as reading thousands of entries does.
  const pause = pauseEvery();
  if (opened.archive === undefined) {
    for await (const event of opened.stream.events()) {
      await pause();
      signal.throwIfAborted();
      if (event.kind !== "page") continue;
      for (const [i, { row }] of event.page.entries.entries()) {
        if (i > 0 || !event.page.continues) show(row.path, row.kind === "directory", () => row);
      }
    }
  } else {
    await visitBeginning(
      opened.archive,
      patterns.prefixes,
      (cursor) => {
        if (isOfPathsAlone && showPlainly(ui, cursor)) return;
        show(cursor.path as string, cursor.kind === "directory", () => (cursor.current as CatalogEntry).row);
      },
      async () => {
        await pause();
        signal.throwIfAborted();
      },
    );
  }
  return await tellUnmatched(context, patterns, opened.archive) ? EXIT.failed : EXIT.done;
}

/**
 * Shows the path at hand and those behind it by their bytes, as far as that is possible, and stands at the last that it
 * has shown: a string for each, or a turn of all cursors, takes longer than reading it does.
 */
function showPlainly(ui: Ui, cursor: MergedCursor<RunCursor>): boolean {
  const { paths, at } = cursor;
  if (paths === undefined) return false;
  const shown = ui.plainNames(paths.bytes, paths.starts, at, cursor.stretchEnd());
  if (shown > 1) cursor.leap(at + shown - 1);
  return shown > 0;
}

/** Shows each version of what matches: its row as it is first in a snapshot, and when it is gone. */
async function showVersions(
  { ui, signal }: CommandContext,
  options: ListOptions,
  { archive, source }: OpenedFile,
  patterns: Patterns,
  exclude: (path: string, isDirectory: boolean) => boolean,
): Promise<void> {
  const pause = pauseEvery();
  let before = new Map<string, Row>();
  for await (const { number, id, time, checkpoint } of archive.snapshots()) {
    if (checkpoint && number !== archive.number) continue;
    const snapshot = await Archive.openBehind(nativeEngine, source, archive.opened, {
      snapshot: { kind: "number", number },
      acceptRollback: options.acceptRollback,
    });
    const now = new Map<string, Row>();
    const told = { snapshot: number, id: id.toHex() };
    for await (const { row, continued } of entriesBeginning(snapshot, patterns.prefixes)) {
      await pause();
      signal.throwIfAborted();
      const isDirectory = row.kind === "directory";
      if (continued || !patterns.matches(row.path, isDirectory) || exclude(row.path, isDirectory)) continue;
      now.set(row.path, row);
      const known = before.get(row.path);
      if (known !== undefined && equalRows(known, row)) continue;
      ui.result(
        () => `${String(number).padStart(5)}  ${options.long ? longLine(row, escapeName) : escapeName(row.path)}`,
        () => ({ ...entryJson(row), ...told }),
      );
    }
    for (const [path] of before) {
      if (now.has(path)) continue;
      ui.result(
        () => `${String(number).padStart(5)}  ${localTime(time.seconds)}  gone: ${escapeName(path)}`,
        () => ({ schema: "coffer/list-gone/1", path, ...told }),
      );
    }
    before = now;
  }
}

/**
 * Names each pattern that matched nothing, and a path that it may have meant if the archive can be looked into; returns
 * whether there was one.
 */
export async function tellUnmatched(
  { ui, signal }: CommandContext,
  patterns: Patterns,
  archive?: Archive,
  otherwise = "coffer list ARCHIVE shows the paths",
): Promise<boolean> {
  const unmatched = patterns.unmatched();
  for (const pattern of unmatched) {
    const near = archive === undefined ? undefined : await nearPath(archive, pattern, signal);
    const hint = near === undefined ? otherwise : `Did you mean ${quoteName(near)}?`;
    ui.error(`${quoteName(pattern)} matches nothing in the archive`, hint);
  }
  return unmatched.length > 0;
}

const KIND_LETTERS: Readonly<Record<Row["kind"], string>> = {
  file: "-",
  directory: "d",
  symlink: "l",
  hardlink: "h",
  fifo: "p",
};

/** A line like `tar -tv`: kind and mode, owner, size, local time, name. */
function longLine(row: Row, show: (name: string) => string): string {
  const owner = row.owner === undefined
    ? "?/?"
    : `${show(row.owner.user) || row.owner.uid}/${show(row.owner.group) || row.owner.gid}`;
  const size = String(row.size).padStart(Math.max(1, 19 - owner.length));
  const link = row.kind === "symlink"
    ? ` -> ${show(row.link)}`
    : row.kind === "hardlink"
    ? ` link to ${show(row.link)}`
    : "";
  return `${KIND_LETTERS[row.kind]}${permissions(row.mode)} ${owner} ${size} ${localTime(row.mtime.seconds)} ` +
    `${show(row.path)}${row.kind === "directory" ? "/" : ""}${link}`;
}

function permissions(mode: number): string {
  const bits = [0o400, 0o200, 0o100, 0o40, 0o20, 0o10, 0o4, 0o2, 0o1];
  const letters = bits.map((bit, i) => (mode & bit) === 0 ? "-" : "rwx".charAt(i % 3));
  const special = (bit: number, at: number, letter: string) => {
    if ((mode & bit) !== 0) letters[at] = letters[at] === "x" ? letter : letter.toUpperCase();
  };
  special(0o4000, 2, "s");
  special(0o2000, 5, "s");
  special(0o1000, 8, "t");
  return letters.join("");
}
