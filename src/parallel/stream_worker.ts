/** A worker thread of {@linkcode openInParallel}: opens blocks into memory that the main thread reads. */
import type { BlockFacts } from "../archive/agreement.ts";
import { blockOpening, type OpenSetting } from "../archive/block_opener.ts";
import type { Bytes } from "../engine/engine.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import type { FrameHead } from "../format/frame.ts";
import { serve } from "./serve.ts";

/** One block to open. */
export interface OpenTask {
  readonly frame: number;
  readonly head: FrameHead;
  /** Its chunks are here, from the start; its raw bytes are to be put behind them. */
  readonly memory: SharedArrayBuffer;
  /** Bytes of the chunks. */
  readonly length: number;
}

serve<OpenSetting, OpenTask, BlockFacts>((setting) => {
  let room: Bytes = new Uint8Array(0);
  const open = blockOpening(nativeEngine, setting, (length) => {
    if (length > room.length) throw new RangeError("Cannot open a block: its slot is too small");
    return room.subarray(0, length);
  });
  return ({ frame, head, memory, length }) => {
    room = new Uint8Array(memory, length);
    return { reply: open({ frame, head, chunks: new Uint8Array(memory, 0, length) }).facts };
  };
});
