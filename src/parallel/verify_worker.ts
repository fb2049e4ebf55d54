/** A worker thread of {@linkcode checkInParallel}: opens blocks and finds out what they say. */
import type { BlockFacts } from "../archive/agreement.ts";
import { blockOpening, type OpenSetting, type PlacedBlock, placedOpening } from "../archive/block_opener.ts";
import type { PlacedBytes } from "../archive/placed_queue.ts";
import type { Bytes } from "../engine/engine.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import type { FrameHead } from "../format/frame.ts";
import { serve } from "./serve.ts";

/** What a worker is told once. */
export interface CheckSetup {
  readonly setting: OpenSetting;
  /** What the archive's descriptor can be opened by, where blocks are read here. */
  readonly archive: string | undefined;
  /** An i32: how many blocks all workers together are done with. */
  readonly done: SharedArrayBuffer;
}

/** One block to check: one to read, or one whose chunks are at hand. */
export type CheckTask = PlacedBlock | {
  readonly frame: number;
  readonly head: FrameHead;
  /** Its chunks are here, from the start. */
  readonly memory: SharedArrayBuffer;
  /** Bytes of the chunks. */
  readonly length: number;
};

/** A block that was good. */
export interface CheckedBlock {
  /** Entries that have a row in it. */
  readonly entries: number;
  /** Bytes of content in it. */
  readonly bytes: number;
}

/** What checking a block gives. */
export interface CheckReply {
  readonly block: CheckedBlock;
  readonly facts: BlockFacts;
}

serve<CheckSetup, CheckTask, CheckReply>(({ setting, archive, done }) => {
  const open = blockOpening(nativeEngine, setting);
  const openAt = archive === undefined ? undefined : placedOpening(nativeEngine, setting, opened(archive));
  return (task) => {
    try {
      const { block, facts } = "memory" in task
        ? open({ frame: task.frame, head: task.head, chunks: new Uint8Array(task.memory, 0, task.length) })
        : (openAt as NonNullable<typeof openAt>)(task);
      return { reply: { block: { entries: block.rows.count, bytes: block.data.length }, facts } };
    } finally {
      Atomics.add(new Int32Array(done), 0, 1);
    }
  };
});

/**
 * An archive that another thread has open: the runtime takes a descriptor only from the thread that opened it. Closed
 * when the worker ends. Without `node:fs`, which takes longer to load than a block to open.
 */
function opened(path: string): Pick<PlacedBytes, "readInto"> {
  const file = Deno.openSync(path);
  return {
    readInto(offset: number, bytes: Bytes): Bytes {
      file.seekSync(offset, Deno.SeekMode.Start);
      let filled = 0;
      while (filled < bytes.length) {
        const read = file.readSync(bytes.subarray(filled));
        if (read === null) break;
        filled += read;
      }
      return bytes.subarray(0, filled);
    },
  };
}
