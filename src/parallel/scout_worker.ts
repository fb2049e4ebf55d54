/** The worker thread of {@linkcode startScout}: goes through a tree ahead of a walk. */
import { scout, type ScoutTask } from "../disk/scout.ts";

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<ScoutTask>) => void) | null;
  close(): void;
};
scope.onmessage = ({ data }) => {
  scout(data);
  // Taking its memory down takes a while, in which the walk has something left to do.
  scope.close();
};
