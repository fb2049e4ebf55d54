/** Opening a name for what it is, not for what a symlink there leads to. */
import * as fs from "node:fs";
import { descriptorsWork, O_NOFOLLOW } from "./descriptors.ts";
import { statusOfDescriptor } from "./metadata.ts";

/**
 * Opens an existing file for reading and fails with `ELOOP` when its name is a symlink.
 *
 * With less than all permissions Deno resolves symlinks itself before it opens, so `O_NOFOLLOW` never meets one
 * (seen with 2.9); there the name is looked at first, and what was opened must be what was seen.
 */
export function openItself(path: string, flags: number = 0): number {
  const before = descriptorsWork() ? undefined : Deno.lstatSync(path);
  if (before?.isSymlink === true) throw loop(path);
  const descriptor = fs.openSync(path, fs.constants.O_RDONLY | flags | O_NOFOLLOW);
  if (before === undefined) return descriptor;
  try {
    const after = statusOfDescriptor(descriptor);
    if (after.ino !== before.ino || after.dev !== before.dev) throw loop(path);
    return descriptor;
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
}

function loop(path: string): Error {
  return Object.assign(new Error(`ELOOP: a symlink is not followed, open '${path}'`), { code: "ELOOP" });
}
