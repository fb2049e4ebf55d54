/** Building the blocks of an archive on several threads. */
import {
  type BlockBuilder,
  type BlockPlan,
  type BlockSetting,
  blockTools,
  type BuiltBlock,
  inlineBuilder,
} from "../archive/block_builder.ts";
import { BLOCK_BYTES } from "../archive/planner.ts";
import { fileContent } from "../disk/content.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { packParts, unpackOutcomes } from "./block_message.ts";
import type { BuildReply, BuildSetup, BuildTask } from "./create_worker.ts";
import { Crew, WorkerFailure, type WorkerThread } from "./crew.ts";

/** Builds blocks on worker threads until it is disposed, which ends them. */
export interface ParallelBuilder extends BlockBuilder, Disposable {}

/** How blocks are built in parallel. */
export interface BuildOptions {
  /** Worker threads; at least 1. */
  readonly jobs: number;
  /** Starts one; default: a `Worker`. */
  readonly start?: () => WorkerThread;
}

/** Blocks that are built where they are asked for: a small archive is finished before a thread has started. */
const INLINE_BLOCKS = 2;
/** Blocks under way for each worker: one to build, one that waits, so that none is ever idle. */
const BLOCKS_PER_WORKER = 2;
/** A sealed block and its rows; a larger one travels in memory of its own. */
const SLOT_BYTES = BLOCK_BYTES + 2 ** 19;

/** A builder of an archive's blocks, of files on this disk, with the native engine. */
export function buildInParallel(setting: BlockSetting, options: BuildOptions): ParallelBuilder {
  return new CrewBuilder(setting, options);
}

function startWorker(): Worker {
  return new Worker(new URL("./create_worker.ts", import.meta.url), { type: "module", name: "create" });
}

class CrewBuilder implements ParallelBuilder {
  readonly width: number;
  readonly #setting: BlockSetting;
  readonly #options: BuildOptions;
  readonly #inline: BlockBuilder;
  readonly #slots: readonly SharedArrayBuffer[];
  readonly #free: number[];
  #crew: Crew<BuildSetup, BuildTask, BuildReply> | undefined;
  #begun = 0;

  constructor(setting: BlockSetting, options: BuildOptions) {
    this.width = options.jobs * BLOCKS_PER_WORKER;
    this.#setting = setting;
    this.#options = options;
    this.#inline = inlineBuilder(blockTools(nativeEngine, setting, fileContent));
    this.#slots = Array.from({ length: this.width }, () => new SharedArrayBuffer(SLOT_BYTES));
    this.#free = this.#slots.map((_, i) => i);
  }

  build(plan: BlockPlan): BuiltBlock | Promise<BuiltBlock> {
    this.#begun++;
    // Started a block early, they are there when the next one is planned.
    if (this.#begun === INLINE_BLOCKS) this.#start();
    return this.#begun <= INLINE_BLOCKS ? this.#inline.build(plan) : this.#send(plan);
  }

  #start(): void {
    const setup = { setting: this.#setting, slots: this.#slots };
    this.#crew = new Crew(this.#options.jobs, this.#options.start ?? startWorker, setup);
  }

  async #send(plan: BlockPlan): Promise<BuiltBlock> {
    const slot = this.#free.pop();
    if (slot === undefined || this.#crew === undefined) {
      throw new RangeError("Cannot build a block: too many are under way");
    }
    const parts = packParts(plan.parts);
    const transfer = [parts.rows.numbers.buffer, parts.parts.buffer, ...transferable(parts.bytes)];
    let reply: BuildReply;
    try {
      reply = await this.#crew.run({ frame: plan.frame, parts, slot }, transfer);
    } catch (error) {
      throw error instanceof WorkerFailure ? namedFailure(error, plan) : error;
    }
    return {
      frame: plan.frame,
      bytes: reply.bytes ?? new Uint8Array(this.#slots[slot] as SharedArrayBuffer, 0, reply.length),
      outcomes: unpackOutcomes(plan.parts, reply.outcomes),
      contentBytes: reply.contentBytes,
      release: () => this.#free.push(slot),
    };
  }

  [Symbol.dispose](): void {
    this.#crew?.[Symbol.dispose]();
  }
}

function transferable(pieces: readonly Uint8Array[]): ArrayBuffer[] {
  const buffers = pieces.flatMap(({ buffer }) => buffer instanceof ArrayBuffer ? [buffer] : []);
  return [...new Set(buffers)];
}

function namedFailure(error: WorkerFailure, { parts }: BlockPlan): WorkerFailure {
  const path = JSON.stringify(parts[0]?.row.path ?? "");
  const what = parts.length > 1 ? `${path} and what follows it` : path;
  return new WorkerFailure(`Cannot store ${what}: ${error.message}`, { cause: error });
}
