/**
 * Files that were moved or renamed since a snapshot: what is new is held back until all that is gone is known. Both
 * lists of files are bounded; what does not fit is stored as any new file is.
 */
import type { Row } from "../format/row.ts";
import type { PlannedEntry } from "./planner.ts";

/** Files of each of the two lists, at most. */
const MAX_FILES = 65_536;
/** Files of one size and time whose content is compared with a new one's, at most. */
const MAX_CANDIDATES = 4;

/** What may have moved, and from where. */
export class Moves {
  readonly #lost = new Map<string, Row[]>();
  #count = 0;
  #held: PlannedEntry[] = [];
  /** Paths of the files among them. */
  readonly #heldPaths = new Set<string>();

  /** Takes a file whose path has it no more. */
  lose(row: Row): void {
    if (row.kind !== "file" || row.size === 0 || row.changed || this.#count >= MAX_FILES) return;
    const name = likeness(row);
    const list = this.#lost.get(name);
    if (list === undefined) this.#lost.set(name, [row]);
    else list.push(row);
    this.#count++;
  }

  /**
   * Holds a new entry back, if it may be a file that was moved, or is another name for one: when the file cannot be
   * read in the end, there is nothing that the name could stand for.
   */
  hold(entry: PlannedEntry): boolean {
    const { row, content } = entry;
    const isLink = row.kind === "hardlink" && this.#heldPaths.has(row.link);
    if (!isLink) {
      if (content?.kind !== "file" || row.size === 0 || this.#heldPaths.size >= MAX_FILES) return false;
      this.#heldPaths.add(row.path);
    }
    this.#held.push(entry);
    return true;
  }

  /** What was held back, in the order it came in; nothing is held any more. */
  release(): readonly PlannedEntry[] {
    const held = this.#held;
    this.#held = [];
    this.#heldPaths.clear();
    return held;
  }

  /** Files that may be the one of a row under its old name, the likeliest first. */
  candidates(row: Row): readonly Row[] {
    const list = this.#lost.get(likeness(row)) ?? [];
    const distance = (old: Row) => (old.inode === row.inode ? 0 : 2) + (nameOf(old) === nameOf(row) ? 0 : 1);
    return list.filter((old) => old.path !== row.path).sort((a, b) => distance(a) - distance(b))
      .slice(0, MAX_CANDIDATES);
  }
}

/** What moving a file leaves as it is, even to another disk. */
function likeness({ size, mtime }: Row): string {
  return `${size} ${mtime.seconds} ${mtime.nanoseconds}`;
}

function nameOf({ path }: Row): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
