/** Files in memory that behave as badly as a test asks, and archives made of them. */
import type { Bytes, Engine } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { createArchive, type CreateOptions } from "../../src/archive/create.ts";
import type { PlannedEntry } from "../../src/archive/planner.ts";
import type { ContentAccess, ContentReader, ContentStatus } from "../../src/archive/source.ts";
import type { Sink, WrittenArchive } from "../../src/archive/writer.ts";
import { seededRandom, TEST_KEY } from "./archive_builder.ts";
import { type Item, joined } from "./archive_draft.ts";

/** What a file does when it is read; by default it is what its item says. */
export interface Behaviour {
  /** What it holds, if not what was planned. */
  readonly content?: Bytes;
  /** Throws when the slice at this offset is opened; `all` at every opening. */
  readonly failsAt?: number | "all";
  /** Most bytes that one read gives. */
  readonly readBytes?: number;
  /** What its status says after it was read, beside its content's length. */
  readonly status?: Partial<ContentStatus>;
}

/** What a file that cannot be read throws. */
export class MemoryFileError extends Error {
  override readonly name = "MemoryFileError";
}

/** Files in memory, by the paths of their items. */
export class MemoryFiles implements ContentAccess {
  /** Readers that were opened and not closed. */
  openReaders = 0;
  /** Paths in the order in which they were opened. */
  readonly opened: string[] = [];
  readonly #items: ReadonlyMap<string, Item>;
  readonly #behaviours: Readonly<Record<string, Behaviour>>;

  /** Takes the items that have content; `behaviours` are by path. */
  constructor(items: readonly Item[], behaviours: Readonly<Record<string, Behaviour>> = {}) {
    this.#items = new Map(items.map((item) => [item.row.path, item]));
    this.#behaviours = behaviours;
  }

  open(location: string): ContentReader {
    const item = this.#items.get(location);
    const behaviour = this.#behaviours[location] ?? {};
    if (item === undefined || behaviour.failsAt === "all") throw new MemoryFileError(`Cannot open "${location}"`);
    this.opened.push(location);
    this.openReaders++;
    const content = behaviour.content ?? item.content ?? new Uint8Array(0);
    const { mode, mtime, ctime, dev, inode } = item.row;
    return {
      read: (position, into) => {
        if (behaviour.failsAt === position) throw new MemoryFileError(`Cannot read "${location}" at ${position}`);
        const most = Math.min(into.length, behaviour.readBytes ?? into.length);
        const bytes = content.subarray(position, position + most);
        into.set(bytes);
        return bytes.length;
      },
      status: () => ({ size: content.length, mode, mtime, ctime, dev, inode, ...behaviour.status }),
      close: () => this.openReaders--,
    };
  }
}

/** Items as entries whose content is opened as files. */
export function asFiles(items: readonly Item[], sparse = false): PlannedEntry[] {
  return items.map(({ row, content }) => ({
    row,
    content: content === undefined ? undefined : { kind: "file", location: row.path, sparse },
  }));
}

/** Items as entries whose content is in memory, in pieces of `pieceBytes`. */
export function asBytes(items: readonly Item[], pieceBytes = 1000): PlannedEntry[] {
  return items.map(({ row, content }) => ({
    row: { ...row, size: 0 },
    content: content === undefined ? undefined : { kind: "bytes", bytes: pieces(content, pieceBytes) },
  }));
}

function* pieces(content: Bytes, length: number): Generator<Bytes> {
  for (let at = 0; at < content.length; at += length) yield content.subarray(at, at + length);
}

/** A sink that keeps what is written, and fails when it is told to. */
export class MemorySink implements Sink {
  readonly #pieces: Bytes[] = [];
  readonly #failsAt: number;

  /** Fails at the write of this number, counted from 0. */
  constructor(failsAt = Infinity) {
    this.#failsAt = failsAt;
  }

  /** Calls of `write` that were taken. */
  get writes(): number {
    return this.#pieces.length;
  }

  write(bytes: Bytes): void {
    if (this.#pieces.length >= this.#failsAt) throw new MemoryFileError("Cannot write: the disk is full");
    this.#pieces.push(bytes.slice());
  }

  /** Everything that was written. */
  bytes(): Bytes {
    return joined(...this.#pieces);
  }
}

/** A created archive as it stands in a file and as it went through a pipe. */
export interface CreatedArchive {
  readonly written: WrittenArchive;
  readonly known: Bytes;
  readonly streamed: Bytes;
}

/** Options of an archive that the test key opens and that comes out the same each time. */
export const FIXED_OPTIONS = {
  keys: [{ kind: "archive-key" as const, archiveKey: TEST_KEY }],
  time: { seconds: 1_700_000_000, nanoseconds: 0 },
} satisfies CreateOptions;

/** Creates an archive in memory. */
export async function createInMemory(
  entries: AsyncIterable<PlannedEntry> | Iterable<PlannedEntry>,
  options: Partial<CreateOptions> = {},
  engine: Engine = nativeEngine,
): Promise<CreatedArchive> {
  const sink = new MemorySink();
  const random = seededRandom(11);
  const written = await createArchive(engine, entries, sink, { ...FIXED_OPTIONS, random, ...options });
  const streamed = sink.bytes();
  const known = streamed.slice();
  known.set(written.header);
  return { written, known, streamed };
}
