/** What the disk tests stand on: folders that go away again, rows, and programs that make what Deno cannot. */
import type { Row } from "../../src/format/row.ts";
import { systemCode } from "../../src/disk/system_error.ts";
import { removeTree } from "../../src/disk/target_place.ts";

/** Whether the tests run as root, who may mount and is kept out of nothing. */
export const IS_ROOT: boolean = Deno.build.os !== "windows" &&
  Deno.permissions.querySync({ name: "sys", kind: "uid" }).state === "granted" && Deno.uid() === 0;

/** Calls `use` with an empty folder that is removed afterwards, whatever modes it got. */
export function withFolder(use: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "coffer-test-" });
  try {
    use(folder);
  } finally {
    removeTree(folder);
  }
}

/** As {@linkcode withFolder}, for asynchronous tests. */
export async function withFolderAsync(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "coffer-test-" });
  try {
    await use(folder);
  } finally {
    removeTree(folder);
  }
}

/** Runs a program to its end; it must succeed. Returns what it printed. */
export function run(program: string, ...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(program, { args }).outputSync();
  if (!success) throw new Error(`${program} ${args.join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** A row with what a test does not care about filled in. */
export function rowOf(fields: Partial<Row>): Row {
  return {
    path: "file",
    kind: "file",
    mode: 0o644,
    size: 0,
    mtime: { seconds: 1_600_000_000, nanoseconds: 123_000_000 },
    ctime: 0,
    dev: 0,
    inode: 0,
    owner: undefined,
    link: "",
    changed: false,
    contentHash: undefined,
    ...fields,
  };
}

/** UTF-8. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Permission bits of a path itself, in octal. */
export function modeAt(path: string): string {
  return ((Deno.lstatSync(path).mode ?? 0) & 0o7777).toString(8);
}

/** Modification time of a path itself, in milliseconds. */
export function mtimeAt(path: string): number {
  return Deno.lstatSync(path).mtime?.getTime() ?? NaN;
}

/** The system's code of the error that a call throws; `undefined` when it throws none. */
export function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    return systemCode(error) ?? String(error);
  }
  return undefined;
}

/** Whether anything has a path. */
export function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** All paths below a folder, sorted, folders with a slash at the end. */
export function treeOf(folder: string, prefix = ""): string[] {
  const found: string[] = [];
  for (const entry of Deno.readDirSync(folder)) {
    found.push(prefix + entry.name + (entry.isDirectory ? "/" : ""));
    if (entry.isDirectory) found.push(...treeOf(`${folder}/${entry.name}`, `${prefix}${entry.name}/`));
  }
  return found.sort();
}
