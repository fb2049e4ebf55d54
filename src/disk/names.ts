/** From what the user typed to what is stored: the names of roots, as GNU tar makes them. */
import { comparePaths, isAtOrBelow, ROOT_PATH } from "../format/path.ts";

/** A file or folder to archive, with everything below it. */
export interface Root {
  /** Where it is: a path for the system. With a `/` at its end, a symlink is followed. */
  readonly location: string;
  /** What it will be called in the archive. */
  readonly stored: string;
}

/** A name for the archive. */
export interface StoredName {
  /** The path in the archive; `.` when nothing is left. */
  readonly stored: string;
  /** What was dropped from the front for safety, such as `/` or `../../`; empty when nothing was. */
  readonly removed: string;
}

/**
 * The stored name of an argument: everything through its last `..` and leading slashes are dropped, as are `.` parts
 * and doubled or trailing slashes. On Windows backslashes separate too, and drive letters are dropped.
 */
export function storedName(argument: string, windows: boolean = Deno.build.os === "windows"): StoredName {
  const text = windows ? argument.replaceAll("\\", "/") : argument;
  let start = 0;
  if (windows) start = /^(?:\/\/[?.]\/)?(?:[A-Za-z]:)?/.exec(text)?.[0].length ?? 0;
  for (const match of text.matchAll(/(?:^|\/)\.\.(?=\/|$)/g)) start = Math.max(start, match.index + match[0].length);
  while (text[start] === "/") start++;
  const parts = text.slice(start).split("/").filter((part) => part !== "" && part !== ".");
  return { stored: parts.length === 0 ? ROOT_PATH : parts.join("/"), removed: text.slice(0, start) };
}

/** Two arguments that cannot be in one archive. */
export class RootConflictError extends Error {
  override readonly name = "RootConflictError";
  /** The argument whose stored name is, or contains, the other's. */
  readonly first: string;
  /** The other argument. */
  readonly second: string;

  /** Creates the error from the arguments and their stored names. */
  constructor(first: string, second: string, stored: string, storedSecond: string) {
    const how = stored === storedSecond
      ? `both would be "${stored}" in the archive`
      : `"${storedSecond}" would lie inside "${stored}" in the archive`;
    super(`Cannot store "${first}" and "${second}" together: ${how}`);
    this.first = first;
    this.second = second;
  }
}

/** How {@linkcode planRoots} reads its arguments. */
export interface PlanRootsOptions {
  /** The folder that relative arguments start from; default: the current one. */
  readonly directory?: string;
  /**
   * What to do with an argument that another one covers already, being the same file or below the same folder:
   * `refuse` (the default) or `drop`, for lists such as `find` prints, which name folders and what is in them.
   * Arguments that merely get the same stored name from different places are refused either way.
   */
  readonly covered?: "refuse" | "drop";
}

/** What {@linkcode planRoots} found. */
export interface RootPlan {
  /** The roots in path order of their stored names, none inside another. */
  readonly roots: readonly Root[];
  /** Each front that was dropped from names, once, in order of appearance. */
  readonly removed: readonly string[];
}

/**
 * The roots for a command's arguments.
 *
 * @throws {RootConflictError} when two would share a path or one would lie inside another.
 * @throws {TypeError} when an argument is empty.
 */
export function planRoots(names: readonly string[], options: PlanRootsOptions = {}): RootPlan {
  const removed = new Set<string>();
  const planned = names.map((argument) => {
    if (argument === "") throw new TypeError("Cannot store a file with an empty name");
    const name = storedName(argument);
    if (name.removed !== "") removed.add(name.removed);
    return { argument, location: locate(argument, options.directory), stored: name.stored };
  });
  planned.sort((a, b) => comparePaths(a.stored, b.stored));
  const roots: Root[] = [];
  // In path order, everything below a root follows it directly.
  let covering: typeof planned[number] | undefined;
  for (const root of planned) {
    if (covering !== undefined && isAtOrBelow(root.stored, covering.stored)) {
      if (options.covered === "drop" && isCovered(root, covering)) continue;
      throw new RootConflictError(covering.argument, root.argument, covering.stored, root.stored);
    }
    covering = root;
    roots.push({ location: root.location, stored: root.stored });
  }
  return { roots, removed: [...removed] };
}

function isAbsolute(argument: string): boolean {
  return argument.startsWith("/") || (Deno.build.os === "windows" && /^(?:\\|[A-Za-z]:)/.test(argument));
}

/** Text only: `..` must not be resolved, since `a/..` is not `.` when `a` is a symlink. */
function locate(argument: string, directory: string | undefined): string {
  if (directory === undefined || directory === "" || isAbsolute(argument)) return argument;
  return directory.endsWith("/") ? directory + argument : `${directory}/${argument}`;
}

function isCovered(root: Root, covering: Root): boolean {
  const below = root.stored === covering.stored
    ? ""
    : covering.stored === ROOT_PATH
    ? root.stored
    : root.stored.slice(covering.stored.length + 1);
  return plain(root.location) === plain(`${covering.location}/${below}`);
}

/** A location without what does not matter in it: `.` parts, doubled and trailing slashes. */
function plain(location: string): string {
  const text = Deno.build.os === "windows" ? location.replaceAll("\\", "/") : location;
  const parts = text.split("/").filter((part) => part !== "" && part !== ".");
  return (text.startsWith("/") ? "/" : "") + parts.join("/");
}
