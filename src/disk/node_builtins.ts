/**
 * The runtime's `node:fs` and `node:crypto`, loaded when they are first asked for: that takes some 20 ms in each
 * thread, and where the C library can be called, hardly anything needs them.
 */
import type * as crypto from "node:crypto";
import type * as fs from "node:fs";

let loadedFs: typeof fs | undefined;

/** `node:fs`. */
export function nodeFs(): typeof fs {
  return loadedFs ??= globalThis.process.getBuiltinModule("node:fs");
}

/** `node:crypto`. */
export function nodeCrypto(): typeof crypto {
  return globalThis.process.getBuiltinModule("node:crypto");
}
