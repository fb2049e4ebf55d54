/** The engines as a table: every test of this folder runs over each of them, in private and in shared memory. */

import type { Bytes, Engine } from "../../src/engine/engine.ts";
import { nativeEngine, runtimeEngine } from "../../src/engine/native/engine.ts";
import { portableEngine } from "../../src/engine/portable/engine.ts";

export const ENGINES: readonly Engine[] = [nativeEngine, runtimeEngine, portableEngine];

/** A place for bytes: what a buffer is made of must never matter to an engine. */
export interface Memory {
  readonly name: string;
  allocate(length: number): Bytes;
}

export const MEMORIES: readonly Memory[] = [
  { name: "private", allocate: (length) => new Uint8Array(length) },
  { name: "shared", allocate: (length) => new Uint8Array(new SharedArrayBuffer(length)) },
  // At an odd offset, and with neighbours that a write past the end would hit.
  { name: "unaligned", allocate: (length) => new Uint8Array(new ArrayBuffer(length + 8), 3, length) },
];

/** Registers `body` as one test per engine. */
export function testEach(name: string, body: (engine: Engine) => void | Promise<void>): void {
  for (const engine of ENGINES) Deno.test(`${engine.name} ${name}`, () => body(engine));
}

/** Registers `body` as one test per engine and kind of memory. */
export function testEverywhere(name: string, body: (engine: Engine, memory: Memory) => void | Promise<void>): void {
  for (const memory of MEMORIES) testEach(`${name} (${memory.name} memory)`, (engine) => body(engine, memory));
}

/** `bytes`, copied into `memory`. */
export function place(memory: Memory, bytes: Bytes): Bytes {
  const placed = memory.allocate(bytes.length);
  placed.set(bytes);
  return placed;
}

/** Bytes that look random and are the same on every run (xorshift32). */
export function noise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}
