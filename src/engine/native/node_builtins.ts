/**
 * The runtime's own `node:crypto` and `node:zlib`, loaded when they are first asked for: in Deno that takes some 25 ms
 * in each thread, and where the system's libraries can be had, most runs never need them. Deno, Node.js and Bun have
 * this call; an import would load them before anything runs.
 */
import type * as crypto from "node:crypto";
import type * as zlib from "node:zlib";

let loadedCrypto: typeof crypto | undefined;
let loadedZlib: typeof zlib | undefined;

/** `node:crypto`. */
export function nodeCrypto(): typeof crypto {
  return loadedCrypto ??= globalThis.process.getBuiltinModule("node:crypto");
}

/** `node:zlib`. */
export function nodeZlib(): typeof zlib {
  return loadedZlib ??= globalThis.process.getBuiltinModule("node:zlib");
}
