/**
 * What workers have been given and are not done with, in memory that they count in themselves: their replies wait for
 * the event loop, and the main thread, which works too, has to know how busy they are before it begins something that
 * they could do. It counts work and not tasks, since one task may take a hundred times as long as another: a worker
 * that has two small ones is idle long before this thread is done with a large one.
 */
import type { FrameHead } from "../format/frame.ts";

/** Work that a worker has at least, however little the main thread is about to do. */
const LEAST_WORK = 2 ** 20;
/** A worker is to have as often as much to do as the main thread begins: how long either takes is an estimate. */
const WORK_BESIDES = 2;

/** The work that some workers have. */
export class Backlog {
  /** An i32: the work that they have, which they take off when it is done. */
  readonly memory = new SharedArrayBuffer(4);
  readonly #workers: number;

  /** Of so many workers. */
  constructor(workers: number) {
    this.#workers = workers;
  }

  /** Whether they have enough to do for as long as the main thread would take for `work`. */
  isEnoughFor(work: number): boolean {
    const waiting = Atomics.load(new Int32Array(this.memory), 0);
    return waiting >= this.#workers * Math.max(LEAST_WORK, WORK_BESIDES * work);
  }

  /** They are given more. */
  add(work: number): void {
    Atomics.add(new Int32Array(this.memory), 0, work);
  }
}

/** A worker is done with what it was given. */
export function takeOff(memory: SharedArrayBuffer, work: number): void {
  Atomics.sub(new Int32Array(memory), 0, work);
}

/** Bytes that are opened in the time in which a row is decoded and compared. */
const ROW_BYTES = 1024;

/** The work of opening a frame and comparing its rows, as a number of bytes that would take as long. */
export function workOfFrame({ raw, rows }: FrameHead): number {
  return raw + ROW_BYTES * rows;
}

/** Bytes that are opened and written in the time that the system takes to make a file. */
const FILE_BYTES = 2 ** 14;

/** The work of restoring so many files with so many bytes together, as a number of bytes that would take as long. */
export function workOfFiles(files: number, bytes: number): number {
  return bytes + FILE_BYTES * files;
}
