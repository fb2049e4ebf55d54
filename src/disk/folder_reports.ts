/**
 * What a scout tells of the folders it has looked at, in memory that it shares with the walk that comes behind: a ring
 * of reports in path order, and a goal, before which no report is wanted. See `scout.ts`.
 */
import type { Bytes } from "../engine/engine.ts";
import { MAX_PATH_BYTES } from "../format/limits.ts";
import { comparePaths, isAtOrBelow, ROOT_PATH } from "../format/path.ts";
import { KeptStatuses, STATUS_BYTES } from "./system_status.ts";

/** One folder, or a part of a large one, as it was a moment ago. */
export interface FolderReport {
  readonly dev: number;
  readonly ino: number;
  /** Its names, in path order. */
  readonly names: readonly string[];
  /** The status of each, until they are given back; `undefined` when the scout left looking at them to the walk. */
  readonly statuses: KeptStatuses | undefined;
  /** Whether there are more names than these. */
  readonly more: boolean;
}

/** Names of one report; what lies in the folders among them comes before the next part. */
export const REPORTED_NAMES = 512;

/** Words that both sides look at; the walk sets `freed`, `goal` and `stopped`, the scout all others. */
const WORD = { written: 0, freed: 1, ready: 2, goal: 3, goalSeen: 4, goalBytes: 5, stopped: 6, ended: 7 } as const;
const WORDS_BYTES = 64;
const RING_START = WORDS_BYTES + MAX_PATH_BYTES;
/** Twenty-five thousand names: what the scout can be ahead. */
const RING_BYTES = 2 ** 22;
/** A report lies in one piece. */
const MAX_REPORT_BYTES = RING_BYTES / 2;
/** Reports begin at multiples of this, and what is written and freed is counted in it, modulo 2^32. */
const UNIT = 16;
/** Bytes of reports that are told of at once: waking another thread costs as much as looking at ten names. */
const BATCH_BYTES = 2 ** 14;
/** How long one side waits for the other before it looks whether it still should. */
const WAIT_MS = 100;
const HEAD_BYTES = 48;
/**
 * Numbers before the text of a report: its units (0: nothing up to the end of the ring), how long what is in it is,
 * whether it goes on with a folder, whether it is gone on with, and whether all there is to see is left to the walk.
 */
const HEAD = { units: 0, path: 1, names: 2, count: 3, isPart: 4, more: 5, left: 10 } as const;
/** Where the folder's numbers stand. */
const DEV_AT = 24;
const INO_AT = 32;

/** The memory in which a scout reports. */
export function reportMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(RING_START + RING_BYTES);
}

/** What so many bytes take in a report: what follows lies at a multiple of {@linkcode UNIT}. */
function rounded(bytes: number): number {
  return Math.ceil(bytes / UNIT) * UNIT;
}

/** The path of a name in a folder. */
function inFolder(folder: string, name: string): string {
  return folder === ROOT_PATH ? name : `${folder}/${name}`;
}

/** The scout's side. */
export class ReportWriter {
  readonly #memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #written = 0;
  #told = 0;
  #mayLeave = false;
  #goal = "";
  #seen = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
    this.#words = new Int32Array(memory, 0, WORDS_BYTES / 4);
  }

  /** Says that the scout is there. */
  ready(): void {
    Atomics.store(this.#words, WORD.ready, 1);
  }

  /** Waits to be told where to begin. False when nobody reads reports any more. */
  begin(): boolean {
    while (!this.stopped && Atomics.load(this.#words, WORD.goal) === 0) {
      Atomics.wait(this.#words, WORD.goal, 0, WAIT_MS);
    }
    return !this.stopped;
  }

  /** Whether nobody reads reports any more. */
  get stopped(): boolean {
    return Atomics.load(this.#words, WORD.stopped) !== 0;
  }

  /** Whether a folder, or something below it, may still be wanted. */
  mayBeWanted(path: string): boolean {
    return this.isWanted(path) || isAtOrBelow(this.#goal, path);
  }

  /** Whether a report on a folder may still be wanted. */
  isWanted(path: string): boolean {
    const goal = Atomics.load(this.#words, WORD.goal);
    if (goal !== this.#seen) {
      const length = Atomics.load(this.#words, WORD.goalBytes);
      this.#goal = this.#decoder.decode(new Uint8Array(this.#memory, WORDS_BYTES, length).slice());
      this.#seen = goal;
      Atomics.store(this.#words, WORD.goalSeen, goal);
    }
    return comparePaths(path, this.#goal) >= 0;
  }

  /**
   * Whether the walk has less to do than the scout: it had taken all reports when the last was told of, and that left
   * nothing to it.
   */
  get mayLeave(): boolean {
    return this.#mayLeave;
  }

  /** Leaves a folder to the walk, with all in it, if that has less to do. */
  leave(path: string, { dev, ino }: Pick<FolderReport, "dev" | "ino">): boolean {
    return this.#mayLeave && this.isWanted(path) &&
      this.report(path, { dev, ino, names: [], isPart: false, more: false }, undefined);
  }

  /**
   * Reports on a folder, or on a part of it. `look` puts down the status of each name, see {@linkcode KeptStatuses}.
   * Returns false when there is no room for such a report, ever, or nobody reads it any more; then it has not looked.
   * Without `look` that is left to the walk.
   */
  report(
    path: string,
    { dev, ino, names, isPart, more }: Omit<FolderReport, "statuses"> & { readonly isPart: boolean },
    look: ((into: Uint32Array) => void) | undefined,
  ): boolean {
    const pathBytes = this.#encoder.encode(path);
    const namesBytes = this.#encoder.encode(names.join("\0"));
    const textBytes = rounded(pathBytes.length + namesBytes.length);
    const statuses = look === undefined ? 0 : names.length;
    const length = rounded(HEAD_BYTES + textBytes + statuses * STATUS_BYTES);
    if (length > MAX_REPORT_BYTES || !this.#makeRoom(length)) return false;
    const start = RING_START + (this.#written * UNIT) % RING_BYTES;
    const head = new Uint32Array(this.#memory, start, HEAD_BYTES / 4);
    head[HEAD.units] = length / UNIT;
    head[HEAD.path] = pathBytes.length;
    head[HEAD.names] = namesBytes.length;
    head[HEAD.count] = names.length;
    head[HEAD.isPart] = isPart ? 1 : 0;
    head[HEAD.more] = more ? 1 : 0;
    head[HEAD.left] = look === undefined ? 1 : 0;
    new Float64Array(this.#memory, start + DEV_AT, 1)[0] = dev;
    new Float64Array(this.#memory, start + INO_AT, 1)[0] = ino;
    const text = new Uint8Array(this.#memory, start + HEAD_BYTES, textBytes);
    text.set(pathBytes);
    text.set(namesBytes, pathBytes.length);
    look?.(new Uint32Array(this.#memory, start + HEAD_BYTES + textBytes, names.length * STATUS_BYTES / 4));
    const mayWait = this.#pass(length);
    this.#mayLeave = mayWait && look !== undefined;
    if (look === undefined) this.tell();
    return true;
  }

  /** Tells of all that was reported. */
  tell(): void {
    this.#told = this.#written;
    Atomics.store(this.#words, WORD.written, this.#written | 0);
    Atomics.notify(this.#words, WORD.written);
  }

  /** Says that there will be no more. */
  end(): void {
    Atomics.store(this.#words, WORD.ended, 1);
    this.tell();
  }

  /** Returns whether the walk may be waiting: it has taken all that it was told of. */
  #pass(length: number): boolean {
    const mayWait = Atomics.load(this.#words, WORD.freed) === (this.#told | 0);
    this.#written = (this.#written + length / UNIT) % 2 ** 32;
    if (mayWait || ((this.#written - this.#told) >>> 0) * UNIT >= BATCH_BYTES) this.tell();
    return mayWait;
  }

  /** Waits until so many bytes are free in one piece from here on. */
  #makeRoom(length: number): boolean {
    const left = RING_BYTES - (this.#written * UNIT) % RING_BYTES;
    if (left < length) {
      if (!this.#waitFor(left)) return false;
      new Uint32Array(this.#memory, RING_START + RING_BYTES - left, 1)[HEAD.units] = 0;
      this.#pass(left);
    }
    return this.#waitFor(length);
  }

  #waitFor(length: number): boolean {
    for (;;) {
      const freed = Atomics.load(this.#words, WORD.freed);
      if (RING_BYTES - ((this.#written - freed) >>> 0) * UNIT >= length) return true;
      if (this.stopped) return false;
      this.tell();
      Atomics.wait(this.#words, WORD.freed, freed, WAIT_MS);
    }
  }
}

/** A report that has not been taken. */
interface NextReport {
  readonly start: number;
  readonly length: number;
  /** Its folder. */
  readonly path: string;
  /** The first name of a part that goes on with a folder. */
  readonly from: string | undefined;
}

/** The side of the walk. What there is no report on it looks at itself, so that nothing depends on the scout. */
export class ReportReader {
  readonly #memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #begun = false;
  #freed = 0;
  #next: NextReport | undefined;
  /** What was written when it was waited for in vain. */
  #stuckAt: number | undefined;
  #textBytes: Bytes = new Uint8Array(2 ** 12);
  /** Memory for statuses that is used again: fresh memory for each folder has the collector run all the time. */
  readonly #free: KeptStatuses[] = [];

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
    this.#words = new Int32Array(memory, 0, WORDS_BYTES / 4);
  }

  /** Has the scout begin with the first folder there is, before any is asked for. */
  start(): void {
    this.#aim("");
  }

  /**
   * The report on a folder, where there is one; it is waited for a moment. Asked for in path order, it says which
   * folders before are not wanted.
   */
  take(path: string): FolderReport | undefined {
    if (!this.#begun) {
      if (Atomics.load(this.#words, WORD.ready) === 0) return undefined;
      this.#begun = true;
      this.#aim(path);
    }
    return this.#find(path, ({ path: reported, from }) => {
      const order = comparePaths(from === undefined ? reported : inFolder(reported, from), path);
      return order === 0 && from !== undefined ? -1 : order;
    });
  }

  /** What goes on with a folder whose last report said that there is more. */
  takeMore(path: string): FolderReport | undefined {
    return this.#find(path, ({ path: reported, from }) => {
      if (reported === path) return from === undefined ? -1 : 0;
      return isAtOrBelow(reported, path) ? -1 : 1;
    });
  }

  /** The first report that is not before what is wanted, if it is that. */
  #find(wanted: string, compare: (next: NextReport) => number): FolderReport | undefined {
    for (;;) {
      const next = this.#next ??= this.#read();
      if (next === undefined) return undefined;
      const order = compare(next);
      if (order > 0) return undefined;
      const report = order === 0 ? this.#copy(next) : undefined;
      this.#pass(next.length);
      if (order === 0) return report;
      this.#aim(wanted);
    }
  }

  /** Says that no report is read any more. */
  stop(): void {
    Atomics.store(this.#words, WORD.stopped, 1);
    Atomics.notify(this.#words, WORD.freed);
    Atomics.notify(this.#words, WORD.goal);
  }

  /** Says what is wanted next, unless the scout has not yet seen what was before. */
  #aim(path: string): void {
    const goal = Atomics.load(this.#words, WORD.goal);
    if (Atomics.load(this.#words, WORD.goalSeen) !== goal) return;
    const bytes = new TextEncoder().encode(path);
    if (bytes.length > MAX_PATH_BYTES) return;
    new Uint8Array(this.#memory, WORDS_BYTES, bytes.length).set(bytes);
    Atomics.store(this.#words, WORD.goalBytes, bytes.length);
    Atomics.store(this.#words, WORD.goal, goal + 1);
    Atomics.notify(this.#words, WORD.goal);
  }

  #pass(length: number): void {
    this.#next = undefined;
    this.#freed = (this.#freed + length / UNIT) % 2 ** 32;
    Atomics.store(this.#words, WORD.freed, this.#freed | 0);
    Atomics.notify(this.#words, WORD.freed);
  }

  #read(): NextReport | undefined {
    for (;;) {
      if (!this.#isThere()) return undefined;
      const start = RING_START + (this.#freed * UNIT) % RING_BYTES;
      // At the end of the ring there may be no room for more of a head than this.
      const [units = 0] = new Uint32Array(this.#memory, start, 1);
      const length = units * UNIT;
      if (length > 0) {
        const head = new Uint32Array(this.#memory, start, HEAD_BYTES / 4);
        const [, pathBytes = 0, namesBytes = 0, , isPart] = head;
        const path = this.#text(start + HEAD_BYTES, pathBytes);
        const from = isPart === 0
          ? undefined
          : this.#text(start + HEAD_BYTES + pathBytes, namesBytes).split("\0", 1)[0];
        return { start, length, path, from };
      }
      this.#pass(RING_START + RING_BYTES - start);
    }
  }

  /** Whether anything is written and not freed; waits for it, but for nobody twice in vain. */
  #isThere(): boolean {
    for (let waited = false;; waited = true) {
      const written = Atomics.load(this.#words, WORD.written);
      if (written !== (this.#freed | 0)) return true;
      if (written === this.#stuckAt || Atomics.load(this.#words, WORD.ended) !== 0) {
        return Atomics.load(this.#words, WORD.written) !== (this.#freed | 0);
      }
      if (waited) {
        this.#stuckAt = written;
        return false;
      }
      Atomics.wait(this.#words, WORD.written, written, WAIT_MS);
    }
  }

  /** What a report says; `undefined` when it leaves all of a folder to the walk. */
  #copy({ start, path, from }: NextReport): FolderReport | undefined {
    const head = new Uint32Array(this.#memory, start, HEAD_BYTES / 4);
    const [, pathBytes = 0, namesBytes = 0, count = 0, , more] = head;
    const isLeft = head[HEAD.left] !== 0;
    if (isLeft && from === undefined) return undefined;
    const [dev = 0] = new Float64Array(this.#memory, start + DEV_AT, 1);
    const [ino = 0] = new Float64Array(this.#memory, start + INO_AT, 1);
    const names = count === 0 ? [] : this.#text(start + HEAD_BYTES + pathBytes, namesBytes).split("\0");
    if (names.length !== count) throw new TypeError(`Cannot take the report on "${path}": its names are not its own`);
    if (isLeft) return { dev, ino, names, statuses: undefined, more: more !== 0 };
    const statuses = this.#free.pop() ?? new KeptStatuses(new Uint8Array(REPORTED_NAMES * STATUS_BYTES));
    const at = start + HEAD_BYTES + rounded(pathBytes + namesBytes);
    statuses.bytes.set(new Uint8Array(this.#memory, at, count * STATUS_BYTES));
    return { dev, ino, names, statuses, more: more !== 0 };
  }

  /** Takes back the statuses of a report that is not looked at any more. */
  giveBack({ statuses }: FolderReport): void {
    if (statuses !== undefined) this.#free.push(statuses);
  }

  /** Shared memory cannot be decoded where it is. */
  #text(start: number, length: number): string {
    if (length > this.#textBytes.length) this.#textBytes = new Uint8Array(2 * length);
    this.#textBytes.set(new Uint8Array(this.#memory, start, length));
    return this.#decoder.decode(this.#textBytes.subarray(0, length));
  }
}
