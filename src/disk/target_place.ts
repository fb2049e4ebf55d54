/** Where an extraction target is while it is filled, and how it gets its name. */
import { TargetError } from "./atomic_file.ts";
import { reach } from "./descriptors.ts";
import { systemCode, systemReason } from "./system_error.ts";
import { splitLocation, temporaryName } from "./temporary_name.ts";

/** The place of a target. */
export interface Place {
  /** The folder to fill. */
  readonly location: string;
  /** Whether it was made for this run, under a temporary name and for its user alone. */
  readonly fresh: boolean;
  /** Gives a fresh folder its name. */
  commit(): void;
  /** Removes a fresh folder with all in it, and the folders that were made above it. */
  discard(): void;
}

/**
 * The place for a target: the folder itself where it exists, otherwise a fresh one beside it. Errors name what the user
 * named: the temporary folder beside it means nothing to them.
 *
 * @throws {TargetError} when something else has the name, or the folder cannot be made.
 */
export function placeFor(directory: string): Place {
  try {
    return makePlace(directory);
  } catch (error) {
    if (error instanceof TargetError || systemCode(error) === undefined) throw error;
    throw new TargetError(`Cannot make the folder "${directory}": ${systemReason(error)}`, false, { cause: error });
  }
}

function makePlace(directory: string): Place {
  const info = statusOf(directory);
  if (info?.isDirectory === true) return { location: directory, fresh: false, commit: () => {}, discard: () => {} };
  if (info !== undefined) throw new TargetError(`Cannot extract into "${directory}": it is not a folder`, false);
  const target = withoutSeparators(directory);
  const { folder, name } = splitLocation(target);
  if (isTaken(target)) {
    throw new TargetError(`Cannot extract into "${directory}": it is a symlink that leads nowhere`, false);
  }
  const above = makeFolders(folder);
  const location = folder + temporaryName(name);
  try {
    Deno.mkdirSync(location, { mode: 0o700 });
  } catch (error) {
    removeFolders(above);
    throw error;
  }
  return {
    location,
    fresh: true,
    commit: () => nameFolder(location, target),
    discard() {
      removeTree(location);
      removeFolders(above);
    },
  };
}

/** Gives a folder its name, which nothing may have. */
function nameFolder(location: string, target: string): void {
  const taken = () => new TargetError(`Cannot extract into "${target}": it exists meanwhile`, false);
  if (Deno.build.os === "windows") {
    if (isTaken(target)) throw taken();
    Deno.renameSync(location, target);
    return;
  }
  // A rename alone would replace an empty folder that somebody else has made. Making one is exclusive, and replacing
  // that one fails as soon as anything is put into it.
  try {
    Deno.mkdirSync(target);
  } catch (error) {
    throw systemCode(error) === "EEXIST" ? taken() : error;
  }
  try {
    Deno.renameSync(location, target);
  } catch (error) {
    removeFolders([target]);
    throw systemCode(error) === "ENOTEMPTY" || systemCode(error) === "EEXIST" ? taken() : error;
  }
}

/** Makes a folder and those above it; returns those it made, outermost first. */
function makeFolders(folder: string): string[] {
  const missing: string[] = [];
  for (let above = withoutSeparators(folder); above !== "" && statusOf(above) === undefined;) {
    missing.push(above);
    above = withoutSeparators(splitLocation(above).folder);
  }
  missing.reverse();
  for (const [i, path] of missing.entries()) {
    try {
      Deno.mkdirSync(path);
    } catch (error) {
      removeFolders(missing.slice(0, i));
      throw error;
    }
  }
  return missing;
}

/** Removes empty folders, innermost first; one that is in use by now stays. */
function removeFolders(outermostFirst: readonly string[]): void {
  for (const path of [...outermostFirst].reverse()) {
    try {
      Deno.removeSync(path);
    } catch {
      return;
    }
  }
}

/**
 * Removes a folder of ours with all in it, symlinks not followed. Folders may have got modes by then that keep even
 * their owner out.
 */
export function removeTree(location: string): void {
  try {
    Deno.removeSync(location, { recursive: true });
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    if (systemCode(error) !== "EACCES") throw error;
    openUp(location);
    Deno.removeSync(location, { recursive: true });
  }
}

/** Gives the user all rights to a folder and those below it. Only for a tree that nobody else can enter. */
function openUp(location: string): void {
  const waiting = [location];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const info = reach(path, Deno.lstatSync);
    if (!info.isDirectory) continue;
    if (((info.mode ?? 0) & 0o700) !== 0o700) reach(path, (there) => Deno.chmodSync(there, 0o700));
    for (const entry of reach(path, Deno.readDirSync)) if (entry.isDirectory) waiting.push(`${path}/${entry.name}`);
  }
}

/** The status of what a path leads to; `undefined` when that does not exist. */
function statusOf(path: string): Deno.FileInfo | undefined {
  try {
    return reach(path, Deno.statSync);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function isTaken(path: string): boolean {
  try {
    reach(path, Deno.lstatSync);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}

function withoutSeparators(path: string): string {
  let end = path.length;
  while (end > 1 && (path[end - 1] === "/" || (Deno.build.os === "windows" && path[end - 1] === "\\"))) end--;
  return path.slice(0, end);
}
