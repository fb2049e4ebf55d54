/**
 * A scout goes through a tree ahead of a walk, on another thread, and reports on each folder. To list folders and to
 * look at names is most of an update of which little has changed, and waits for memory more than it computes.
 *
 * A report is what the walk would have seen itself, a moment later. Where there is none, for whatever reason, the walk
 * looks itself and says what is wrong, so that a scout keeps quiet about all that fails.
 */
import { comparePaths } from "../format/path.ts";
import { reach } from "./descriptors.ts";
import { REPORTED_NAMES, ReportWriter } from "./folder_reports.ts";
import { type Libc, libc } from "./libc.ts";
import { STATUS_BYTES } from "./system_status.ts";
import { lookFrom } from "./look.ts";
import type { Root } from "./names.ts";
import { WalkFolder } from "./walk_folder.ts";

/** What a scout goes through. */
export interface ScoutTask {
  readonly roots: readonly Pick<Root, "stored" | "location">[];
  /** Whether to stay on each root's file system. */
  readonly oneFileSystem: boolean;
  /** Where it reports; see {@linkcode ReportWriter}. */
  readonly memory: SharedArrayBuffer;
}

/** A folder in a folder, as a look at its name found it. */
interface Below {
  readonly name: string;
  readonly dev: number;
  readonly ino: number;
  /** How many names it has, those that it has as `.` and as `..` of folders in it among them; 1 where nobody counts. */
  readonly nlink: number;
}

/** Names of a folder that has none in it. */
const LONE_FOLDER = 2;
/** Of names among which there are more folders than so many, a scout looks at each. */
const FEW_FOLDERS = 16;

/** Goes through a tree until its end, or until nobody reads what it reports. */
export function scout({ roots, oneFileSystem, memory }: ScoutTask): void {
  const calls = libc();
  const writer = new ReportWriter(memory);
  if (calls === undefined) return;
  writer.ready();
  if (!writer.begin()) return;
  const sorted = [...roots].sort((a, b) => comparePaths(a.stored, b.stored));
  for (const root of sorted) scoutRoot(root, oneFileSystem, calls, writer);
  writer.end();
}

function scoutRoot(
  { stored, location }: ScoutTask["roots"][number],
  oneFileSystem: boolean,
  calls: Libc,
  writer: ReportWriter,
): void {
  const follow = location.endsWith("/");
  const stack: { readonly folder: WalkFolder; readonly below: Iterator<Below> }[] = [];
  const enter = (parent: WalkFolder | undefined, name: string, path: string, below: Omit<Below, "name">) => {
    if (!writer.mayBeWanted(path) || (below.nlink === LONE_FOLDER && writer.leave(path, below))) return;
    const folder = new WalkFolder(parent, name, path, below, follow && parent === undefined);
    stack.push({ folder, below: reportOn(folder, path, below, calls, writer) });
  };
  try {
    const { kind, dev, ino, nlink } = lookFrom(reach(location, follow ? Deno.statSync : Deno.lstatSync));
    if (kind === "directory" && ino !== null) enter(undefined, location, stored, { dev, ino, nlink: nlink ?? 1 });
    for (let top = stack.at(-1); top !== undefined && !writer.stopped; top = stack.at(-1)) {
      const below = nextOf(top.below);
      if (below === undefined) stack.pop()?.folder[Symbol.dispose]();
      else if (!oneFileSystem || below.dev === dev) {
        quietly(() => enter(top.folder, below.name, top.folder.storedPrefix + below.name, below));
      }
    }
  } catch {
    // Of this root the walk will say what is wrong.
  } finally {
    for (const { folder } of stack) folder[Symbol.dispose]();
  }
}

/** The next folder in one; none where something is wrong, which the walk will say. */
function nextOf(below: Iterator<Below>): Below | undefined {
  return quietly(() => {
    const { done, value } = below.next();
    return done === true ? undefined : value;
  });
}

/** What it gives; nothing where something is wrong, which the walk will say. */
function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/**
 * Looks at the names in a folder, reports on it if that is wanted, and gives the folders in it as it comes to them.
 * Of a large folder it leaves a part to the walk when that has less to do, and with it the few folders in there.
 */
function* reportOn(
  folder: WalkFolder,
  path: string,
  { ino, nlink }: Omit<Below, "name">,
  calls: Libc,
  writer: ReportWriter,
): Generator<Below, void, undefined> {
  // Other names than plain ones are the walk's affair, but what is in folders called so is not.
  const plain = calls.list(folder.descriptor)?.sort();
  const all = plain ?? Array.from(Deno.readDirSync(folder.reach("")), (entry) => entry.name).sort(comparePaths);
  let from = 0;
  let folders = nlink - LONE_FOLDER;
  do {
    const names = all.slice(from, from + REPORTED_NAMES);
    const below: Below[] = [];
    const { descriptor, dev } = folder;
    const look = (into: Uint32Array): void => {
      for (let i = 0; i < names.length; i++) {
        const name = names[i] as string;
        const status = calls.keepStatus(descriptor, name, into, i);
        if (status !== undefined) below.push({ name, dev: status.dev, ino: status.inode, nlink: status.nlink });
      }
      folders -= below.length;
    };
    const part = { dev, ino, names, isPart: from > 0, more: from + names.length < all.length };
    const isLeft = from > 0 && folders <= FEW_FOLDERS && writer.mayLeave;
    const isReported = plain !== undefined && writer.isWanted(path) &&
      writer.report(path, part, isLeft ? undefined : look);
    if (!isReported) look(new Uint32Array(names.length * STATUS_BYTES / 4));
    yield* below;
    from += names.length;
  } while (from < all.length);
}
