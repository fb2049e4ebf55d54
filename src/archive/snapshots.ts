/** The snapshots of an archive, and which of them is meant. */
import type { Bytes } from "../engine/engine.ts";
import type { ListedSnapshot } from "../format/snapshot_table.ts";
import { physicalLength } from "../recovery/geometry.ts";
import type { Segments } from "./segments.ts";

/**
 * Which snapshot: the newest, the first, the one of a number counted from 1, or the one whose id begins with these
 * hexadecimal digits, at least 4 of them.
 */
export type SnapshotChoice =
  | { readonly kind: "latest" }
  | { readonly kind: "first" }
  | { readonly kind: "number"; readonly number: number }
  | { readonly kind: "id"; readonly digits: string };

/** A snapshot, as an archive lists it. */
export interface Snapshot extends ListedSnapshot {
  /** Counted from 1. */
  readonly number: number;
  /** SHA-256 of its locator; 32 bytes. */
  readonly id: Bytes;
  /** Bytes that it added to the archive. */
  readonly addedBytes: number;
}

/** No snapshot of an archive is the one that was meant, or several are. */
export class SnapshotError extends Error {
  /** `"SnapshotError"`. */
  override readonly name = "SnapshotError";
}

/** Lists all snapshots, the oldest first. */
export async function* listSnapshots(segments: Segments): AsyncGenerator<Snapshot, undefined, undefined> {
  const count = segments.newest.locator.segment.number + 1;
  for (let number = 0; number < count; number++) {
    const { locator, id } = await segments.get(number);
    const { time, label, totals, partial } = await segments.snapshot(number);
    const addedBytes = physicalLength(segments.recovery, locator.length);
    yield { number: number + 1, id, time, label, totals, partial, addedBytes };
  }
}

/**
 * The number of the segment that holds a snapshot.
 *
 * @throws {SnapshotError} when there is none, or more than one.
 */
export async function chooseSnapshot(segments: Segments, choice: SnapshotChoice): Promise<number> {
  const newest = segments.newest.locator.segment.number;
  switch (choice.kind) {
    case "latest":
      return newest;
    case "first":
      return 0;
    case "number":
      if (Number.isInteger(choice.number) && choice.number >= 1 && choice.number <= newest + 1) {
        return choice.number - 1;
      }
      throw new SnapshotError(
        `Cannot find snapshot ${choice.number}: the archive has ${newest === 0 ? "one" : `1 to ${newest + 1}`}`,
      );
    case "id":
      return await byId(segments, choice.digits.toLowerCase());
  }
}

async function byId(segments: Segments, digits: string): Promise<number> {
  const found: number[] = [];
  for (let number = segments.newest.locator.segment.number; number >= 0; number--) {
    const { id } = await segments.get(number);
    if (hex(id).startsWith(digits)) found.push(number);
  }
  const [only, another] = found;
  if (only === undefined) throw new SnapshotError(`Cannot find snapshot "${digits}": no id begins like that`);
  if (another !== undefined) throw new SnapshotError(`Cannot find snapshot "${digits}": several ids begin like that`);
  return only;
}

function hex(bytes: Bytes): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
