/** The worker's side of a `Crew`. */
import type { FromWorker, ToWorker } from "./crew.ts";
import { encodeError } from "./remote_error.ts";

/** What a task gave, and what of it changes hands instead of being copied. */
export interface Served<Reply> {
  readonly reply: Reply;
  readonly transfer?: Transferable[];
}

/** What this file uses of a worker's global scope, for which the program's type library has no name. */
interface WorkerScope {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown, transfer?: Transferable[]): void;
}

/**
 * Answers the tasks of a crew in their order. `begin` is called once, with the crew's setup, and gives what does a
 * task. `prepare` is called before it where there will be much to do, and loads what that pays for.
 */
export function serve<Setup, Task, Reply>(
  begin: (setup: Setup) => (task: Task) => Served<Reply>,
  prepare?: () => void,
): void {
  const scope = globalThis as unknown as WorkerScope;
  let work: ((task: Task) => Served<Reply>) | undefined;
  scope.onmessage = ({ data }: MessageEvent<ToWorker<Setup, Task>>) => {
    if (data.kind === "prepare") {
      prepare?.();
      return;
    }
    if (data.kind === "begin") {
      work = begin(data.setup);
      return;
    }
    let message: FromWorker<Reply>;
    let transfer: Transferable[] = [];
    try {
      if (work === undefined) throw new TypeError("Cannot do a task: none was to come yet");
      const served = work(data.task);
      message = { ok: true, reply: served.reply };
      transfer = served.transfer ?? [];
    } catch (error) {
      message = { ok: false, error: encodeError(error) };
    }
    scope.postMessage(message, transfer);
  };
}
