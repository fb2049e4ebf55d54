/** Files to be restored on their way to a worker. */
import type { RowMark } from "../format/rows.ts";
import type { Extent, Row } from "../format/row.ts";
import { packRows, type RowColumns, unpackRows } from "./row_columns.ts";

/** Where a file's bytes go: into a new file in a folder, or into one that is open. */
export type FileGoal =
  | { readonly kind: "name"; readonly folder: number; readonly name: string }
  | { readonly kind: "descriptor"; readonly descriptor: number };

/** One file, or what one block holds of it. */
export interface FileShare {
  /** Its row in the catalog. */
  readonly row: Row;
  /** Its places in the block. */
  readonly extents: readonly Extent[];
  /** What a later update says of the row. */
  readonly mark: RowMark | undefined;
  readonly goal: FileGoal;
}

/** Files in transit. */
export interface PackedFiles {
  readonly rows: RowColumns;
  /** For each file: number of extents; number of its folder, or -1; descriptor, or -1; its mark. */
  readonly goals: Float64Array<ArrayBuffer>;
  /** For each extent: offset in the file, length, offset in the block's data; 1 when it is shared. */
  readonly extents: Float64Array<ArrayBuffer>;
  /** Names in folders, joined by NUL. */
  readonly names: string;
  /** What goes before a name, for each folder. */
  readonly prefixes: readonly string[];
}

const GOAL_NUMBERS = 4;
/** Marks by their number in a message. */
const MARKS: readonly (RowMark | undefined)[] = [undefined, "gone", "kept", "moved"];
const EXTENT_NUMBERS = 4;
const SEPARATOR = "\0";

/** Packs files. */
export function packFiles(files: readonly FileShare[], prefixes: readonly string[]): PackedFiles {
  const goals = new Float64Array(files.length * GOAL_NUMBERS);
  const extents = new Float64Array(files.reduce((sum, file) => sum + file.extents.length, 0) * EXTENT_NUMBERS);
  const names: string[] = [];
  let at = 0;
  for (const [i, { extents: list, goal, mark }] of files.entries()) {
    goals[i * GOAL_NUMBERS] = list.length;
    goals[i * GOAL_NUMBERS + 1] = goal.kind === "name" ? goal.folder : -1;
    goals[i * GOAL_NUMBERS + 2] = goal.kind === "name" ? -1 : goal.descriptor;
    goals[i * GOAL_NUMBERS + 3] = MARKS.indexOf(mark);
    if (goal.kind === "name") names.push(goal.name);
    for (const { fileOffset, length, dataOffset, shared } of list) {
      extents[at++] = fileOffset;
      extents[at++] = length;
      extents[at++] = dataOffset;
      extents[at++] = shared ? 1 : 0;
    }
  }
  return { rows: packRows(files.map((file) => file.row)), goals, extents, names: names.join(SEPARATOR), prefixes };
}

/** A file as the worker sees it. */
export interface UnpackedFile {
  readonly row: Row;
  readonly extents: readonly Omit<Extent, "block">[];
  readonly mark: RowMark | undefined;
  readonly goal:
    | { readonly kind: "name"; readonly prefix: string; readonly name: string }
    | { readonly kind: "descriptor"; readonly descriptor: number };
}

/** Files as a worker would see them, for a thread that needs no message. */
export function unpacked(files: readonly FileShare[], prefixes: readonly string[]): UnpackedFile[] {
  return files.map(({ goal, ...file }): UnpackedFile => ({
    ...file,
    goal: goal.kind === "descriptor"
      ? goal
      : { kind: "name", prefix: prefixes[goal.folder] as string, name: goal.name },
  }));
}

/** The files that were packed. */
export function unpackFiles({ rows, goals, extents, names, prefixes }: PackedFiles): UnpackedFile[] {
  const nameList = names.split(SEPARATOR);
  let nextName = 0;
  let at = 0;
  return unpackRows(rows).map((row, i): UnpackedFile => {
    const list: Omit<Extent, "block">[] = [];
    for (let left = goals[i * GOAL_NUMBERS] as number; left > 0; left--) {
      const [fileOffset = 0, length = 0, dataOffset = 0, shared = 0] = extents.subarray(at, at += EXTENT_NUMBERS);
      list.push({ fileOffset, length, dataOffset, ...(shared === 1 ? { shared: true } : {}) });
    }
    const folder = goals[i * GOAL_NUMBERS + 1] as number;
    const descriptor = goals[i * GOAL_NUMBERS + 2] as number;
    return {
      row,
      extents: list,
      mark: MARKS[goals[i * GOAL_NUMBERS + 3] as number],
      goal: folder < 0
        ? { kind: "descriptor", descriptor }
        : { kind: "name", prefix: prefixes[folder] as string, name: nameList[nextName++] as string },
    };
  });
}
