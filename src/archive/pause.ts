/** Gives the event loop a turn during long synchronous work, so that signals are heard and progress is drawn. */

const INTERVAL_MS = 50;

/** A function that waits for one turn of the event loop when the last was over 50 ms ago, and else returns at once. */
export function pauseEvery(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < INTERVAL_MS) return undefined;
    // By a timer: a message to ourselves costs less the first time, but Deno does not wait then, and hears no signal.
    return new Promise((resolve) =>
      setTimeout(() => {
        last = performance.now();
        resolve();
      }, 0)
    );
  };
}
