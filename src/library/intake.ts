/** What comes from outside as an iterable or a stream: taken one value at a time, and let go at any moment. */
import type { Bytes } from "../engine/engine.ts";

/** Values one after the other, in whichever way a platform gives them. */
export type Values<T> = ReadableStream<T> | AsyncIterable<T> | Iterable<T>;

/** The few operations that streams and iterables have in common. */
interface Puller<T> {
  next(): Promise<IteratorResult<T, unknown>>;
  release(reason: unknown): Promise<unknown>;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * Iterates over values and owns where they come from: whoever stops early, whoever fails, whoever is aborted, the
 * stream is cancelled or the generator's `finally` runs. A value that is awaited when the signal aborts is given up
 * at once, because a connection that hangs is what people abort.
 */
export class Intake<T> implements AsyncIterableIterator<T, undefined, undefined> {
  readonly #puller: Puller<T>;
  readonly #signal: AbortSignal | undefined;
  readonly #check: (value: T) => void;
  /** Rejects the call of `next` that is under way. */
  #giveUp: ((reason: unknown) => void) | undefined;
  #ended = false;

  /** Takes over `values`; a stream is locked. `check` throws for a value that must not pass. */
  constructor(values: Values<T>, signal?: AbortSignal, check: (value: T) => void = () => {}) {
    this.#puller = pullerOf(values);
    this.#signal = signal;
    this.#check = check;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  readonly #onAbort = (): void => {
    // What the other side says to being let go is of no interest any more.
    this.#release(this.#signal?.reason).catch(() => {});
  };

  /** This. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next value. Rejects with the signal's reason once that is aborted. */
  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#signal?.aborted) {
      await this.#release(this.#signal.reason).catch(() => {});
      throw this.#signal.reason;
    }
    if (this.#ended) return DONE;
    try {
      const result = await this.#pull();
      if (result.done === true) {
        this.#end();
        return DONE;
      }
      this.#check(result.value);
      return { done: false, value: result.value };
    } catch (error) {
      await this.#release(error).catch(() => {});
      throw error;
    }
  }

  #pull(): Promise<IteratorResult<T, unknown>> {
    return new Promise<IteratorResult<T, unknown>>((resolve, reject) => {
      this.#giveUp = reject;
      this.#puller.next().then(resolve, reject);
    }).finally(() => {
      this.#giveUp = undefined;
    });
  }

  /** Lets the values go, wherever they are. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.#release(undefined);
    return DONE;
  }

  async #release(reason: unknown): Promise<void> {
    if (this.#ended) return;
    this.#end();
    const released = this.#puller.release(reason);
    const giveUp = this.#giveUp;
    if (giveUp === undefined) {
      await released;
      return;
    }
    // A generator is not released before its `next` has returned, which may be never.
    released.catch(() => {});
    giveUp(reason ?? new TypeError("Cannot read on: the stream was let go"));
  }

  #end(): void {
    this.#ended = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}

function pullerOf<T>(values: Values<T>): Puller<T> {
  if ("getReader" in values) {
    const reader = values.getReader();
    const next = async (): Promise<IteratorResult<T, unknown>> => {
      const { done, value } = await reader.read();
      return done ? DONE : { done, value };
    };
    return { next, release: (reason) => reader.cancel(reason) };
  }
  const iterator = Symbol.asyncIterator in values ? values[Symbol.asyncIterator]() : values[Symbol.iterator]();
  return {
    // Async functions, so that what a synchronous iterator throws rejects.
    next: async () => await iterator.next(),
    release: async () => await iterator.return?.(),
  };
}

/** Whether a value can be iterated over as {@linkcode Values}. A string can, and is not meant. */
export function isValues(value: unknown): value is Values<unknown> {
  return typeof value === "object" && value !== null &&
    ("getReader" in value || Symbol.asyncIterator in value || Symbol.iterator in value);
}

/**
 * The chunks of a byte stream.
 *
 * @throws {TypeError} from `next` for a chunk that is not a `Uint8Array`: text, most often.
 */
export function byteIntake(values: Values<Bytes>, signal?: AbortSignal): Intake<Bytes> {
  return new Intake(values, signal, (chunk: unknown) => {
    if (!(chunk instanceof Uint8Array)) throw new TypeError("Cannot read a stream: its chunks must be Uint8Array");
  });
}
