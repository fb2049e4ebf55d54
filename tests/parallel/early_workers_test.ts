import { assertEquals, assertThrows } from "@std/assert";
import { descriptorsWork } from "../../src/disk/descriptors.ts";
import { WorkerFailure, type WorkerThread } from "../../src/parallel/crew.ts";
import { EarlyWorkers, workersFor } from "../../src/parallel/early_workers.ts";

/** A worker that does nothing, and remembers whether it was ended. */
class IdleWorker implements WorkerThread {
  onmessage: WorkerThread["onmessage"] = null;
  onmessageerror: WorkerThread["onmessageerror"] = null;
  onerror: WorkerThread["onerror"] = null;
  ended = false;
  readonly told: unknown[] = [];

  postMessage(message: unknown): void {
    this.told.push(message);
  }

  terminate(): void {
    this.ended = true;
  }
}

/** Starts workers, and keeps them; the one with the number `bad` cannot be started. */
function starter(bad?: number) {
  const started: IdleWorker[] = [];
  const start = () => {
    if (started.length === bad) throw new Error("no more threads");
    const worker = new IdleWorker();
    started.push(worker);
    return worker;
  };
  return { started, start };
}

Deno.test("EarlyWorkers hands over those that it started, then others, and ends what is left", () => {
  const { started, start } = starter();
  {
    using early = new EarlyWorkers(2, start, true);
    assertEquals(started.length, 2);
    assertEquals(early.count, 2);
    // They have time to prepare for much work; who is started later has not.
    assertEquals(started.map(({ told }) => told), [[{ kind: "prepare" }], [{ kind: "prepare" }]]);
    assertEquals(early.take() === started[0], true);
    assertEquals(early.count, 1);
  }
  assertEquals(started.map(({ ended }) => ended), [false, true]);
  using none = new EarlyWorkers(0, start);
  assertEquals(none.take() === started[2], true);
  assertEquals(started[2]?.told, []);
});

Deno.test("EarlyWorkers tells whoever wants one that one has failed, and keeps the program from ending", () => {
  const { started, start } = starter();
  using early = new EarlyWorkers(2, start);
  const event = new ErrorEvent("error", { message: "it is out of order", cancelable: true });
  started[1]?.onerror?.(event);
  assertEquals(event.defaultPrevented, true);
  assertThrows(() => early.take(), WorkerFailure, "it is out of order");
});

Deno.test("EarlyWorkers leaves none when one cannot be started", () => {
  const { started, start } = starter(1);
  assertThrows(() => new EarlyWorkers(2, start), Error, "no more threads");
  assertEquals(started.map(({ ended }) => ended), [true]);
});

Deno.test("workersFor() starts one worker less than there are jobs, for a large file alone", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const count = (path: string, jobs: number) => {
      const { started, start } = starter();
      workersFor(path, jobs, start)[Symbol.dispose]();
      return started.length;
    };
    for (const [name, bytes] of [["large", 2 ** 24], ["small", 2 ** 24 - 1]] as const) {
      using file = Deno.createSync(`${folder}/${name}`);
      file.truncateSync(bytes);
    }
    assertEquals([1, 2, 5].map((jobs) => count(`${folder}/large`, jobs)), descriptorsWork() ? [0, 1, 4] : [0, 0, 0]);
    assertEquals(["small", "none", "."].map((name) => count(`${folder}/${name}`, 2)), [0, 0, 0]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
