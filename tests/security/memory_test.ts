/** What memory it takes to open, list and read hostile archives. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { LINUX, testWith } from "../e2e/conditions.ts";
import { extractionVectorNames } from "../vectors/extraction/extraction_vector.ts";
import { vectorNames } from "../vectors/vector_file.ts";

/** Most bytes of memory, the runtime's own among them. The vectors' key derivations are of the least cost there is. */
const BOUND = 300 * 2 ** 20;

/**
 * Processes among which the vectors are shared. What a process once had it does not always give back, and no more than
 * a part of them is to count together.
 */
const PARTS = 8;

testWith(LINUX, "no vector takes more than 300 MiB of memory to open, list and read", async () => {
  const child = fromFileUrl(new URL("./memory_child.ts", import.meta.url));
  let count = 0;
  for (let part = 0; part < PARTS; part++) {
    const args = ["run", "-A", "--no-check", "--v8-flags=--expose-gc", child, `${part}`, `${PARTS}`];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const { archives, peakBytes } = JSON.parse(new TextDecoder().decode(stdout));
    count += archives;
    assert(peakBytes > 2 ** 24, `${peakBytes} bytes cannot be right`);
    assert(peakBytes <= BOUND, `reading the vectors of part ${part} took ${Math.round(peakBytes / 2 ** 20)} MiB`);
  }
  assertEquals(count, vectorNames().length + extractionVectorNames().length);
});
