/** Where relative paths start. */

import { environment } from "./system.ts";

/** What {@linkcode enterCallersFolder} asks and does; tests bring their own. */
export interface FolderAccess {
  /** See `System.env`. */
  readonly env: (name: string) => string | undefined;
  /** See `Deno.cwd`. */
  readonly cwd: () => string;
  /** See `Deno.realPathSync`. */
  readonly realPath: (path: string) => string;
  /** See `Deno.chdir`. */
  readonly chdir: (path: string) => void;
}

const PROCESS: FolderAccess = {
  env: environment,
  cwd: Deno.cwd,
  realPath: Deno.realPathSync,
  chdir: Deno.chdir,
};

/**
 * `deno task` runs a task in the project's folder and leaves the caller's in `INIT_CWD`: go back there, so that every
 * relative path means what it meant when it was typed.
 *
 * Only when the current folder is the one this program lies in. The variable is inherited by everything below a task
 * or an npm script, and an installed `coffer` that is called from one has the right folder already.
 */
export function enterCallersFolder(programFolder: string | undefined, access: FolderAccess = PROCESS): void {
  const callers = access.env("INIT_CWD");
  if (callers === undefined || callers === "" || programFolder === undefined) return;
  try {
    if (access.realPath(access.cwd()) === access.realPath(programFolder)) access.chdir(callers);
  } catch {
    // Without the permission to look, or when a folder has gone, the current one is as good as any.
  }
}
