import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { RootConflictError } from "../../src/disk/names.ts";
import { TargetError } from "../../src/disk/atomic_file.ts";
import { ArchiveError, type ArchiveErrorCode } from "../../src/format/errors.ts";
import { CommandError, Interrupted, UsageError } from "../../src/cli/command_error.ts";
import { exitCodeOf } from "../../src/cli/exit_codes.ts";
import { describeFailure, traceOf } from "../../src/cli/failure.ts";

const CODES: readonly ArchiveErrorCode[] = [
  "not-an-archive",
  "newer-version",
  "wrong-key",
  "damaged",
  "malformed",
  "inconsistent",
  "trailing-data",
  "truncated",
  "rolled-back",
  "unsafe",
  "limit",
];

Deno.test("describeFailure() gives every failure class its exit code, message and a hint", () => {
  for (const code of CODES) {
    const failure = describeFailure(new ArchiveError(code, `Cannot read it: ${code}`));
    assertEquals([failure.kind, failure.exitCode, failure.message], [
      "failed",
      exitCodeOf(code),
      `Cannot read it: ${code}`,
    ]);
    assert(failure.hint !== undefined && !failure.hint.endsWith("."));
  }
});

Deno.test("describeFailure() passes on what already knows what to say", () => {
  const usage = describeFailure(new UsageError("Cannot do that", "Do this"));
  assertEquals(usage, { kind: "failed", exitCode: 2, message: "Cannot do that", hint: "Do this" });
  assertEquals(describeFailure(new CommandError(11, "No key")).exitCode, 11);
  assertEquals(describeFailure(new RootConflictError("a", "b/a", "a", "a")).exitCode, 2);
  assertEquals(describeFailure(new TargetError("It exists", true)).hint, "--force replaces it");
  assertEquals(describeFailure(new TargetError("It is a folder", false)).hint, undefined);
});

Deno.test("describeFailure() knows an interruption, ours and the platform's", () => {
  for (const error of [new Interrupted("SIGINT"), new DOMException("aborted", "AbortError")]) {
    const { kind, exitCode } = describeFailure(error);
    assertEquals([kind, exitCode], ["interrupted", 130]);
  }
});

Deno.test("describeFailure() knows a closed pipe", () => {
  assertEquals(describeFailure(new Deno.errors.BrokenPipe("x")).kind, "closed pipe");
  assertEquals(describeFailure(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })).kind, "closed pipe");
});

Deno.test("describeFailure() puts the system's errors into words, with the path", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/no "such`;
    const quoted = `"${path.replace('"', "\\x22")}"`;
    const deno = await Deno.open(path).catch((error) => error);
    assertEquals(describeFailure(deno).message, `Cannot open ${quoted}: it does not exist`);
    const { openSync } = await import("node:fs");
    let node: unknown;
    try {
      openSync(path, "r");
    } catch (error) {
      node = error;
    }
    assertEquals(describeFailure(node).message, `Cannot open ${quoted}: it does not exist`);
    assertEquals(describeFailure(node).exitCode, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
  assertEquals(describeFailure(full).message, "Cannot write: the disk is full");
  assertEquals(describeFailure(new Deno.errors.NotCapable("Requires read access")).kind, "failed");
});

Deno.test("describeFailure() calls everything else a bug", () => {
  for (const error of [new TypeError("x is undefined"), new RangeError("bad"), "text", undefined, null]) {
    const { kind, exitCode, message } = describeFailure(error);
    assertEquals([kind, exitCode], ["bug", 1]);
    assertStringIncludes(message, "internal error");
  }
  const coded = Object.assign(new TypeError("bad argument"), { code: "ERR_INVALID_ARG_TYPE" });
  assertEquals(describeFailure(coded).kind, "bug");
});

Deno.test("traceOf() goes through the causes", () => {
  const lines = traceOf(new Error("outer", { cause: new TypeError("inner") }));
  assertEquals(lines[0], "Error: outer");
  assertStringIncludes(lines.join("\n"), "caused by:\nTypeError: inner");
  assertEquals(traceOf("text"), []);
});
