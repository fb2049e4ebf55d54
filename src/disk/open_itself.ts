/** Opening a name for what it is, not for what a symlink there leads to. */
import { descriptorsWork } from "./descriptors.ts";
import { files } from "./files.ts";
import { statusOfDescriptor } from "./metadata.ts";
import { O_NOFOLLOW, O_RDONLY } from "./open_flags.ts";

/**
 * Opens an existing file for reading and fails with `ELOOP` when its name is a symlink.
 *
 * With less than all permissions Deno resolves symlinks itself before it opens, so `O_NOFOLLOW` never meets one
 * (seen with 2.9); there the name is looked at first, and what was opened must be what was seen.
 */
export function openItself(path: string, flags: number = 0): number {
  const before = descriptorsWork() ? undefined : Deno.lstatSync(path);
  if (before?.isSymlink === true) throw loop(path);
  const descriptor = files.open(path, O_RDONLY | flags | O_NOFOLLOW);
  if (before === undefined) return descriptor;
  try {
    const after = statusOfDescriptor(descriptor);
    if (after.ino !== before.ino || after.dev !== before.dev) throw loop(path);
    return descriptor;
  } catch (error) {
    files.close(descriptor);
    throw error;
  }
}

function loop(path: string): Error {
  return Object.assign(new Error(`ELOOP: a symlink is not followed, open '${path}'`), { code: "ELOOP" });
}
