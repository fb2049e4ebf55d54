/** A worker thread of {@linkcode restoreInParallel}: restores groups of files. */
import { descriptorPath } from "../disk/descriptors.ts";
import { files as disk } from "../disk/files.ts";
import { O_RDONLY } from "../disk/open_flags.ts";
import { prepareToSum } from "../engine/native/engine.ts";
import { takeOff } from "./backlog.ts";
import { groupRestorer, type RestoreGroup, type RestoreReply, type RestoreSetting } from "./restore_group.ts";
import { serve } from "./serve.ts";

/** What a worker is told once. */
export interface RestoreSetup {
  readonly setting: RestoreSetting;
  /** The archive, which the main thread has open for reading by position. */
  readonly descriptor: number;
  /** The memory of their {@linkcode Backlog}. */
  readonly backlog: SharedArrayBuffer;
}

/** Files of one block. */
export interface RestoreTask extends RestoreGroup {
  /** What is to be taken off the backlog. */
  readonly work: number;
}

serve<RestoreSetup, RestoreTask, RestoreReply>(({ setting, descriptor, backlog }) => {
  // The runtime takes a descriptor only from the thread that opened it. Closed when the worker ends.
  const restore = groupRestorer(setting, disk.open(descriptorPath(descriptor), O_RDONLY));
  return ({ place, access, files, work }) => {
    try {
      const reply = restore({ place, access, files });
      return { reply, transfer: [reply.written.buffer] };
    } finally {
      takeOff(backlog, work);
    }
  };
}, prepareToSum);
