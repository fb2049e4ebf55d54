/** A worker thread of {@linkcode buildInParallel}: builds blocks, each sealed straight into a slot of the ring. */
import { type BlockSetting, blockTools, buildBlock, buildWholeBlock, sealBlock } from "../archive/block_builder.ts";
import { partCutter } from "../archive/content_cutter.ts";
import { fileContent } from "../disk/content.ts";
import type { Bytes } from "../engine/engine.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import {
  packCuts,
  type PackedCuts,
  type PackedOutcome,
  type PackedParts,
  type PackedWhole,
  packOutcomes,
  unpackParts,
  unpackWhole,
} from "./block_message.ts";
import { serve, type Served } from "./serve.ts";

/** What a worker is told once. */
export interface BuildSetup {
  readonly setting: BlockSetting;
  /** The ring. */
  readonly slots: readonly SharedArrayBuffer[];
  /** An i32: how many blocks all workers together have built. */
  readonly done: SharedArrayBuffer;
}

/** What a worker does. */
export type WorkTask = BuildTask | CutTask | SealTask;

/** What came of it. */
export type WorkReply = BuildReply | CutReply | SealReply;

/** Parts to cut. */
export interface CutTask {
  readonly kind: "cut";
  readonly parts: PackedParts;
  /** Where their content goes. */
  readonly memory: SharedArrayBuffer;
}

/** Parts that were cut; see `CutParts`. */
export interface CutReply {
  readonly outcomes: PackedCuts;
  readonly lengths: Int32Array;
  readonly ids: Bytes;
}

/** A block to seal. */
export interface SealTask {
  readonly kind: "seal";
  readonly frame: number;
  readonly count: number;
  readonly rows: Bytes;
  readonly memory: SharedArrayBuffer;
  /** Bytes of data in the memory. */
  readonly length: number;
  /** The slot for the sealed frame. */
  readonly slot: number;
}

/** A sealed block. */
export type SealReply = Pick<BuiltReply, "bytes" | "length">;

/** One block to build. */
export interface BuildTask {
  readonly kind: "build";
  readonly frame: number;
  readonly parts: PackedParts | PackedWhole;
  /** The slot for the sealed frame. */
  readonly slot: number;
}

/** A built block; nothing of one whose rows do not hold. */
export type BuildReply = BuiltReply | undefined;

/** A built block. */
export interface BuiltReply {
  /** The sealed frame where it did not fit into its slot. */
  readonly bytes: Bytes | undefined;
  /** Bytes of the frame. */
  readonly length: number;
  readonly outcomes: readonly PackedOutcome[];
  readonly contentBytes: number;
}

serve<BuildSetup, WorkTask, WorkReply>(({ setting, slots, done }) => {
  const tools = blockTools(nativeEngine, setting, fileContent);
  /** Memory of a slot, or of its own where that is too small. */
  const into = (slot: number) => (length: number) => {
    const memory = slots[slot] as SharedArrayBuffer;
    return length <= memory.byteLength ? new Uint8Array(memory, 0, length) : new Uint8Array(length);
  };
  const build = (task: BuildTask): Served<BuildReply> => {
    if ("count" in task.parts) {
      const whole = unpackWhole(task.frame, task.parts);
      const built = buildWholeBlock(whole, { ...tools, allocate: into(task.slot) });
      if (built === undefined) return { reply: undefined };
      const { transfer, ...reply } = sent(built.bytes);
      return { reply: { ...reply, outcomes: [], contentBytes: built.contentBytes }, transfer };
    }
    const parts = unpackParts(task.parts);
    const built = buildBlock({ frame: task.frame, parts }, { ...tools, allocate: into(task.slot) });
    const { bytes, transfer, length } = sent(built.bytes);
    const outcomes = packOutcomes(parts, built.outcomes);
    return { reply: { bytes, length, outcomes, contentBytes: built.contentBytes }, transfer };
  };
  let memory = new SharedArrayBuffer(0);
  const { cutting } = setting;
  const cutter = cutting === undefined
    ? undefined
    : partCutter({ engine: nativeEngine, access: fileContent, cutting }, (length) => new Uint8Array(memory, 0, length));
  const cut = (task: CutTask): Served<CutReply> => {
    if (cutter === undefined) throw new TypeError("Cannot cut content: the archive does not share any");
    memory = task.memory;
    const parts = unpackParts(task.parts);
    const { outcomes, lengths, ids } = cutter(parts);
    return { reply: { outcomes: packCuts(parts, outcomes), lengths, ids } };
  };
  const seal = ({ frame, count, rows, memory, length, slot }: SealTask): Served<SealReply> => {
    const data = new Uint8Array(memory, 0, length);
    const { transfer, ...reply } = sent(sealBlock({ frame, count, rows, data }, { ...tools, allocate: into(slot) }));
    return { reply, transfer };
  };
  return (task) => {
    if (task.kind !== "build") return task.kind === "cut" ? cut(task) : seal(task);
    try {
      return build(task);
    } finally {
      Atomics.add(new Int32Array(done), 0, 1);
    }
  };
});

/** A sealed frame on its way: in its slot already, or in memory that changes hands. */
function sent(bytes: Bytes): SealReply & { readonly transfer: Transferable[] } {
  const { buffer, length } = bytes;
  return buffer instanceof ArrayBuffer
    ? { bytes, length, transfer: [buffer] }
    : { bytes: undefined, length, transfer: [] };
}
