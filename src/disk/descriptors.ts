/**
 * Paths that start at an open descriptor. Deno has no `openat`; on Linux `/proc/self/fd/N/name` is one: it stays in
 * the folder that was opened, whatever happens to the path that led there, and the kernel's limit of 4,096 bytes
 * counts from that folder only. Deno allows it with all permissions (`-A`) and with nothing less.
 */
import { utf8Length } from "../format/path.ts";
import { files } from "./files.ts";
import { libc } from "./libc.ts";
import { O_DIRECTORY, O_PATH, O_RDONLY } from "./open_flags.ts";
import { hasAllPermissions } from "./permissions.ts";

let works: boolean | undefined;

/**
 * Whether `/proc/self/fd` can be used here. Permissions are asked about before anything is touched, so that a
 * terminal never sees a prompt for them.
 */
export function descriptorsWork(): boolean {
  // The C library's trial has tried that too.
  works ??= libc() !== undefined || (Deno.build.os === "linux" && hasAllPermissions() && probe());
  return works;
}

function probe(): boolean {
  try {
    const descriptor = files.open("/", O_RDONLY | O_DIRECTORY);
    try {
      const there = Deno.lstatSync(`/proc/self/fd/${descriptor}/.`);
      const root = Deno.lstatSync("/");
      return there.ino === root.ino && there.dev === root.dev;
    } finally {
      files.close(descriptor);
    }
  } catch {
    return false;
  }
}

/** The path of an open descriptor. Only where {@linkcode descriptorsWork}. */
export function descriptorPath(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

/**
 * A path by which other threads can open what a descriptor stands for, to read it; `undefined` where there is none, or
 * where the file itself may not be opened again, such as one that was handed to this process.
 */
export function sharedPath(descriptor: number): string | undefined {
  if (!descriptorsWork()) return undefined;
  const path = descriptorPath(descriptor);
  try {
    files.close(files.open(path, O_RDONLY));
    return path;
  } catch {
    return undefined;
  }
}

/** The longest path that is given to the system as it is; Linux takes 4,095 bytes. */
const LONGEST_PLAIN = 4000;

/**
 * Calls `use` with a path to `location` that is short enough for the system, which may be `location` itself. A longer
 * one is walked in steps, each from the folder the last one opened; symlinks on the way are followed, as the system
 * would. Where descriptors do not work, a long path fails with the system's own error.
 */
export function reach<T>(location: string, use: (reachable: string) => T): T {
  if (location.length * 3 <= LONGEST_PLAIN || utf8Length(location) <= LONGEST_PLAIN || !descriptorsWork()) {
    return use(location);
  }
  let rest = location;
  let descriptor: number | undefined;
  try {
    while (utf8Length(rest) > LONGEST_PLAIN) {
      // A UTF-16 unit is at most three bytes, so a third of the limit is always short enough.
      const cut = rest.lastIndexOf("/", Math.floor(LONGEST_PLAIN / 3));
      if (cut <= 0) break;
      const from = descriptor;
      descriptor = files.open(relativeTo(from, rest.slice(0, cut)), O_PATH | O_DIRECTORY);
      if (from !== undefined) files.close(from);
      rest = rest.slice(cut + 1);
    }
    return use(relativeTo(descriptor, rest));
  } finally {
    if (descriptor !== undefined) files.close(descriptor);
  }
}

function relativeTo(descriptor: number | undefined, path: string): string {
  return descriptor === undefined ? path : `${descriptorPath(descriptor)}/${path}`;
}
