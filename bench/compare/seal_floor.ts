/**
 * Prints how many seconds sealing so many bytes takes, in records of 64 KiB, with the cipher that is the default, on so
 * many threads. Nothing is read, compressed or written; starting the threads is left out.
 *
 *     deno run -A bench/compare/seal_floor.ts BYTES THREADS
 *
 * @module
 */
import { seal, type SealTask } from "./seal.ts";

async function main([bytes = "0", threads = "1"]: readonly string[]): Promise<void> {
  const count = Number(threads);
  if (count === 1) {
    const start = performance.now();
    seal(Number(bytes));
    console.log((performance.now() - start) / 1000);
    return;
  }
  const workers = Array.from(
    { length: count },
    () => new Worker(new URL("./seal_worker.ts", import.meta.url), { type: "module" }),
  );
  const ask = (task: SealTask) =>
    Promise.all(workers.map((worker) =>
      new Promise<void>((resolve, reject) => {
        worker.onmessage = () => resolve();
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage(task);
      })
    ));
  await ask(undefined);
  const start = performance.now();
  await ask(Number(bytes) / count);
  console.log((performance.now() - start) / 1000);
  for (const worker of workers) worker.terminate();
}

await main(Deno.args);
