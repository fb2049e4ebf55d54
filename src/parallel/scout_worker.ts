/** The worker thread of {@linkcode startScout}: goes through a tree ahead of a walk. */
import { scout, type ScoutTask } from "../disk/scout.ts";

const scope = globalThis as unknown as { onmessage: ((event: MessageEvent<ScoutTask>) => void) | null };
scope.onmessage = ({ data }) => scout(data);
