/** Entries as the library's users see them: what goes into an archive, and what is known of what is in one. */
import type { PlannedEntry } from "../archive/planner.ts";
import type { Bytes } from "../engine/engine.ts";
import { encodeUtf8 } from "../format/bytes.ts";
import type { EntryKind, Owner, Row, Time } from "../format/row.ts";
import { byteIntake, type Intake, isValues, type Values } from "./intake.ts";

/** Who owns an entry: numbers, and names where they are known. */
export interface EntryOwner {
  /** User id, a whole number of at least 0. */
  readonly uid: number;
  /** Group id, a whole number of at least 0. */
  readonly gid: number;
  /** User name; at most 255 bytes. */
  readonly user?: string | undefined;
  /** Group name; at most 255 bytes. */
  readonly group?: string | undefined;
}

/**
 * A file's content: text (stored as UTF-8), bytes, a `Blob`, or a stream or iterable of chunks of bytes of any length.
 * A stream is read when its turn comes, and cancelled when the archive is given up before that.
 */
export type EntryContent =
  | string
  | Uint8Array
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>;

/** One entry to store. */
export interface Entry {
  /**
   * Relative path with `/` between its parts, none of which is empty, `.` or `..`; at most 4,096 bytes, each part at
   * most 255. The folders above it need no entries of their own.
   */
  readonly path: string;
  /** What it is; `"file"` unless given. */
  readonly kind?: EntryKind | undefined;
  /** A file's content: required for files, not allowed for anything else. An empty file has `""`. */
  readonly content?: EntryContent | undefined;
  /**
   * Where a link leads: a symlink's target as it is, at most 4,096 bytes, or the path of an earlier file of the same
   * archive, of which a hardlink is another name. Required for links, not allowed for anything else.
   */
  readonly link?: string | undefined;
  /** Permission bits, 0 to 0o7777; unless given 0o644, for directories 0o755, for symlinks 0o777. */
  readonly mode?: number | undefined;
  /** Time of last modification, to the millisecond; the time the archive was begun unless given. */
  readonly mtime?: Date | undefined;
  /** Its owner; not stored unless given. */
  readonly owner?: EntryOwner | undefined;
}

/** What an archive says about one of its entries. */
export interface EntryInfo {
  /**
   * Relative path with `/` between its parts, none of which is empty, `.` or `..`; `.` alone stands for the folder that
   * the paths are relative to. What other characters mean to a system, such as `\` and `:` to Windows, is not looked
   * at.
   */
  readonly path: string;
  /** What it is. */
  readonly kind: EntryKind;
  /** Bytes of a file's content; 0 for everything else. */
  readonly size: number;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  /** Time of last modification, to the millisecond. */
  readonly mtime: Date;
  /** Its owner, where the archive has one. */
  readonly owner: EntryOwner | undefined;
  /**
   * A symlink's target, which may lead anywhere and must not be followed without thought, or the path of the file that
   * a hardlink is another name of; `undefined` for everything else.
   */
  readonly link: string | undefined;
  /** Whether the file changed while it was stored, so that its content may mix two states. */
  readonly changed: boolean;
}

const DEFAULT_MODES: Readonly<Record<EntryKind, number>> = {
  file: 0o644,
  directory: 0o755,
  symlink: 0o777,
  hardlink: 0o644,
  fifo: 0o644,
};

/** What the format says of an entry, as users see it. */
export function infoOf(row: Row): EntryInfo {
  const { path, kind, size, mode, mtime, owner, link, changed } = row;
  return {
    path,
    kind,
    size,
    mode,
    mtime: new Date(mtime.seconds * 1000 + Math.floor(mtime.nanoseconds / 1_000_000)),
    owner: owner === undefined ? undefined : ownerInfo(owner),
    link: link === "" ? undefined : link,
    changed,
  };
}

function ownerInfo({ uid, gid, user, group }: Owner): EntryOwner {
  return { uid, gid, ...(user === "" ? {} : { user }), ...(group === "" ? {} : { group }) };
}

/**
 * A date as the format has it.
 *
 * @throws {TypeError} for an invalid date; `what` names it.
 */
export function timeOf(date: Date, what: string): Time {
  const ms = date.getTime();
  if (Number.isNaN(ms)) throw new TypeError(`Cannot store ${what}: it is an invalid date`);
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanoseconds: (ms - seconds * 1000) * 1_000_000 };
}

/** Entries as the core plans them. `now` is the time of those that have none. */
export async function* plannedEntries(
  entries: Intake<Entry>,
  now: Time,
  signal: AbortSignal,
): AsyncGenerator<PlannedEntry> {
  for await (const entry of entries) {
    const known = repeatableContent(entry, signal);
    if (known !== undefined) {
      const { size, bytes } = known;
      yield { row: { ...rowOf(entry, now), size }, content: { kind: "bytes", bytes, repeatable: true } };
      continue;
    }
    const bytes = streamedContent(entry, signal);
    try {
      const row = rowOf(entry, now);
      yield { row, content: bytes === undefined ? undefined : { kind: "bytes", bytes } };
    } finally {
      // Whether its turn has not come or it stopped half-way: a stream is not left open.
      await bytes?.return();
    }
  }
}

function rowOf(entry: Entry, now: Time): Row {
  const { path, kind = "file", content, link = "", mode, mtime, owner } = entry;
  const quoted = JSON.stringify(path);
  if (typeof path !== "string") throw new TypeError("Cannot store an entry: its path is not a string");
  if (!Object.hasOwn(DEFAULT_MODES, kind)) throw new TypeError(`Cannot store ${quoted}: there is no kind "${kind}"`);
  if (kind === "file" && content === undefined) throw new TypeError(`Cannot store ${quoted}: a file needs content`);
  return {
    path,
    kind,
    mode: mode ?? DEFAULT_MODES[kind],
    size: 0,
    mtime: mtime === undefined ? now : timeOf(mtime, `the time of ${quoted}`),
    ctime: 0,
    dev: 0,
    inode: 0,
    owner: owner === undefined
      ? undefined
      : { uid: owner.uid, gid: owner.gid, user: owner.user ?? "", group: owner.group ?? "" },
    link,
    changed: false,
    contentHash: undefined,
  };
}

/** Content that can be read again, and how long it is. */
function repeatableContent(
  { path, content }: Entry,
  signal: AbortSignal,
): { readonly size: number; readonly bytes: AsyncIterable<Bytes> | readonly Bytes[] } | undefined {
  if (content instanceof Uint8Array) return { size: content.length, bytes: [content] };
  if (content instanceof Blob) {
    return { size: content.size, bytes: { [Symbol.asyncIterator]: () => byteIntake(content.stream(), signal) } };
  }
  if (typeof content !== "string") return undefined;
  if (!content.isWellFormed()) {
    throw new TypeError(`Cannot store ${JSON.stringify(path)}: its content is not well-formed Unicode`);
  }
  const bytes = encodeUtf8(content);
  return { size: bytes.length, bytes: [bytes] };
}

function streamedContent({ path, content }: Entry, signal: AbortSignal): Intake<Bytes> | undefined {
  if (content === undefined) return undefined;
  if (isValues(content)) return byteIntake(content as Values<Bytes>, signal);
  throw new TypeError(`Cannot store ${JSON.stringify(path)}: its content is neither text nor bytes nor a stream`);
}
