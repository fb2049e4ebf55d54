/** Sealing and opening by suite and engine. Each iteration takes 1 MiB, so iterations per second are MiB/s. */
import type { Engine, SuiteId } from "../src/engine/engine.ts";
import { nativeEngine } from "../src/engine/native/engine.ts";
import { portableEngine } from "../src/engine/portable/engine.ts";
import { randomSample } from "./samples.ts";

const ENGINES: readonly Engine[] = [nativeEngine, portableEngine];
const SUITES: readonly { readonly id: SuiteId; readonly name: string }[] = [
  { id: 1, name: "chacha20-poly1305" },
  { id: 2, name: "aes-256-gcm" },
];
const CHUNK_BYTES = 2 ** 16;
const CHUNKS = 16;
const TAG_BYTES = 16;

const key = randomSample(32);
const nonce = new Uint8Array(12);
const plaintext = randomSample(CHUNK_BYTES);
const sealed = new Uint8Array(CHUNK_BYTES + TAG_BYTES);
const opened = new Uint8Array(CHUNK_BYTES);

for (const { id, name } of SUITES) {
  for (const engine of ENGINES) {
    const aead = engine.aead(id, key);
    const isBaseline = engine === nativeEngine;
    Deno.bench({
      name: `seal, ${name}, ${engine.name}`,
      group: `seal 16 x 64 KiB, ${name}: iter/s = MiB/s`,
      baseline: isBaseline,
      fn() {
        for (let i = 0; i < CHUNKS; i++) aead.seal(nonce, plaintext, sealed);
      },
    });
    const message = new Uint8Array(sealed.length);
    aead.seal(nonce, plaintext, message);
    Deno.bench({
      name: `open, ${name}, ${engine.name}`,
      group: `open 16 x 64 KiB, ${name}: iter/s = MiB/s`,
      baseline: isBaseline,
      fn() {
        for (let i = 0; i < CHUNKS; i++) {
          if (!aead.open(nonce, message, opened)) throw new Error("Cannot open what was just sealed");
        }
      },
    });
  }
}
