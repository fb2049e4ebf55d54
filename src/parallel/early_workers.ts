/**
 * Worker threads that are started before it is known what they are to do: each takes as long to start as ten blocks
 * take to open, and an archive is opened, or a key derived, meanwhile.
 */
import { descriptorsWork } from "../disk/descriptors.ts";
import { type Prepare, type WorkerFailure, workerFailure, type WorkerThread } from "./crew.ts";

/** Bytes of a file from which on it is sure that they pay. */
const EARLY_BYTES = 2 ** 24;

const PREPARE: Prepare = { kind: "prepare" };

/** Some workers, until a crew has them. */
export class EarlyWorkers implements Disposable {
  readonly #start: () => WorkerThread;
  readonly #prepare: boolean;
  readonly #ready: WorkerThread[] = [];
  #failure: WorkerFailure | undefined;

  /**
   * Starts `count` workers. `prepare` tells them that there is much to do, which those of a crew understand.
   *
   * @throws what starting one throws; then none is left.
   */
  constructor(count: number, start: () => WorkerThread, prepare = false) {
    this.#start = start;
    this.#prepare = prepare;
    try {
      for (let i = 0; i < count; i++) this.#add(start());
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #add(worker: WorkerThread): void {
    this.#ready.push(worker);
    if (this.#prepare) worker.postMessage(PREPARE);
    // Otherwise the whole program would end here. A crew listens for itself.
    worker.onerror = (event) => {
      event.preventDefault();
      this.#failure ??= workerFailure(event);
    };
  }

  /** How many have not been handed over. */
  get count(): number {
    return this.#ready.length;
  }

  /**
   * Hands one of them over, or one that is started now when none is left.
   *
   * @throws {WorkerFailure} when one has ended meanwhile; what starting one throws.
   */
  take(): WorkerThread {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#ready.shift() ?? this.#start();
  }

  /** Ends those that were not handed over. */
  [Symbol.dispose](): void {
    for (const worker of this.#ready.splice(0)) worker.terminate();
  }
}

/**
 * Workers for an archive that this thread will read together with others; none where the archive is small or no file.
 * `prepare` is as for {@linkcode EarlyWorkers}.
 */
export function workersFor(
  archive: string,
  jobs: number,
  start: () => WorkerThread,
  prepare = false,
): EarlyWorkers {
  return new EarlyWorkers(descriptorsWork() && bytesOf(archive) >= EARLY_BYTES ? jobs - 1 : 0, start, prepare);
}

function bytesOf(path: string): number {
  try {
    const { isFile, size } = Deno.statSync(path);
    return isFile ? size : 0;
  } catch {
    // What is wrong with it is told when it is opened.
    return 0;
  }
}

/** Starts what `checkInParallel` is to check a file with, where it is large. */
export function startChecking(archive: string, jobs: number): EarlyWorkers {
  return workersFor(archive, jobs, startCheckWorker, true);
}

/** Starts what `restoreInParallel` is to restore all of an archive with, where it is large. */
export function startRestoring(archive: string, jobs: number): EarlyWorkers {
  return workersFor(archive, jobs, startRestoreWorker, true);
}

/** Starts a thread that checks blocks and pages. */
export function startCheckWorker(): Worker {
  return new Worker(new URL("./verify_worker.ts", import.meta.url), { type: "module", name: "verify" });
}

/** Starts a thread that restores files. */
export function startRestoreWorker(): Worker {
  return new Worker(new URL("./extract_worker.ts", import.meta.url), { type: "module", name: "extract" });
}
