/** What memory hashing takes that the collector does not count. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { V8_FLAGS } from "../../tasks/v8_flags.ts";
import { LINUX, testWith } from "../e2e/conditions.ts";

/** Most bytes that many keyed hashes may add: a third of what they did before the collector was made to come round. */
const BOUND = 2 ** 26;

testWith(LINUX, "hmacSha256() leaves no memory behind when it is called for each of many chunks", async () => {
  const child = fromFileUrl(new URL("./hash_memory_child.ts", import.meta.url));
  // The heap as the program has it.
  const args = ["run", "-A", "--no-check", V8_FLAGS, child];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const { firstBytes, peakBytes } = JSON.parse(new TextDecoder().decode(stdout));
  assert(firstBytes > 2 ** 24, `${firstBytes} bytes cannot be right`);
  const mib = Math.round((peakBytes - firstBytes) / 2 ** 20);
  assert(peakBytes - firstBytes <= BOUND, `400,000 hashes took ${mib} MiB`);
});
