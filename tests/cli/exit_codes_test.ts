import { assert, assertEquals } from "@std/assert";
import { EXIT, EXIT_MEANINGS, exitCodeOf } from "../../src/cli/exit_codes.ts";
import { VERSION } from "../../src/cli/version.ts";
import config from "../../deno.json" with { type: "json" };

Deno.test("exitCodeOf() keeps to the contract", () => {
  assertEquals(exitCodeOf("not-an-archive"), 10);
  assertEquals(exitCodeOf("newer-version"), 10);
  assertEquals(exitCodeOf("wrong-key"), 11);
  for (const code of ["damaged", "malformed", "inconsistent", "trailing-data"] as const) {
    assertEquals(exitCodeOf(code), 12);
  }
  assertEquals(exitCodeOf("truncated"), 13);
  assertEquals(exitCodeOf("rolled-back"), 13);
  assertEquals(exitCodeOf("unsafe"), 14);
  assertEquals(exitCodeOf("limit"), 14);
});

Deno.test("EXIT and EXIT_MEANINGS have the contract's codes, each once", () => {
  const codes = [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 130];
  assertEquals(Object.values<number>(EXIT).sort((a, b) => a - b), codes);
  assertEquals(Object.keys(EXIT_MEANINGS).map(Number).sort((a, b) => a - b), codes);
});

Deno.test("VERSION is deno.json's", () => {
  assert(/^\d+\.\d+\.\d+/.test(VERSION));
  assertEquals(VERSION, config.version);
});
