/**
 * The system's libraries, where this machine has them. What they seal and compress is compared with what the other
 * engines do in the tests of every engine.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { constants, crc32 } from "node:zlib";
import type { SuiteId } from "../../src/engine/engine.ts";
import { runtimeEngine } from "../../src/engine/native/engine.ts";
import { systemAead } from "../../src/engine/native/libcrypto_aead.ts";
import { systemHashes } from "../../src/engine/native/libcrypto_hashes.ts";
import { systemCrc32 } from "../../src/engine/native/libz.ts";
import { systemDecoder, systemEncoder } from "../../src/engine/native/libzstd.ts";
import { nodeAead } from "../../src/engine/native/node_aead.ts";
import { openSystemLibrary } from "../../src/foreign/system_library.ts";
import * as numbers from "../../src/engine/native/zstd_constants.ts";
import { isLoneZstdFrame } from "../../src/engine/zstd_frame.ts";
import { noise } from "./engines.ts";

/** Whether the loader finds a library, as others ask it. */
function isThere(library: string): boolean {
  try {
    Deno.dlopen(library, {}).close();
    return true;
  } catch (cause) {
    console.warn(`skipped: this machine has no ${library}: ${String(cause)}`);
    return false;
  }
}

const isFitting = Deno.build.os === "linux" && ["x86_64", "aarch64"].includes(Deno.build.arch);
const hasCrypto = isFitting && isThere("libcrypto.so.3");
const hasZ = isFitting && isThere("libz.so.1");
const hasZstd = isFitting && isThere("libzstd.so.1");
const LEVEL_3 = { [constants.ZSTD_c_compressionLevel]: 3 };

Deno.test({
  name: "libcrypto passes its trial in both suites, where the system has it",
  ignore: !hasCrypto,
  fn() {
    for (const suite of [1, 2] as const) assert(systemAead(suite, noise(32)) !== undefined, `suite ${suite}`);
  },
});

Deno.test({
  name: "libcrypto passes its trial of hashes and of scrypt, where the system has it",
  ignore: !hasCrypto,
  async fn() {
    const hashes = systemHashes();
    assert(hashes !== undefined);
    assert(await hashes.hasScrypt());
  },
});

Deno.test({
  name: "libz passes its trial, where the system has it, and sums what is nothing",
  ignore: !hasZ,
  fn() {
    const sum = systemCrc32();
    assert(sum !== undefined);
    assertEquals(sum(noise(100_003)), crc32(noise(100_003)));
    assertEquals(sum(new Uint8Array()), 0);
  },
});

Deno.test("zstd's numbers are those that node:zlib gives", () => {
  for (const [name, value] of Object.entries(numbers)) {
    assertEquals(value, constants[name as keyof typeof constants], name);
  }
});

Deno.test({
  name: "ciphers of several keys and suites take turns, also after messages that were refused",
  ignore: !hasCrypto,
  fn() {
    const suites: readonly SuiteId[] = [1, 2, 2, 1, 2, 1];
    const pairs = suites.map((suite, i) => [systemAead(suite, noise(32, i + 1)), nodeAead(suite, noise(32, i + 1))]);
    for (let round = 0; round < 50; round++) {
      const [system, node] = pairs[round * 7 % pairs.length]!;
      const nonce = noise(12, round + 1);
      const plaintext = noise(round * 131, round + 1);
      const [sealed, expected] = [new Uint8Array(plaintext.length + 16), new Uint8Array(plaintext.length + 16)];
      system!.seal(nonce, plaintext, sealed);
      node!.seal(nonce, plaintext, expected);
      assertEquals(sealed, expected);
      const opened = new Uint8Array(plaintext.length);
      assert(!system!.open(nonce, sealed.with(round % sealed.length, sealed[round % sealed.length]! ^ 1), opened));
      assert(system!.open(nonce, sealed, opened));
      assertEquals(opened, plaintext);
    }
  },
});

Deno.test({
  name: "a worker that ends leaves the libraries to the others",
  ignore: !hasCrypto,
  async fn() {
    const aead = systemAead(1, noise(32))!;
    const sealed = new Uint8Array(116);
    aead.seal(noise(12), noise(100), sealed);
    const engine = import.meta.resolve("../../src/engine/native/engine.ts");
    const source = `import { nativeEngine } from "${engine}";
      onmessage = ({ data }) => {
        const out = new Uint8Array(100);
        postMessage(nativeEngine.aead(1, data.key).open(data.nonce, data.sealed, out) && out);
      };
      postMessage("ready");`;
    for (let i = 0; i < 3; i++) {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const worker = new Worker(url, { type: "module" });
      const next = () =>
        new Promise<unknown>((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = (event) => reject(new Error(event.message));
        });
      assertEquals(await next(), "ready");
      const answer = next();
      worker.postMessage({ key: noise(32), nonce: noise(12), sealed });
      assertEquals(await answer, noise(100));
      worker.terminate();
      URL.revokeObjectURL(url);
      const opened = new Uint8Array(100);
      assert(aead.open(noise(12), sealed, opened));
      assertEquals(opened, noise(100));
    }
  },
});

Deno.test({
  name: "libzstd passes its trial, where the system has it, and goes on after too little room and bad parameters",
  ignore: !hasZstd,
  fn() {
    const zstd = { encodeInto: systemEncoder()!, decodeInto: systemDecoder()! };
    const raw = new TextEncoder().encode("one word after another ".repeat(3000));
    const first = new Uint8Array(zstd.encodeInto(raw, LEVEL_3, new Uint8Array(raw.length))!);
    assert(isLoneZstdFrame(first, raw.length));
    assertEquals(zstd.encodeInto(raw, LEVEL_3, new Uint8Array(20)), undefined);
    assertEquals(zstd.encodeInto(raw, { [constants.ZSTD_c_windowLog]: 99 }, new Uint8Array(raw.length)), undefined);
    assertEquals(zstd.encodeInto(raw, LEVEL_3, new Uint8Array(raw.length)), first);
    const back = new Uint8Array(raw.length);
    assert(!zstd.decodeInto(first.subarray(0, -1), back));
    assert(!zstd.decodeInto(first, back.subarray(1)));
    assert(zstd.decodeInto(first, back));
    assertEquals(back, raw);
  },
});

Deno.test({
  name: "libzstd gives equal frames for equal content at every level, whatever came before",
  ignore: !hasZstd,
  fn() {
    const zstd = { encodeInto: systemEncoder()!, decodeInto: systemDecoder()! };
    const words = noise(3000);
    const raw = new Uint8Array(300_000);
    for (let at = 0; at < raw.length; at += 17) {
      const start = (at * 7919 + (at >> 7) * 31) % 2900;
      raw.set(words.subarray(start, start + Math.min(17, raw.length - at)), at);
    }
    const levels = Array.from({ length: 19 }, (_, i) => i + 1);
    const framed = (level: number) => {
      const params = { [constants.ZSTD_c_compressionLevel]: level };
      return new Uint8Array(zstd.encodeInto(raw, params, new Uint8Array(2 * raw.length))!);
    };
    const first = levels.map(framed);
    const last = [...levels].reverse().map(framed).reverse();
    for (const level of levels) assertEquals(last[level - 1], first[level - 1], `level ${level}`);
  },
});

Deno.test("openSystemLibrary() gives nothing for a library that is not there, or has not all functions", () => {
  assertEquals(openSystemLibrary("libcoffer-is-no-such-library.so.9", {}), undefined);
  const missing = { coffer_has_no_such_function: { parameters: [], result: "void" } } as const;
  assertEquals(openSystemLibrary("libc.so.6", missing), undefined);
});

Deno.test({
  name: "systemAead() refuses keys of a wrong length",
  ignore: !hasCrypto,
  fn() {
    assertThrows(() => systemAead(1, new Uint8Array(31)), RangeError, "Cannot use the key");
  },
});

Deno.test({
  name: "scrypt by libcrypto works on its own copies, and does no harm when its worker is ended meanwhile",
  ignore: !hasCrypto,
  async fn() {
    const engine = import.meta.resolve("../../src/engine/native/engine.ts");
    const source = `import { nativeEngine } from "${engine}";
      const cost = { logN: 15, r: 8, p: 1 };
      await nativeEngine.scrypt(new Uint8Array(3), new Uint8Array(32), { ...cost, logN: 1 }, 64);
      nativeEngine.scrypt(new Uint8Array(3), new Uint8Array(32), cost, 64);
      postMessage("under way");`;
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(url, { type: "module" });
      await new Promise((resolve, reject) => {
        worker.onmessage = resolve;
        worker.onerror = (event) => reject(new Error(event.message));
      });
      worker.terminate();
    }
    URL.revokeObjectURL(url);
    const cost = { logN: 12, r: 8, p: 1 };
    const [passphrase, salt] = [noise(20), noise(32, 2)];
    const derived = systemHashes()!.scrypt(passphrase, salt, cost, 64);
    // It has its own: what it was given may change at once.
    passphrase.fill(0);
    salt.fill(0);
    assertEquals(await derived, await runtimeEngine.scrypt(noise(20), noise(32, 2), cost, 64));
  },
});
