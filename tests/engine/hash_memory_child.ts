/**
 * Takes many keyed hashes of little, as of the chunks of content, and prints as JSON how many bytes this process had
 * resident after the first few, and at most.
 */
import { nativeEngine } from "../../src/engine/native/engine.ts";

const HASHES = 400_000;

const statusBytes = (field: string) => {
  const found = new RegExp(`^${field}:\\s*(\\d+) kB$`, "m").exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  return Number(found) * 1024;
};
const key = new Uint8Array(32);
const data = new Uint8Array(64);
for (let i = 0; i < 1000; i++) nativeEngine.hmacSha256(key, data);
const firstBytes = statusBytes("VmRSS");
for (let i = 0; i < HASHES; i++) nativeEngine.hmacSha256(key, data);
console.log(JSON.stringify({ firstBytes, peakBytes: statusBytes("VmHWM") }));
