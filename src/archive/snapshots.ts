/** The snapshots of an archive, and which of them is meant. */
import type { Bytes } from "../engine/engine.ts";
import { type ListedSnapshot, listedSnapshot } from "../format/snapshot_table.ts";
import { physicalLength } from "../recovery/geometry.ts";
import type { Segments } from "./segments.ts";

/**
 * Which snapshot: the `latest` is the newest complete one, the `newest` may be a checkpoint, and the `best` is a
 * checkpoint only when there is nothing else; the first, the one of a number counted from 1, or the one whose id begins
 * with these hexadecimal digits, at least 4 of them.
 */
export type SnapshotChoice =
  | { readonly kind: "latest" }
  | { readonly kind: "newest" }
  | { readonly kind: "best" }
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
    // A trailer has more than what is listed.
    const snapshot = listedSnapshot(await segments.snapshot(number));
    const addedBytes = physicalLength(segments.recovery, locator.length);
    yield { number: number + 1, id, addedBytes, ...snapshot };
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
    case "best": {
      const complete = await latestComplete(segments);
      if (complete === undefined && choice.kind === "latest") throw new UnfinishedError();
      return complete ?? newest;
    }
    case "newest":
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

/** The number of the segment that holds the newest snapshot that is no checkpoint; `undefined` when there is none. */
export async function latestComplete(segments: Segments): Promise<number | undefined> {
  for (let number = segments.newest.locator.segment.number; number >= 0; number--) {
    if (!(await segments.snapshot(number)).checkpoint) return number;
  }
  return undefined;
}

/** An archive has nothing but checkpoints: it was not written to its end. */
export class UnfinishedError extends SnapshotError {
  /** Creates one. */
  constructor() {
    super(
      "Cannot take the latest snapshot: the archive is unfinished, and has only what was stored before its writer was interrupted",
    );
  }
}

/** For what looks at any archive: of an unfinished one, the newest checkpoint is the latest. */
export function orBest(choice: SnapshotChoice): SnapshotChoice {
  return choice.kind === "latest" ? { kind: "best" } : choice;
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
