/** A worker thread of {@linkcode checkInParallel}: opens blocks and pages and finds out what they say. */
import type { BlockFacts } from "../archive/agreement.ts";
import { blockOpening, type OpenSetting, type PlacedFrame, PlacedOpener } from "../archive/block_opener.ts";
import type { CheckedPage } from "../archive/page_check.ts";
import type { PlacedBytes } from "../archive/placed_queue.ts";
import type { Bytes } from "../engine/engine.ts";
import { nativeEngine, prepareToSum } from "../engine/native/engine.ts";
import { FRAME_TYPE, type FrameHead } from "../format/frame.ts";
import { takeOff, workOfFrame } from "./backlog.ts";
import { serve } from "./serve.ts";

/** What a worker is told once. */
export interface CheckSetup {
  readonly setting: OpenSetting;
  /** What the archive's descriptor can be opened by, where blocks are read here. */
  readonly archive: string | undefined;
  /** The memory of their {@linkcode Backlog}. */
  readonly backlog: SharedArrayBuffer;
}

/** One block or page to check: one to read, or a block whose chunks are at hand. */
export type CheckTask = PlacedFrame | {
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
export interface BlockReply {
  readonly block: CheckedBlock;
  readonly facts: BlockFacts;
}

/** What checking a block or a page gives. */
export type CheckReply = BlockReply | CheckedPage;

serve<CheckSetup, CheckTask, CheckReply>(({ setting, archive, backlog }) => {
  const open = blockOpening(nativeEngine, setting);
  const opener = archive === undefined ? undefined : new PlacedOpener(nativeEngine, setting, opened(archive));
  return (task) => {
    try {
      if (!("memory" in task) && task.head.type !== FRAME_TYPE.block) {
        return { reply: (opener as PlacedOpener).page(task) };
      }
      const { block, facts } = "memory" in task
        ? open({ frame: task.frame, head: task.head, chunks: new Uint8Array(task.memory, 0, task.length) })
        : (opener as PlacedOpener).block(task);
      return { reply: { block: { entries: block.rows.count, bytes: block.data.length }, facts } };
    } finally {
      takeOff(backlog, workOfFrame(task.head));
    }
  };
}, prepareToSum);

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
