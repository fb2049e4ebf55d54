/**
 * Memory that threads share, used again and again: fresh memory of this size is new pages from the system each time,
 * which costs more than what is done in it.
 */

/** A piece of a {@linkcode Ring}. */
export interface Slot {
  /** At least as large as was asked for. */
  memory: SharedArrayBuffer;
}

/** A fixed number of pieces of shared memory, each as large as it ever had to be. */
export class Ring {
  readonly #free: Slot[] = [];
  #left: number;

  /** A ring of `count` slots, made when they are first needed. */
  constructor(count: number) {
    this.#left = count;
  }

  /**
   * Takes a slot of at least `length` bytes, with anything in it.
   *
   * @throws {RangeError} when all are taken.
   */
  take(length: number): Slot {
    let slot = this.#free.pop();
    if (slot === undefined) {
      if (this.#left === 0) throw new RangeError("Cannot take a slot: all are in use");
      this.#left--;
      slot = { memory: new SharedArrayBuffer(length) };
    }
    if (slot.memory.byteLength < length) slot.memory = new SharedArrayBuffer(length);
    return slot;
  }

  /** Gives a slot back. */
  give(slot: Slot): void {
    this.#free.push(slot);
  }
}
