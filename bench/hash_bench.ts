/** Checksums and hashes over 1 MiB, so that iterations per second are MiB/s; and the passphrase function. */
import type { Engine } from "../src/engine/engine.ts";
import { nativeEngine } from "../src/engine/native/engine.ts";
import { portableEngine } from "../src/engine/portable/engine.ts";
import { DEFAULT_LOG_N } from "../src/format/limits.ts";
import { randomSample } from "./samples.ts";

const ENGINES: readonly Engine[] = [nativeEngine, portableEngine];
const data = randomSample(2 ** 20);
const rowItem = data.subarray(0, 160);

for (const engine of ENGINES) {
  const baseline = engine === nativeEngine;
  Deno.bench({
    name: `CRC-32, ${engine.name}`,
    group: "CRC-32 of 1 MiB: iter/s = MiB/s",
    baseline,
    fn: () => void engine.crc32(data),
  });
  Deno.bench({
    name: `SHA-256, ${engine.name}`,
    group: "SHA-256 of 1 MiB: iter/s = MiB/s",
    baseline,
    fn: () => void engine.sha256(data),
  });
  Deno.bench({
    name: `SHA-256 of a row, ${engine.name}`,
    group: "SHA-256 of 160 bytes: iter/s = rows/s",
    baseline,
    fn: () => void engine.sha256(rowItem),
  });
}

Deno.bench({
  name: `scrypt, logN ${DEFAULT_LOG_N}, r 8, p 1, native`,
  group: `scrypt, logN ${DEFAULT_LOG_N}: 128 MiB of memory`,
  n: 5,
  warmup: 1,
  async fn() {
    await nativeEngine.scrypt(rowItem, data.subarray(0, 32), { logN: DEFAULT_LOG_N, r: 8, p: 1 }, 64);
  },
});
