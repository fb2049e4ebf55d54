/** Which paths of an archive the PATTERNs of a command take, and which paths its excludes leave out. */
import { isAtOrBelow, ROOT_PATH } from "../format/path.ts";
import { commonPrefix, compileGlob, type Glob, literalOf } from "./glob.ts";

/** The PATTERNs of a command. */
export interface Patterns {
  /** Every path that matches begins with one of these; a plain path is its own, and a glob's ends at its first sign. */
  readonly prefixes: readonly string[];
  /** Whether a path is taken. Without any pattern all are. */
  matches(path: string, isDirectory?: boolean): boolean;
  /** Whether anything below a folder could match: `false` is certain, `true` is not. */
  couldMatchBelow(folder: string): boolean;
  /** The patterns, as they were given, that have matched nothing so far. */
  unmatched(): string[];
}

/** How {@linkcode compilePatterns} reads its patterns. */
export interface PatternOptions {
  /** Whether they are plain paths only. */
  readonly literal?: boolean;
}

interface Pattern {
  /** As it was given. */
  readonly given: string;
  /** The path that it takes with all below it. */
  readonly path: string;
  readonly glob: Glob | undefined;
  readonly prefix: string;
  /** Whether it ended in `/`: a glob then takes folders only. */
  readonly foldersOnly: boolean;
  matched: boolean;
}

/** Stored paths are relative and have no `.` parts; patterns may be typed like the paths that went in. */
function tidy(pattern: string): string {
  const parts = pattern.split("/").filter((part) => part !== "" && part !== ".");
  return parts.length === 0 ? ROOT_PATH : parts.join("/");
}

/**
 * Compiles PATTERNs: one that is equal to a path takes it and all below it, otherwise it is a glob.
 *
 * @throws {UsageError} when a glob stands for too many alternatives.
 */
export function compilePatterns(patterns: readonly string[], options: PatternOptions = {}): Patterns {
  const compiled = patterns.map((given): Pattern => {
    const path = tidy(given);
    const glob = options.literal ? undefined : compileGlob(path);
    return {
      given,
      path,
      glob,
      // A pattern is read in two ways, and `a\*` begins alike in both only up to the backslash.
      prefix: path === ROOT_PATH ? "" : glob === undefined ? path : commonPrefix(path, glob.prefix),
      foldersOnly: given.endsWith("/"),
      matched: false,
    };
  });
  const takes = (pattern: Pattern, path: string, isDirectory: boolean) =>
    isAtOrBelow(path, pattern.path) ||
    (pattern.glob !== undefined && (isDirectory || !pattern.foldersOnly) && pattern.glob.matches(path));
  return {
    prefixes: compiled.length === 0 ? [""] : compiled.map(({ prefix }) => prefix),
    matches(path, isDirectory = false) {
      let matched = compiled.length === 0;
      // All of them are asked: each has to know whether it matched anything.
      for (const pattern of compiled) {
        if ((!matched || !pattern.matched) && takes(pattern, path, isDirectory)) matched = pattern.matched = true;
      }
      return matched;
    },
    couldMatchBelow(folder) {
      if (compiled.length === 0 || folder === ROOT_PATH) return true;
      const below = `${folder}/`;
      return compiled.some(({ prefix }) => prefix.startsWith(below) || below.startsWith(prefix));
    },
    unmatched: () => compiled.filter(({ matched }) => !matched).map(({ given }) => given),
  };
}

interface Exclude {
  /** Whether it is matched against the whole path, not against any part. */
  readonly whole: boolean;
  readonly foldersOnly: boolean;
  readonly test: (text: string) => boolean;
}

function compileExclude(given: string): Exclude {
  const body = given.replace(/\/+$/, "");
  const path = tidy(body);
  const glob = compileGlob(path);
  // Most excludes are plain names: comparing them is quicker.
  const test = literalOf(path) === path
    ? (text: string) => text === path
    : (text: string) => text === path || glob.matches(text);
  return { whole: body.includes("/"), foldersOnly: body !== given, test };
}

/**
 * Compiles excludes into a test of stored paths. A glob with a `/` (but at its end) is matched against the path, one
 * without against every part of it; one that ends in `/` leaves out folders only. What is below an excluded folder is
 * excluded; the root never is. Quickest when paths come folder by folder.
 *
 * @throws {UsageError} when a glob stands for too many alternatives.
 */
export function compileExcludes(globs: readonly string[]): (path: string, isDirectory: boolean) => boolean {
  const excludes = globs.map(compileExclude);
  const matches = (path: string, isDirectory: boolean) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    return excludes.some(({ whole, foldersOnly, test }) => (isDirectory || !foldersOnly) && test(whole ? path : name));
  };
  let lastFolder = "";
  let lastExcluded = false;
  const excludedFolder = (folder: string): boolean => {
    if (folder === "") return false;
    if (folder === lastFolder) return lastExcluded;
    const slash = folder.lastIndexOf("/");
    const excluded = excludedFolder(slash < 0 ? "" : folder.slice(0, slash)) || matches(folder, true);
    lastFolder = folder;
    lastExcluded = excluded;
    return excluded;
  };
  return (path, isDirectory) => {
    if (excludes.length === 0 || path === ROOT_PATH) return false;
    const slash = path.lastIndexOf("/");
    return excludedFolder(slash < 0 ? "" : path.slice(0, slash)) || matches(path, isDirectory);
  };
}
