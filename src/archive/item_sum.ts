/**
 * The multiset hash of one reader: hashes of items, keyed with a key of its own, added up modulo 2^128. Where
 * WebAssembly may run, the hash is SipHash-2-4 (item_sum.wat); where a page's content security policy forbids it, it is
 * SHA-256 over key and item, cut to 128 bits: slower, and as good. See decision 12.
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import { KERNEL_BASE64 } from "./item_sum_bytes.ts";

/** Bytes of a key. */
export const ITEM_KEY_BYTES = 16;

/** A sum of hashes modulo 2^128, least significant word first. */
export type Sum = Uint32Array<ArrayBuffer>;

const SUM_OFFSET = 16;
const SUM_WORDS = 4;
/** Where an item begins in the memory. */
export const ITEM_OFFSET = 32;
const MEMORY_PAGE_BYTES = 65_536;
const FALLBACK_BYTES = 2 * MEMORY_PAGE_BYTES;

interface Kernel {
  readonly memory: WebAssembly.Memory;
  count(start: number, end: number, taken: number): void;
}

let compiled: WebAssembly.Module | undefined;

function startKernel(): Kernel | null {
  try {
    compiled ??= new WebAssembly.Module(Uint8Array.from(atob(KERNEL_BASE64), (character) => character.charCodeAt(0)));
    return new WebAssembly.Instance(compiled).exports as unknown as Kernel;
  } catch {
    return null;
  }
}

/** Memory for one item at a time, and the sum of those that were counted. */
export class ItemSum {
  readonly #engine: Engine;
  readonly #kernel: Kernel | null;
  readonly #key: Bytes;
  #memory: ArrayBuffer;
  /** The memory, an item from {@linkcode ITEM_OFFSET} on. */
  bytes: Bytes;
  /** The same memory. */
  words: Uint32Array<ArrayBuffer>;
  /** The same memory. */
  numbers: Float64Array<ArrayBuffer>;

  /** Starts with nothing. `kernel` is for tests: `null` is a place where WebAssembly is forbidden. */
  constructor(engine: Engine, key: Bytes, kernel: Kernel | null = startKernel()) {
    this.#engine = engine;
    this.#kernel = kernel;
    this.#key = key;
    this.#memory = kernel === null ? new ArrayBuffer(FALLBACK_BYTES) : kernel.memory.buffer as ArrayBuffer;
    [this.bytes, this.words, this.numbers] = viewsOf(this.#memory);
    this.bytes.set(key);
  }

  /** Makes room for an item of so many bytes; what is in the memory stays. */
  reserve(length: number): void {
    const missing = ITEM_OFFSET + length - this.#memory.byteLength;
    if (missing <= 0) return;
    if (this.#kernel === null) {
      const more = new ArrayBuffer(2 * (this.#memory.byteLength + missing));
      new Uint8Array(more).set(this.bytes);
      this.#memory = more;
    } else {
      this.#kernel.memory.grow(Math.ceil(missing / MEMORY_PAGE_BYTES));
      this.#memory = this.#kernel.memory.buffer as ArrayBuffer;
    }
    [this.bytes, this.words, this.numbers] = viewsOf(this.#memory);
  }

  /** Counts the item that ends at `end`, a multiple of 8: adds its hash, or takes it away. */
  count(end: number, sign: 1 | -1): void {
    if (this.#kernel !== null) {
      this.#kernel.count(ITEM_OFFSET, end, sign === 1 ? 0 : 1);
      return;
    }
    const hash = this.#engine.sha256(this.#key, this.bytes.slice(ITEM_OFFSET, end));
    const words = new Uint32Array(hash.slice(0, 4 * SUM_WORDS).buffer);
    if (sign === 1) this.add(words);
    else this.#subtract(words);
  }

  /** Adds another sum. */
  add(other: Sum): void {
    const sum = this.#sum();
    let carry = 0;
    for (let i = 0; i < SUM_WORDS; i++) {
      const total = (sum[i] as number) + (other[i] as number) + carry;
      carry = total >= 2 ** 32 ? 1 : 0;
      sum[i] = total - carry * 2 ** 32;
    }
  }

  #subtract(other: Sum): void {
    const sum = this.#sum();
    let borrow = 0;
    for (let i = 0; i < SUM_WORDS; i++) {
      const total = (sum[i] as number) - (other[i] as number) - borrow;
      borrow = total < 0 ? 1 : 0;
      sum[i] = total + borrow * 2 ** 32;
    }
  }

  #sum(): Sum {
    return this.words.subarray(SUM_OFFSET / 4, SUM_OFFSET / 4 + SUM_WORDS);
  }

  /** The sum, and starts again with nothing. */
  take(): Sum {
    const sum = this.#sum();
    const taken = sum.slice();
    sum.fill(0);
    return taken;
  }

  /** Whether everything that was added was taken away. */
  get isZero(): boolean {
    return this.#sum().every((word) => word === 0);
  }
}

function viewsOf(memory: ArrayBuffer): [Bytes, Uint32Array<ArrayBuffer>, Float64Array<ArrayBuffer>] {
  return [new Uint8Array(memory), new Uint32Array(memory), new Float64Array(memory)];
}
