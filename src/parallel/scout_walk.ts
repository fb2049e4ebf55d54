/** A scout of a walk on a thread of its own; see `src/disk/scout.ts`. */
import { reportMemory, ReportReader } from "../disk/folder_reports.ts";
import { libc } from "../disk/libc.ts";
import type { ScoutTask } from "../disk/scout.ts";
import type { WorkerThread } from "./crew.ts";
import { type EarlyWorkers, workersFor } from "./early_workers.ts";

/** A scout at work; its thread ends with it. */
export interface Scout extends Disposable {
  /** What it reports. */
  readonly reports: ReportReader;
}

/** A thread for a scout, where the archive is large enough for one to be expected. */
export function scoutsFor(archive: string, jobs: number): EarlyWorkers {
  return workersFor(archive, Math.min(jobs, 2), startWorker);
}

/** Sends a scout ahead; `undefined` where there cannot be any. */
export function startScout(
  task: Omit<ScoutTask, "memory">,
  early: Pick<EarlyWorkers, "take">,
): Scout | undefined {
  const worker = libc() === undefined ? undefined : threadOf(early);
  if (worker === undefined) return undefined;
  const memory = reportMemory();
  const reports = new ReportReader(memory);
  reports.start();
  // The walk goes on without it; otherwise the whole program would end here.
  worker.onerror = (event) => {
    event.preventDefault();
    reports.stop();
  };
  const message: ScoutTask = { ...task, memory };
  worker.postMessage(message);
  return {
    reports,
    [Symbol.dispose]: () => {
      reports.stop();
      worker.terminate();
    },
  };
}

/** Nothing depends on a scout: not on whether there can be one, either. */
function threadOf(early: Pick<EarlyWorkers, "take">): WorkerThread | undefined {
  try {
    return early.take();
  } catch {
    return undefined;
  }
}

function startWorker(): WorkerThread {
  return new Worker(new URL("./scout_worker.ts", import.meta.url), { type: "module", name: "scout" });
}
