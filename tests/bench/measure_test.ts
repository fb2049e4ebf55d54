import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { measure } from "../../bench/measure.ts";

const MEBIBYTE = 2 ** 20;

function script(source: string): string[] {
  return [Deno.execPath(), "eval", source];
}

Deno.test("measure() tells time, processor time and the peak of a child's memory", async () => {
  const idle = await measure(script("await new Promise((resolve) => setTimeout(resolve, 300));"), { cwd: "." });
  const large = script(
    "globalThis.kept = new Uint8Array(200 * 2 ** 20).fill(1); const end = Date.now() + 400; while (Date.now() < end);",
  );
  const busy = await measure(large, { cwd: "." });
  assertGreater(idle.seconds, 0.3);
  if (Deno.build.os !== "linux") {
    assertEquals([idle.cpuSeconds, idle.peakBytes], [undefined, undefined]);
    return;
  }
  assert(busy.cpuSeconds !== undefined && busy.peakBytes !== undefined);
  assert(idle.cpuSeconds !== undefined && idle.peakBytes !== undefined);
  assertGreater(busy.cpuSeconds, idle.cpuSeconds);
  assertGreater(busy.peakBytes, idle.peakBytes + 150 * MEBIBYTE);
});

Deno.test("measure() passes variables, and fails with what the program said", async () => {
  const failing = script('console.error(Deno.env.get("NAMED")); Deno.exit(3);');
  const error = await assertRejects(() => measure(failing, { cwd: ".", env: { NAMED: "told so" } }), Error, "told so");
  assertEquals(String(error).includes("exit code 3"), true);
});

Deno.test("measure() ends the program when it is told to", async () => {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new Error("enough")), 200);
  const start = performance.now();
  const waiting = script("await new Promise((resolve) => setTimeout(resolve, 60_000));");
  await assertRejects(() => measure(waiting, { cwd: ".", signal: stop.signal }), Error, "enough");
  assertLess(performance.now() - start, 30_000);
  clearTimeout(timer);
});
