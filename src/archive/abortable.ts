/**
 * Waiting for what cannot be stopped, such as a key derivation or the writer of a FIFO, until a signal ends the wait.
 */

/**
 * The promise's outcome, or the signal's reason as soon as it aborts. What the promise waits for goes on in the
 * background; its outcome is then nobody's concern.
 *
 * @throws the signal's reason.
 */
export async function abortable<T>(start: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await start();
  // An abort that has been announced already is announced to no listener again.
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const work = start();
  work.catch(() => {});
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
