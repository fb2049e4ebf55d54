/**
 * Rows on their way between threads. A clone of thousands of row objects costs more than reading their files, so they
 * travel as one array of numbers and a few long strings.
 */
import type { Bytes } from "../engine/engine.ts";
import { ENTRY_KINDS, type EntryKind, type Owner, type Row } from "../format/row.ts";

/** Rows in transit. */
export interface RowColumns {
  /** {@linkcode ROW_NUMBERS} for each row. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** Paths, joined by NUL, which no path holds. */
  readonly paths: string;
  /** Link targets, joined by NUL; empty when no row has one. */
  readonly links: string;
  /** The different owners. */
  readonly owners: readonly Owner[];
  /** Content hashes by the index of their row. */
  readonly hashes: readonly (readonly [index: number, hash: Bytes])[];
}

/** Numbers for each row. */
const ROW_NUMBERS = 9;
const SEPARATOR = "\0";

/** Packs rows. */
export function packRows(rows: readonly Row[]): RowColumns {
  const numbers = new Float64Array(rows.length * ROW_NUMBERS);
  const owners: Owner[] = [];
  const hashes: [number, Bytes][] = [];
  let lastOwner: Owner | undefined;
  let lastIndex = 0;
  let anyLink = false;
  for (const [i, row] of rows.entries()) {
    const { owner, mtime } = row;
    if (owner !== lastOwner) {
      lastOwner = owner;
      lastIndex = owner === undefined ? 0 : owners.indexOf(owner) + 1;
      if (owner !== undefined && lastIndex === 0) lastIndex = owners.push(owner);
    }
    const at = i * ROW_NUMBERS;
    numbers[at] = ENTRY_KINDS.indexOf(row.kind) * 2 + (row.changed ? 1 : 0);
    numbers[at + 1] = row.mode;
    numbers[at + 2] = row.size;
    numbers[at + 3] = mtime.seconds;
    numbers[at + 4] = mtime.nanoseconds;
    numbers[at + 5] = row.ctime;
    numbers[at + 6] = row.dev;
    numbers[at + 7] = row.inode;
    numbers[at + 8] = lastIndex;
    anyLink ||= row.link !== "";
    if (row.contentHash !== undefined) hashes.push([i, row.contentHash]);
  }
  return {
    numbers,
    paths: rows.map((row) => row.path).join(SEPARATOR),
    links: anyLink ? rows.map((row) => row.link).join(SEPARATOR) : "",
    owners,
    hashes,
  };
}

/** The rows that were packed. */
export function unpackRows({ numbers, paths, links, owners, hashes }: RowColumns): Row[] {
  if (numbers.length === 0) return [];
  const targets = links === "" ? undefined : links.split(SEPARATOR);
  const hashOf = new Map(hashes);
  const number = (at: number) => numbers[at] as number;
  return paths.split(SEPARATOR).map((path, i): Row => {
    const at = i * ROW_NUMBERS;
    const kindAndFlag = number(at);
    return {
      path,
      kind: ENTRY_KINDS[Math.floor(kindAndFlag / 2)] as EntryKind,
      mode: number(at + 1),
      size: number(at + 2),
      mtime: { seconds: number(at + 3), nanoseconds: number(at + 4) },
      ctime: number(at + 5),
      dev: number(at + 6),
      inode: number(at + 7),
      owner: owners[number(at + 8) - 1],
      link: targets?.[i] ?? "",
      changed: kindAndFlag % 2 === 1,
      contentHash: hashOf.get(i),
    };
  });
}
