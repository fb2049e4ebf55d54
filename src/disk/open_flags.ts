/** How a file is opened: the system's flags. What a platform lacks is 0. */
import { nodeFs } from "./node_builtins.ts";

interface Flags {
  readonly O_RDONLY: number;
  readonly O_WRONLY: number;
  readonly O_RDWR: number;
  readonly O_CREAT: number;
  readonly O_EXCL: number;
  readonly O_NOFOLLOW?: number;
  readonly O_DIRECTORY?: number;
  readonly O_NONBLOCK?: number;
}

/** The same on every machine with Linux, but for two; so `node:fs` need not be loaded for them. */
const LINUX = { O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_CREAT: 0o100, O_EXCL: 0o200, O_NONBLOCK: 0o4000 };
const LINUX_FLAGS: Readonly<Record<typeof Deno.build.arch, Flags>> = {
  x86_64: { ...LINUX, O_DIRECTORY: 0o200000, O_NOFOLLOW: 0o400000 },
  aarch64: { ...LINUX, O_DIRECTORY: 0o40000, O_NOFOLLOW: 0o100000 },
};

const flags: Flags = (Deno.build.os === "linux" ? LINUX_FLAGS[Deno.build.arch] : undefined) ?? nodeFs().constants;

/** For reading. */
export const O_RDONLY: number = flags.O_RDONLY;
/** For writing. */
export const O_WRONLY: number = flags.O_WRONLY;
/** For both. */
export const O_RDWR: number = flags.O_RDWR;
/** Makes a file that is not there. */
export const O_CREAT: number = flags.O_CREAT;
/** With it: fails when anything is. */
export const O_EXCL: number = flags.O_EXCL;
/** Fails when the name is a symlink. */
export const O_NOFOLLOW: number = flags.O_NOFOLLOW ?? 0;
/** Fails when it is no folder. */
export const O_DIRECTORY: number = flags.O_DIRECTORY ?? 0;
/** Waits for nobody at the other end of a FIFO. */
export const O_NONBLOCK: number = flags.O_NONBLOCK ?? 0;
/**
 * Linux: a handle to the name itself, for status and metadata only. Together with `O_NOFOLLOW` it can be a symlink.
 * `node:fs` does not name it; the value is the same on x86-64 and AArch64.
 */
export const O_PATH = 0x20_0000;
