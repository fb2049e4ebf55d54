/**
 * Worker threads of one kind: a task goes to the one with the least to do, a reply comes back. Tasks of one worker are
 * done in the order in which they were given, so a worker that has a second task never waits for the main thread.
 */
import { decodeError, type RemoteError } from "./remote_error.ts";

/** Says to a worker that there is much to do before it is known what. */
export interface Prepare {
  readonly kind: "prepare";
}

/** What a worker is sent, by a crew: first how to begin, then tasks. */
export type ToWorker<Setup, Task> =
  | Prepare
  | { readonly kind: "begin"; readonly setup: Setup }
  | { readonly kind: "task"; readonly task: Task };

/** What a worker sends back, one for each task in its order. */
export type FromWorker<Reply> =
  | { readonly ok: true; readonly reply: Reply }
  | { readonly ok: false; readonly error: RemoteError };

/** A worker thread has ended on its own, which none ever should: a failure of this program or of its surroundings. */
export class WorkerFailure extends Error {
  override readonly name = "WorkerFailure";
}

/** What a crew has of a worker; `Worker`, or a test's stand-in. */
export interface WorkerThread {
  onmessage: ((event: MessageEvent) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: unknown, transfer?: Transferable[]): void;
  terminate(): void;
}

/** The failure that a worker's error event tells of. */
export function workerFailure({ message }: ErrorEvent): WorkerFailure {
  return new WorkerFailure(`A worker thread has failed: ${message}`);
}

interface Waiting<Reply> {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

interface Member<Reply> {
  readonly worker: WorkerThread;
  /** Tasks given and not answered, oldest first. */
  readonly waiting: Waiting<Reply>[];
}

/** Some worker threads. */
export class Crew<Setup, Task, Reply> implements Disposable {
  readonly #members: Member<Reply>[] = [];
  #ended: unknown;

  /**
   * Starts `size` workers.
   *
   * @throws what starting one throws; then none is left.
   */
  constructor(size: number, start: () => WorkerThread, setup: Setup) {
    try {
      for (let i = 0; i < size; i++) this.#add(start(), setup);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #add(worker: WorkerThread, setup: Setup): void {
    const member: Member<Reply> = { worker, waiting: [] };
    this.#members.push(member);
    worker.onmessage = ({ data }: MessageEvent<FromWorker<Reply>>) => {
      const first = member.waiting.shift();
      if (data.ok) first?.resolve(data.reply);
      else first?.reject(decodeError(data.error));
    };
    worker.onmessageerror = () => this.#fail(new WorkerFailure("A worker thread sent what cannot be read"));
    worker.onerror = (event) => {
      // Otherwise the whole program would end here, with its temporary files left behind.
      event.preventDefault();
      this.#fail(workerFailure(event));
    };
    const message: ToWorker<Setup, Task> = { kind: "begin", setup };
    worker.postMessage(message);
  }

  /**
   * Has a worker do a task. What is in `transfer` is no longer the caller's.
   *
   * @throws what the task threw; {@linkcode WorkerFailure} when a worker has ended, whichever it was.
   */
  run(task: Task, transfer: Transferable[] = []): Promise<Reply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const member = this.#members.reduce((least, one) => one.waiting.length < least.waiting.length ? one : least);
    return new Promise((resolve, reject) => {
      const message: ToWorker<Setup, Task> = { kind: "task", task };
      member.worker.postMessage(message, transfer);
      member.waiting.push({ resolve, reject });
    });
  }

  /** Ends the workers wherever they are; what is under way is rejected. */
  [Symbol.dispose](): void {
    this.#fail(new WorkerFailure("The worker threads were stopped"));
  }

  #fail(error: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    for (const { worker, waiting } of this.#members) {
      worker.terminate();
      for (const { reject } of waiting) reject(error);
    }
  }
}
