/** An entry of a piped archive while it passes: its content can be read now or never. */
import type { BlockEntry } from "../format/block.ts";
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import type { EntryKind, Row, Slice } from "../format/row.ts";
import { type EntryInfo, infoOf } from "./entry.ts";
import { handled, zeros } from "./outlet.ts";

/**
 * An entry of a piped archive. Every byte of it has been authenticated, but **nothing of it is confirmed before the
 * iteration has ended without an error**: the archive may turn out to be cut, or not to have the entry (see
 * {@linkcode DroppedEntry}). Keep what is made of it under a provisional name until then.
 */
export interface StreamedEntry {
  /** Tells it from the other items. */
  readonly type: "entry";
  /** Relative path, as in {@linkcode EntryInfo.path}. */
  readonly path: string;
  /** What it is. */
  readonly kind: EntryKind;
  /**
   * A file's content, holes as zeros; empty for everything else. It passes: once the next item has been asked for, what
   * has not been read is gone, and the stream errors with a `TypeError`. It errors with an {@linkcode
   * EntryDroppedError} when the archive does not have the rest, and otherwise as the iteration does.
   */
  readonly content: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * What the archive says about it. Of a large file that is known behind its content: while somebody reads the content
   * this waits for the end of it, and otherwise skips it.
   *
   * @throws {EntryDroppedError} when the archive does not have the rest of it.
   */
  info(): Promise<EntryInfo>;
}

/**
 * A file of a piped archive breaks off, and the archive knows: the file could not be read to its end when the archive
 * was made. The archive as a whole may be good; reading goes on with the next item.
 */
export class EntryDroppedError extends Error {
  /** `"EntryDroppedError"`. */
  override readonly name = "EntryDroppedError";
  /** The entry's path. */
  readonly path: string;

  /** Creates an error about the entry at `path`. */
  constructor(path: string) {
    super(`Cannot read ${JSON.stringify(path)}: the archive does not have the rest of it`);
    this.path = path;
  }
}

/** One entry's share of one block. The data is good until the next part is taken. */
export interface Part {
  readonly type: "slices";
  readonly entry: BlockEntry;
  readonly data: Bytes;
}

/** Anything that {@linkcode PartQueue} passes on. */
interface Other {
  readonly type: "dropped" | "end";
}

/** The parts of all entries in the order of the archive, one of them looked at ahead. */
export class PartQueue<T extends Other = Other> {
  readonly #parts: AsyncGenerator<Part | T, undefined, undefined>;
  #ahead: Part | T | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** Takes parts from a generator; its owner ends it. */
  constructor(parts: AsyncGenerator<Part | T, undefined, undefined>) {
    this.#parts = parts;
  }

  /** The next part, which stays the next one; `undefined` at the end. After an error every call throws it. */
  async peek(): Promise<Part | T | undefined> {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#ahead !== undefined) return this.#ahead;
    try {
      return this.#ahead = (await this.#parts.next()).value;
    } catch (error) {
      // A generator that has thrown says it is at its end when it is asked again.
      this.#failure = { error };
      throw error;
    }
  }

  /** Takes the next part; `undefined` at the end. */
  async take(): Promise<Part | T | undefined> {
    const part = await this.peek();
    this.#ahead = undefined;
    return part;
  }
}

/** {@linkcode StreamedEntry} over the parts of an archive. One operation on it is under way at a time. */
export class PassingEntry implements StreamedEntry {
  readonly type = "entry";
  readonly path: string;
  readonly kind: EntryKind;
  readonly #parts: PartQueue;
  #part: Part;
  #nextSlice = 0;
  /** Where reading is in the file. */
  #position = 0;
  /** Where the last slice that has come ends in the file; 0 when none has. */
  #end: number;
  #gone = false;
  #failure: unknown;
  #content: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #cancelled = false;
  readonly #row = handled<Row>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: PartQueue, first: Part) {
    const { row, provisional, slices } = first.entry;
    this.#parts = parts;
    this.#part = first;
    this.path = row.path;
    this.kind = row.kind;
    this.#end = endOf(slices, 0);
    if (!provisional) this.#row.resolve(row);
  }

  get content(): ReadableStream<Uint8Array<ArrayBuffer>> {
    // Made when it is asked for: most entries of a large tree are small, and many are not read.
    return this.#content ??= new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
        if (this.#gone) controller.error(this.#passedError());
      },
      pull: (controller) => this.#exclusively(() => this.#pull(controller)),
      cancel: () => {
        this.#cancelled = true;
      },
    }, { highWaterMark: 0 });
  }

  async info(): Promise<EntryInfo> {
    const isRead = this.#content?.locked === true && !this.#cancelled;
    if (!isRead) await this.#exclusively(() => this.#skip());
    return infoOf(await this.#row.promise);
  }

  /**
   * Goes past what is left of it. Returns false when it turned out to be dropped and none of it had bytes: the archive
   * has no word on such an entry.
   *
   * @throws what reading on throws, but for {@linkcode EntryDroppedError}.
   */
  leave(): Promise<boolean> {
    return this.#exclusively(async () => {
      try {
        await this.#skip();
      } catch (error) {
        this.#lose(error);
        throw error;
      }
      this.#lose();
      return this.#failure === undefined || this.#end > 0;
    });
  }

  /** Ends it without reading on, when the iteration ends. */
  close(): Promise<void> {
    return this.#exclusively(() => {
      this.#lose();
      this.#row.reject(this.#passedError());
    });
  }

  #passedError(): TypeError {
    return new TypeError(`Cannot read ${JSON.stringify(this.path)}: its content has passed`);
  }

  /**
   * Content that has not been read by now cannot be read any more. Errors cost more than most entries, so few are made.
   */
  #lose(reason?: unknown): void {
    this.#gone = true;
    this.#controller?.error(reason ?? this.#passedError());
  }

  /** Content is pulled by one party and skipped by another: each waits for the other. */
  #exclusively<T>(operation: () => Promise<T> | T): Promise<T> {
    const result = this.#turn.then(operation);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>): Promise<void> {
    if (this.#gone) return;
    const chunk = await this.#chunk();
    if (this.#cancelled) return;
    if (chunk !== undefined) {
      controller.enqueue(chunk);
      return;
    }
    controller.close();
    this.#controller = undefined;
  }

  /** The next bytes, copied; `undefined` at the end. */
  async #chunk(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (;;) {
      const { entry, data } = this.#part;
      const slice = entry.slices[this.#nextSlice];
      if (slice !== undefined) {
        if (slice.fileOffset > this.#position) return this.#hole(slice.fileOffset);
        this.#nextSlice++;
        this.#position += slice.length;
        return new Uint8Array(data.subarray(slice.dataOffset, slice.dataOffset + slice.length));
      }
      if (!entry.provisional) {
        return this.#position < entry.row.size ? this.#hole(entry.row.size) : undefined;
      }
      await this.#goOn();
    }
  }

  #hole(end: number): Uint8Array<ArrayBuffer> {
    const hole = zeros(end - this.#position);
    this.#position += hole.length;
    return hole;
  }

  /** Goes past the parts that are left, their bytes unseen. */
  async #skip(): Promise<void> {
    if (this.#part.entry.provisional) this.#lose();
    try {
      while (this.#part.entry.provisional) await this.#goOn();
    } catch (error) {
      if (!(error instanceof EntryDroppedError)) throw error;
    }
  }

  /** Makes the next part the one at hand. After an error every call throws it. */
  async #goOn(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#take(await this.#parts.peek());
      await this.#parts.take();
    } catch (error) {
      this.#failure = error;
      this.#row.reject(error);
      throw error;
    }
  }

  #take(next: Part | Other | undefined): void {
    if (next?.type !== "slices" || next.entry.row.path !== this.path || next.entry.row.kind !== this.kind) {
      throw new EntryDroppedError(this.path);
    }
    const { row, provisional, slices } = next.entry;
    const start = slices[0]?.fileOffset ?? this.#end;
    if (start < this.#end || (!provisional && row.size < this.#end)) {
      const message = `Cannot accept ${JSON.stringify(this.path)}: its parts do not follow each other`;
      throw new ArchiveError("malformed", message, { path: this.path });
    }
    this.#part = next;
    this.#nextSlice = 0;
    this.#end = endOf(slices, this.#end);
    if (!provisional) this.#row.resolve(row);
  }
}

function endOf(slices: readonly Slice[], otherwise: number): number {
  const last = slices.at(-1);
  return last === undefined ? otherwise : last.fileOffset + last.length;
}
