/** What the library gives out as Web Streams. Nothing is made before somebody asks for it. */
import type { Bytes } from "../engine/engine.ts";
import type { Sink } from "../archive/writer.ts";

/** Zeros are given out in pieces of at most this many bytes. */
const ZERO_BYTES = 65_536;

/** A stream of what a generator yields; cancelling it ends the generator. */
export function streamOf(chunks: AsyncGenerator<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller): Promise<void> {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel(): Promise<void> {
      await chunks.return(undefined);
    },
  }, { highWaterMark: 0 });
}

/**
 * A stream of what `run` writes to its sink. It is called when the first piece is asked for, or when there is nothing
 * left to do but to clean up; each write returns when its piece has been taken. The signal given to it aborts when the
 * stream is cancelled or `outer` is aborted.
 */
export function streamOfWrites(
  run: (sink: Sink, signal: AbortSignal) => Promise<void>,
  outer: AbortSignal | undefined,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const cancelled = new AbortController();
  const signal = outer === undefined ? cancelled.signal : AbortSignal.any([outer, cancelled.signal]);
  let asked = handled<void>();
  let given = handled<void>();
  let running: Promise<void> | undefined;

  async function work(controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>): Promise<void> {
    const write = async (bytes: Bytes): Promise<void> => {
      await asked.promise;
      signal.throwIfAborted();
      asked = handled();
      controller.enqueue(unshared(bytes));
      given.resolve();
    };
    try {
      await run({ write }, signal);
      if (!cancelled.signal.aborted) controller.close();
    } catch (error) {
      controller.error(error);
    } finally {
      given.resolve();
    }
  }

  return new ReadableStream({
    start(controller): void {
      const end = (): void => {
        asked.reject(signal.reason);
        running ??= work(controller);
      };
      if (signal.aborted) end();
      else signal.addEventListener("abort", end, { once: true });
    },
    pull(controller): Promise<void> {
      given = handled();
      asked.resolve();
      running ??= work(controller);
      return given.promise;
    },
    async cancel(reason): Promise<void> {
      cancelled.abort(reason);
      await running;
    },
  }, { highWaterMark: 0 });
}

/** A promise that may be rejected although nobody waits for it. */
export function handled<T>(): PromiseWithResolvers<T> {
  const deferred = Promise.withResolvers<T>();
  deferred.promise.catch(() => {});
  return deferred;
}

/** The same bytes in memory of their own, as streams want it; a view where they lie in such memory. */
function unshared(bytes: Bytes): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, bytes.byteOffset, bytes.byteLength) : bytes.slice();
}

/** The first of so many zeros, fresh: whoever gets bytes may write to them. */
export function zeros(count: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Math.min(count, ZERO_BYTES));
}
