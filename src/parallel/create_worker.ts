/** A worker thread of {@linkcode buildInParallel}: builds blocks, each sealed straight into a slot of the ring. */
import { type BlockSetting, blockTools, buildBlock } from "../archive/block_builder.ts";
import { fileContent } from "../disk/content.ts";
import type { Bytes } from "../engine/engine.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { type PackedOutcome, type PackedParts, packOutcomes, unpackParts } from "./block_message.ts";
import { serve } from "./serve.ts";

/** What a worker is told once. */
export interface BuildSetup {
  readonly setting: BlockSetting;
  /** The ring. */
  readonly slots: readonly SharedArrayBuffer[];
}

/** One block to build. */
export interface BuildTask {
  readonly frame: number;
  readonly parts: PackedParts;
  /** The slot for the sealed frame. */
  readonly slot: number;
}

/** A built block. */
export interface BuildReply {
  /** The sealed frame where it did not fit into its slot. */
  readonly bytes: Bytes | undefined;
  /** Bytes of the frame. */
  readonly length: number;
  readonly outcomes: readonly PackedOutcome[];
  readonly contentBytes: number;
}

serve<BuildSetup, BuildTask, BuildReply>(({ setting, slots }) => {
  const tools = blockTools(nativeEngine, setting, fileContent);
  return (task) => {
    const slot = slots[task.slot] as SharedArrayBuffer;
    const allocate = (length: number) =>
      length <= slot.byteLength ? new Uint8Array(slot, 0, length) : new Uint8Array(length);
    const parts = unpackParts(task.parts);
    const built = buildBlock({ frame: task.frame, parts }, { ...tools, allocate });
    const { length, buffer } = built.bytes;
    const outcomes = packOutcomes(parts, built.outcomes);
    const reply = { length, outcomes, contentBytes: built.contentBytes };
    return buffer instanceof ArrayBuffer
      ? { reply: { ...reply, bytes: built.bytes }, transfer: [buffer] }
      : { reply: { ...reply, bytes: undefined } };
  };
});
