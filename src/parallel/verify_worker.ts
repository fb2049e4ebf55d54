/** A worker thread of {@linkcode checkInParallel}: opens blocks and finds out what they say. */
import type { BlockFacts } from "../archive/agreement.ts";
import { blockOpening, type OpenSetting } from "../archive/block_opener.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import type { FrameHead } from "../format/frame.ts";
import { serve } from "./serve.ts";

/** One block to check. */
export interface CheckTask {
  readonly frame: number;
  readonly head: FrameHead;
  /** Its chunks are here, from the start. */
  readonly memory: SharedArrayBuffer;
  /** Bytes of the chunks. */
  readonly length: number;
}

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

serve<OpenSetting, CheckTask, CheckReply>((setting) => {
  const open = blockOpening(nativeEngine, setting);
  return ({ frame, head, memory, length }) => {
    const { block, facts } = open({ frame, head, chunks: new Uint8Array(memory, 0, length) });
    return { reply: { block: { entries: block.rows.count, bytes: block.data.length }, facts } };
  };
});
