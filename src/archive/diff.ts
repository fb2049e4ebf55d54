/** What differs between two lists of entries in path order: two snapshots, or a snapshot and something else. */
import { comparePaths } from "../format/path.ts";
import type { Owner, Row } from "../format/row.ts";

/** A value of an entry that can differ. */
export type ChangedField = "kind" | "content" | "link" | "mode" | "mtime" | "owner";

/**
 * What became of an entry. `kind` is one that is something else now; `content` one whose bytes or target changed,
 * whatever else did; `metadata` one of which only its mode, times or owner did.
 */
export type ChangeKind = "added" | "removed" | "kind" | "content" | "metadata";

/** One difference. */
export interface Change<A, B> {
  readonly path: string;
  readonly kind: ChangeKind;
  /** What differs; empty for what was added or removed. */
  readonly fields: readonly ChangedField[];
  /** How it was; `undefined` for what was added. */
  readonly before: A | undefined;
  /** How it is; `undefined` for what was removed. */
  readonly after: B | undefined;
}

/** Something with a row. */
export interface HasRow {
  readonly row: Row;
}

/**
 * Compares two lists of entries, each in path order and without a path twice. `sameContent` is asked about files of
 * equal size; it may have to read them. ctime, device and inode numbers are no differences: they are never restored.
 */
export async function* diffEntries<A extends HasRow, B extends HasRow>(
  before: AsyncIterable<A> | Iterable<A>,
  after: AsyncIterable<B> | Iterable<B>,
  sameContent: (before: A, after: B) => Promise<boolean> | boolean,
): AsyncGenerator<Change<A, B>> {
  const [old, now] = [iteratorOf(before), iteratorOf(after)];
  try {
    let [a, b] = [await take(old), await take(now)];
    while (a !== undefined || b !== undefined) {
      const order = a === undefined ? 1 : b === undefined ? -1 : comparePaths(a.row.path, b.row.path);
      if (order < 0 && a !== undefined) {
        yield { path: a.row.path, kind: "removed", fields: [], before: a, after: undefined };
        a = await take(old);
      } else if (order > 0 && b !== undefined) {
        yield { path: b.row.path, kind: "added", fields: [], before: undefined, after: b };
        b = await take(now);
      } else if (a !== undefined && b !== undefined) {
        const fields = await changedFields(a, b, sameContent);
        if (fields.length > 0) yield { path: a.row.path, kind: kindOf(fields), fields, before: a, after: b };
        [a, b] = [await take(old), await take(now)];
      }
    }
  } finally {
    await old.return?.();
    await now.return?.();
  }
}

async function changedFields<A extends HasRow, B extends HasRow>(
  before: A,
  after: B,
  sameContent: (before: A, after: B) => Promise<boolean> | boolean,
): Promise<ChangedField[]> {
  const { row: a } = before;
  const { row: b } = after;
  if (a.kind !== b.kind) return ["kind"];
  const fields: ChangedField[] = [];
  if (a.kind === "file" && (a.size !== b.size || !await sameContent(before, after))) fields.push("content");
  if (a.link !== b.link) fields.push("link");
  if (a.mode !== b.mode) fields.push("mode");
  if (a.mtime.seconds !== b.mtime.seconds || a.mtime.nanoseconds !== b.mtime.nanoseconds) fields.push("mtime");
  if (!equalOwners(a.owner, b.owner)) fields.push("owner");
  return fields;
}

function kindOf(fields: readonly ChangedField[]): ChangeKind {
  if (fields.includes("kind")) return "kind";
  return fields.includes("content") || fields.includes("link") ? "content" : "metadata";
}

/** Names and numbers alike: a file is restored to the owner of that name where there is one. */
function equalOwners(a: Owner | undefined, b: Owner | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.uid === b.uid && a.gid === b.gid && a.user === b.user && a.group === b.group;
}

function iteratorOf<T>(entries: AsyncIterable<T> | Iterable<T>): AsyncIterator<T> | Iterator<T> {
  return Symbol.asyncIterator in entries ? entries[Symbol.asyncIterator]() : entries[Symbol.iterator]();
}

async function take<T>(entries: AsyncIterator<T> | Iterator<T>): Promise<T | undefined> {
  const { value, done } = await entries.next();
  return done === true ? undefined : value;
}
