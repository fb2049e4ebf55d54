/** What some tests need of the machine. A test whose need is not met is skipped, and says so. */
import { removeTree } from "../../src/disk/target_place.ts";

/** Something that a machine may or may not offer. */
export interface Need {
  /** What is missing where it is not met. */
  readonly what: string;
  readonly met: boolean;
}

function works(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdin: "null", stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

function all(...needs: readonly Need[]): Need {
  const missing = needs.filter(({ met }) => !met);
  return { what: missing.map(({ what }) => what).join(", "), met: missing.length === 0 };
}

const { os } = Deno.build;
const isRoot = os !== "windows" && Deno.uid() === 0;

/** Signals, modes, symlinks without special rights, a shell. */
export const POSIX: Need = { what: "a POSIX system", met: os !== "windows" };

/** /proc, and holes that `stat` shows. */
export const LINUX: Need = { what: "Linux", met: os === "linux" };

/** May give files to others. */
export const ROOT: Need = { what: "root", met: isRoot };

/** Starts a program so that file modes keep it out, which they do not for root. */
export const BOUND_BY_MODES: readonly string[] = isRoot
  ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
  : [];

/** {@linkcode BOUND_BY_MODES} works. */
export const BINDING: Need = all(POSIX, {
  what: "setpriv, for root",
  met: !isRoot || works(BOUND_BY_MODES[0] as string, ...BOUND_BY_MODES.slice(1), "true"),
});

/** Python's pty module, which gives a program a terminal. */
export const PYTHON: string | undefined = ["/usr/bin/python3", "python3"].find((name) =>
  os !== "windows" && works(name, "-c", "import pty, termios")
);

/** {@linkcode PYTHON} is there. */
export const TERMINAL: Need = { what: "python3 with its pty module", met: PYTHON !== undefined };

/** May mount small file systems of its own. */
export const MOUNT: Need = (() => {
  const needed = all(LINUX, ROOT);
  if (!needed.met) return needed;
  const folder = Deno.makeTempDirSync({ prefix: "coffer-mount-" });
  try {
    const met = works("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder) && works("umount", folder);
    return { what: "the right to mount", met };
  } finally {
    Deno.removeSync(folder);
  }
})();

/** A program that is installed. */
export function installed(program: string, ...args: string[]): Need {
  return { what: program, met: works(program, ...args) };
}

/** Declares a test that needs something; without it the test is skipped, and says why. */
export function testWith(need: Need | readonly Need[], name: string, body: () => Promise<void>): void {
  const { what, met } = all(...[need].flat());
  if (!met) console.warn(`skipped: "${name}" needs ${what}`);
  Deno.test({ name, ignore: !met, fn: body });
}

/** Calls `use` with an empty folder that is removed afterwards, whatever modes it got. */
export async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "coffer-e2e-" }));
  try {
    await use(folder);
  } finally {
    removeTree(folder);
  }
}

/** Calls `use` with a small file system of its own, mounted below `folder`; it needs {@linkcode MOUNT}. */
export async function onSmallDisk(
  folder: string,
  size: string,
  use: (mounted: string) => Promise<void>,
): Promise<void> {
  const mounted = `${folder}/disk`;
  Deno.mkdirSync(mounted);
  if (!works("mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs", mounted)) {
    throw new Error(`Cannot mount "${mounted}"`);
  }
  try {
    await use(mounted);
  } finally {
    if (!works("umount", mounted)) works("umount", "-l", mounted);
  }
}
