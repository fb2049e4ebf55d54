/** Building the blocks of an archive on several threads. */
import {
  type BlockBuilder,
  type BlockPart,
  type BlockPlan,
  type BlockSetting,
  type BlockTools,
  blockTools,
  buildBlock,
  type BuiltBlock,
  inlineBuilder,
  type SealedBlock,
  type SharingBuilder,
  type UnsealedBlock,
} from "../archive/block_builder.ts";
import { contentLength, type CutParts } from "../archive/content_cutter.ts";
import { LARGE_BLOCK_BYTES } from "../archive/planner.ts";
import { PART_BYTES } from "../archive/write_shared.ts";
import { fileContent } from "../disk/content.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { packParts, packWhole, unpackCuts, unpackOutcomes } from "./block_message.ts";
import type { BuildReply, BuildSetup, BuiltReply, CutReply, SealReply, WorkReply, WorkTask } from "./create_worker.ts";
import { Crew, WorkerFailure, type WorkerThread } from "./crew.ts";

/** Builds blocks on worker threads until it is disposed, which ends them. */
export interface ParallelBuilder extends BlockBuilder, Disposable {}

/** How blocks are built in parallel. */
export interface BuildOptions {
  /** Threads that build, this one among them; at least 2. */
  readonly jobs: number;
  /** Starts one; default: a `Worker`. */
  readonly start?: () => WorkerThread;
}

/** Blocks that are built where they are asked for: a small archive is finished before a thread has started. */
const INLINE_BLOCKS = 2;
/** Blocks given to each worker: one to build, one that waits, so that none is ever idle. */
const BLOCKS_PER_WORKER = 2;
/** A sealed block and its rows; a larger one travels in memory of its own. */
const SLOT_BYTES = LARGE_BLOCK_BYTES + 2 ** 19;

/** A builder of an archive's blocks, of files on this disk, with the native engine. */
export function buildInParallel(setting: BlockSetting, options: BuildOptions): ParallelBuilder {
  return new CrewBuilder(setting, options);
}

function startWorker(): Worker {
  return new Worker(new URL("./create_worker.ts", import.meta.url), { type: "module", name: "create" });
}

/**
 * Workers build, and this thread does too while they have enough to do: it would only wait, and a thread fewer is its
 * start and its memory saved.
 */
class CrewBuilder implements ParallelBuilder {
  readonly width: number;
  readonly #tools: BlockTools;
  /** Blocks that workers may have at a time. */
  readonly #room: number;
  /**
   * Blocks that they were given, and, in memory that they count in, how many are done: replies wait for the event loop.
   */
  #given = 0;
  readonly #done = new SharedArrayBuffer(4);
  readonly #setting: BlockSetting;
  readonly #options: BuildOptions;
  readonly #inline: BlockBuilder;
  readonly #slots: readonly SharedArrayBuffer[];
  readonly #free: number[];
  readonly sharing?: SharingBuilder;
  #crew: Crew<BuildSetup, WorkTask, WorkReply> | undefined;
  #begun = 0;

  constructor(setting: BlockSetting, options: BuildOptions) {
    this.#room = (options.jobs - 1) * BLOCKS_PER_WORKER;
    // What is built here may be behind all that they have.
    this.width = options.jobs * BLOCKS_PER_WORKER;
    this.#setting = setting;
    this.#options = options;
    this.#tools = blockTools(nativeEngine, setting, fileContent);
    this.#inline = inlineBuilder(this.#tools);
    this.#slots = Array.from({ length: this.width }, () => new SharedArrayBuffer(SLOT_BYTES));
    this.#free = this.#slots.map((_, i) => i);
    const { sharing } = this.#inline;
    if (sharing !== undefined) this.sharing = this.#sharing(sharing);
  }

  build(plan: BlockPlan): BuiltBlock | Promise<BuiltBlock> {
    this.#begun++;
    // Started a block early, they are there when the next one is planned.
    if (this.#begun === INLINE_BLOCKS) this.#start(this.#options.jobs - 1);
    const waiting = this.#given - Atomics.load(new Int32Array(this.#done), 0);
    return this.#begun <= INLINE_BLOCKS || waiting >= this.#room ? this.#buildHere(plan) : this.#send(plan);
  }

  #buildHere(plan: BlockPlan): BuiltBlock {
    let taken: number | undefined;
    const allocate = (length: number): Uint8Array => {
      if (length > SLOT_BYTES) return new Uint8Array(length);
      return this.#inSlot(taken = this.#takeSlot(), length);
    };
    const built = buildBlock(plan, { ...this.#tools, allocate });
    const slot = taken;
    return slot === undefined ? built : { ...built, release: () => this.#free.push(slot) };
  }

  /** What shares content: the first of it is cut here, and when no more comes, its blocks are sealed here too. */
  #sharing(inline: SharingBuilder): SharingBuilder {
    const content = new Memory();
    const data = new Memory();
    let here = 0;
    return {
      cut: (parts) => {
        here += contentLength(parts);
        if (this.#crew === undefined && here <= PART_BYTES) return inline.cut(parts);
        if (this.#crew === undefined) this.#start(this.#options.jobs);
        return this.#cut(parts, content);
      },
      allocate: (length) => new Uint8Array(data.take(length), 0, length),
      seal: (block) => {
        const memory = block.data.buffer as SharedArrayBuffer;
        const give = () => data.give(memory);
        if (this.#crew === undefined) return { ...inline.seal(block) as SealedBlock, release: give };
        return this.#seal(block, memory, give);
      },
    };
  }

  async #cut(parts: readonly BlockPart[], content: Memory): Promise<CutParts> {
    const memory = content.take(contentLength(parts));
    const packed = packParts(parts);
    const transfer = [packed.rows.numbers.buffer, packed.parts.buffer, ...transferable(packed.bytes)];
    const { outcomes, lengths, ids } = await this.#run<CutReply>(
      { kind: "cut", parts: packed, memory },
      transfer,
      parts,
    );
    const release = () => content.give(memory);
    return { outcomes: unpackCuts(parts, outcomes), bytes: new Uint8Array(memory), lengths, ids, release };
  }

  async #seal(block: UnsealedBlock, memory: SharedArrayBuffer, give: () => void): Promise<SealedBlock> {
    // Blocks without data have memory of no kind that is shared.
    const shared = memory instanceof SharedArrayBuffer ? memory : new SharedArrayBuffer(0);
    const slot = this.#takeSlot();
    const { frame, count, rows, data: { length } } = block;
    const reply = await this.#run<SealReply>(
      { kind: "seal", frame, count, rows, memory: shared, length, slot },
      [],
      [],
    );
    const release = () => {
      this.#free.push(slot);
      if (shared === memory) give();
    };
    return { bytes: reply.bytes ?? this.#inSlot(slot, reply.length), release };
  }

  #takeSlot(): number {
    const slot = this.#free.pop();
    if (slot === undefined) throw new RangeError("Cannot build a block: too many are under way");
    return slot;
  }

  #inSlot(slot: number, length: number): Uint8Array {
    return new Uint8Array(this.#slots[slot] as SharedArrayBuffer, 0, length);
  }

  /** Has a worker do a task; a failure of the worker is told with what it was about. */
  async #run<R extends WorkReply>(task: WorkTask, transfer: Transferable[], parts: readonly BlockPart[]): Promise<R> {
    if (this.#crew === undefined) throw new TypeError("Cannot build a block: no worker was started");
    try {
      return await this.#crew.run(task, transfer) as R;
    } catch (error) {
      throw error instanceof WorkerFailure ? namedFailure(error, parts) : error;
    }
  }

  #start(workers: number): void {
    const setup = { setting: this.#setting, slots: this.#slots, done: this.#done };
    this.#crew = new Crew(workers, this.#options.start ?? startWorker, setup);
  }

  async #send(plan: BlockPlan): Promise<BuiltBlock> {
    const slot = this.#takeSlot();
    const { frame, parts, rows } = plan;
    if (rows !== undefined) {
      const whole = packWhole(rows.bytes, parts);
      const task = { kind: "build", frame, parts: whole, slot } as const;
      this.#given++;
      const reply = await this.#run<BuildReply>(task, [whole.numbers.buffer], parts);
      if (reply !== undefined) return { ...this.#built(reply, plan, slot), outcomes: [], held: { frame, parts, rows } };
    }
    const packed = packParts(parts);
    const transfer = [packed.rows.numbers.buffer, packed.parts.buffer, ...transferable(packed.bytes)];
    this.#given++;
    const reply = await this.#run<BuiltReply>({ kind: "build", frame, parts: packed, slot }, transfer, parts);
    return { ...this.#built(reply, plan, slot), outcomes: unpackOutcomes(parts, reply.outcomes) };
  }

  #built(reply: BuiltReply, { frame }: BlockPlan, slot: number): Omit<BuiltBlock, "outcomes"> {
    return {
      frame,
      bytes: reply.bytes ?? this.#inSlot(slot, reply.length),
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

/** Shared memory that is used again; each piece is as large as it ever had to be. */
class Memory {
  readonly #free: SharedArrayBuffer[] = [];

  take(length: number): SharedArrayBuffer {
    const memory = this.#free.pop();
    return memory === undefined || memory.byteLength < length ? new SharedArrayBuffer(length) : memory;
  }

  give(memory: SharedArrayBuffer): void {
    this.#free.push(memory);
  }
}

function namedFailure(error: WorkerFailure, parts: readonly BlockPart[]): WorkerFailure {
  if (parts.length === 0) return new WorkerFailure(`Cannot store a block: ${error.message}`, { cause: error });
  const path = JSON.stringify(parts[0]?.row.path ?? "");
  const what = parts.length > 1 ? `${path} and what follows it` : path;
  return new WorkerFailure(`Cannot store ${what}: ${error.message}`, { cause: error });
}
