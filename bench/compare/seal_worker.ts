/** A thread of `seal_floor.ts`. A file of its own: in a worker, `import.meta.main` is true as well. */
import { seal, type SealTask } from "./seal.ts";

/** What this file uses of a worker's global scope, for which the program's type library has no name. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<SealTask>) => void) | null;
  postMessage(message: unknown): void;
}

const scope = globalThis as unknown as WorkerScope;
scope.onmessage = ({ data }) => {
  if (data !== undefined) seal(data);
  scope.postMessage("done");
};
