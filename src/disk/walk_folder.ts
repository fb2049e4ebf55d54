/** The folders a walk is in: opened once, listed, and reached by descriptor where the platform allows it. */
import { comparePaths } from "../format/path.ts";
import { fileContent } from "./content.ts";
import { descriptorPath, descriptorsWork, reach } from "./descriptors.ts";
import { files } from "./files.ts";
import type { FolderReport, ReportReader } from "./folder_reports.ts";
import { libc } from "./libc.ts";
import { isFolder, type Look, lookAtDescriptor, lookFrom, lookIn, systemLook } from "./look.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "./open_flags.ts";
import type { SystemStatus } from "./system_status.ts";

/** Folders of one walk that keep their descriptor; deeper ones give it back while something below them is walked. */
const MAX_DESCRIPTORS = 128;

/** What a scout tells of folders. */
export type Reports = Pick<ReportReader, "take" | "takeMore" | "giveBack">;

/** How every CACHEDIR.TAG begins (https://bford.info/cachedir/). */
const CACHE_SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55";
const CACHE_TAG = "CACHEDIR.TAG";

/** Which folder was meant: what a look at the name said before it was opened. */
interface Expected {
  readonly dev: number;
  readonly ino: number | null;
}

/**
 * One folder on the way from a root down. With descriptors, all below is reached through the folder that was looked
 * at: somebody who swaps a folder for a symlink in the middle of a walk does not get other files into the archive.
 */
export class WalkFolder implements Disposable {
  /** The path that its entries are opened by: a plain one, with its separator. */
  readonly location: string;
  /** Its own stored path. */
  readonly stored: string;
  /** What goes before the stored names of its entries: `a/b/`, or nothing for the root `.`. */
  readonly storedPrefix: string;
  /** Names in it, in path order; set by {@linkcode list}. */
  names: readonly string[] = [];
  /** The place in {@linkcode names} of what comes next. */
  next = 0;
  /** Device number of the folder. */
  readonly dev: number;
  readonly #parent: WalkFolder | undefined;
  readonly #name: string;
  readonly #depth: number;
  readonly #expected: Expected;
  readonly #follow: boolean;
  #descriptor: number | undefined;
  readonly #reports: Reports | undefined;
  #report: FolderReport | undefined;

  /**
   * Opens a folder: `name` in `parent`, or the location `name` of a root. `follow` says whether the name may be a
   * symlink. Where there is a report on it, it is opened only when something in it has to be reached.
   */
  constructor(
    parent: WalkFolder | undefined,
    name: string,
    stored: string,
    expected: Expected,
    follow: boolean,
    reports?: Reports,
  ) {
    this.#parent = parent;
    this.#name = name;
    this.#depth = parent === undefined ? 0 : parent.#depth + 1;
    this.#expected = expected;
    this.#follow = follow;
    this.location = withSeparator(parent === undefined ? name : parent.location + name);
    this.storedPrefix = stored === "." ? "" : `${stored}/`;
    this.dev = expected.dev;
    this.#reports = reports;
    this.stored = stored;
    // Opening one opens those above it that are not open yet: of no more than so many.
    if (this.#depth < MAX_DESCRIPTORS) this.#report = this.#ofThis(reports?.take(stored));
    if (this.#report === undefined) this.#open();
  }

  /** Whether the walk began with it. */
  get isRoot(): boolean {
    return this.#parent === undefined;
  }

  /** A path for the system to the entry `name`; valid until the next folder is opened or left. */
  reach(name: string): string {
    if (!descriptorsWork()) return this.location + name;
    return `${descriptorPath(this.descriptor)}/${name}`;
  }

  /** Its descriptor. Only where {@linkcode descriptorsWork}. */
  get descriptor(): number {
    this.#beOpen();
    return this.#descriptor!;
  }

  /** The status of the entry `name`, symlinks not followed. */
  look(name: string): Look {
    if (!descriptorsWork()) return lookFrom(Deno.lstatSync(this.location + name));
    return lookIn(this.descriptor, name);
  }

  /**
   * The same for one of whom {@linkcode status} said this. What is to be read is looked at again where that came from a
   * report: between the look at a file and its content there should be no time.
   */
  lookAgain(name: string, status: SystemStatus): Look {
    return this.#report?.statuses === undefined || isFolder(status) ? systemLook(status) : this.look(name);
  }

  /** The status of the entry `name`, at that place in {@linkcode names}, where it can be had at once. */
  status(name: string, at: number): SystemStatus | undefined {
    const statuses = this.#report?.statuses;
    if (statuses !== undefined) return statuses.at(at);
    return this.#descriptor === undefined ? undefined : libc()?.statusAt(this.#descriptor, name);
  }

  /** Reads the names. */
  list(): void {
    this.next = 0;
    if (this.#report !== undefined) {
      this.names = this.#report.names;
      return;
    }
    const plain = descriptorsWork() ? libc()?.list(this.descriptor) : undefined;
    const names = plain ?? Array.from(Deno.readDirSync(this.reach("")), (entry) => entry.name);
    // Up to U+D7FF the order of UTF-16 units is path order, and sorting without a callback is much faster.
    const beyond = plain === undefined && names.some((name) => /[\ud800-\uffff]/.test(name));
    this.names = beyond ? names.sort(comparePaths) : names.sort();
  }

  /** Reads on where {@linkcode names} are only a part of all; false when there are no more. */
  readOn(): boolean {
    if (this.#report?.more !== true) return false;
    const last = this.names.at(-1) as string;
    this.#dropReport();
    this.#report = this.#ofThis(this.#reports?.takeMore(this.stored));
    if (this.#report !== undefined && this.#report.statuses === undefined) this.#beOpen();
    this.list();
    // Listed anew, it begins with what has been given.
    if (this.#report === undefined) this.names = this.names.filter((name) => comparePaths(name, last) > 0);
    return true;
  }

  /** A report, if it is on the folder that was meant. */
  #ofThis(report: FolderReport | undefined): FolderReport | undefined {
    return report?.dev === this.#expected.dev && report.ino === this.#expected.ino ? report : undefined;
  }

  /** Whether it is marked as a cache; then the tag is all that is left of its names. */
  keepOnlyCacheTag(): boolean {
    if (!this.names.includes(CACHE_TAG)) return false;
    const bytes = new Uint8Array(CACHE_SIGNATURE.length);
    try {
      const tag = fileContent.open(this.reach(CACHE_TAG));
      try {
        tag.status();
        tag.read(0, bytes);
      } finally {
        tag.close();
      }
    } catch {
      // A tag that cannot be read marks nothing; that it cannot be read is said when it is archived itself.
      return false;
    }
    if (new TextDecoder().decode(bytes) !== CACHE_SIGNATURE) return false;
    this.names = [CACHE_TAG];
    this.#dropReport();
    return true;
  }

  /** Gives the descriptor back. */
  [Symbol.dispose](): void {
    this.#dropReport();
    this.#close();
  }

  #dropReport(): void {
    if (this.#report !== undefined) this.#reports?.giveBack(this.#report);
    this.#report = undefined;
  }

  #beOpen(): void {
    if (this.#descriptor === undefined) this.#open();
  }

  #open(): void {
    if (!descriptorsWork()) return;
    const flags = O_RDONLY | O_DIRECTORY | (this.#follow ? 0 : O_NOFOLLOW);
    const parent = this.#parent;
    this.#descriptor = parent === undefined
      ? reach(this.#name, (there) => files.open(there, flags))
      : files.open(parent.reach(this.#name), flags);
    try {
      const info = lookAtDescriptor(this.#descriptor);
      if (info.dev !== this.#expected.dev || info.ino !== this.#expected.ino) {
        throw new TypeError("it was replaced by another folder meanwhile");
      }
    } catch (error) {
      this.#close();
      throw error;
    }
    if (parent !== undefined && parent.#depth >= MAX_DESCRIPTORS) parent.#close();
  }

  #close(): void {
    if (this.#descriptor === undefined) return;
    files.close(this.#descriptor);
    this.#descriptor = undefined;
  }
}

function withSeparator(location: string): string {
  return location.endsWith("/") ? location : `${location}/`;
}
