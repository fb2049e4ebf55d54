/** What a bug may show. */
import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { type CommandLoaders, run } from "../../src/cli/run.ts";
import "../../src/disk/libc.ts"; // loaded once for all, and so not within a test
import { FakeSystem } from "./fake_system.ts";

Deno.test("a crash with the passphrase in memory shows where, and not the passphrase", async () => {
  const env = { COFFER_PASSPHRASE: "seven plum anchors drift by the quay", COFFER_DEBUG: "1" };
  const system = new FakeSystem({ env });
  system.stdout.failure = new RangeError("an error that nobody foresaw");
  const args = ["create", "-", "--kdf-log-n", "15", "deno.json"];
  const commands = { create: () => import("../../src/cli/commands/create.ts") } as unknown as CommandLoaders;
  const exitCode = await run(args, system, commands, { addSignalListener() {}, removeSignalListener() {} });
  assertEquals(exitCode, 1);
  assertMatch(system.stderr.text, /internal error: RangeError: an error that nobody foresaw/);
  assertMatch(system.stderr.text, /^\s+at /m);
  assertNotMatch(system.stderr.text, /plum anchors/);
});
