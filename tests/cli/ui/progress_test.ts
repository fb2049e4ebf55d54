import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import stringWidth from "string-width";
import { createUi, type UiOptions } from "../../../src/cli/ui/create_ui.ts";
import { fit, formatProgress } from "../../../src/cli/ui/progress.ts";
import { type FakeSetting, FakeSystem } from "../fake_system.ts";

const ERASE = "\r\x1b[K";

function begin(options: Partial<UiOptions> = {}, setting: FakeSetting = {}) {
  const system = new FakeSystem({ stderrTerminal: true, env: { TERM: "xterm" }, ...setting });
  const ui = createUi({ quiet: false, verbose: false, json: false, progress: "auto", ...options }, system);
  return { system, ui, progress: ui.progress("Storing") };
}

Deno.test("formatProgress() tells what is known", () => {
  const state = {
    verb: "Storing",
    bytes: 0,
    files: 0,
    totalBytes: undefined,
    totalFiles: undefined,
    rate: 0,
    left: undefined,
  };
  assertEquals(formatProgress(state), "Storing 0 B, 0 files");
  assertEquals(
    formatProgress({
      ...state,
      bytes: 2 ** 29,
      files: 12345,
      totalBytes: 2 ** 30,
      totalFiles: 40000,
      rate: 1e8,
      left: 5400,
    }),
    "Storing 512 MiB of 1 GiB, 50%, 12,345 of 40,000 files, 95.4 MiB/s, 5s left",
  );
  // Files may grow while they are read.
  assertStringIncludes(formatProgress({ ...state, bytes: 3, totalBytes: 2 }), "100%");
  assertEquals(formatProgress({ ...state, totalBytes: 0 }), "Storing 0 B of 0 B, 0 files");
});

Deno.test("fit() cuts by columns and never inside a character", () => {
  assertEquals(fit("abcdef", 6, stringWidth), "abcdef");
  assertEquals(fit("abcdef", 5, stringWidth), "abcd…");
  assertEquals(fit("天地玄黃", 8, stringWidth), "天地玄黃");
  assertEquals(fit("天地玄黃", 7, stringWidth), "天地玄…");
  assertEquals(fit("天地玄黃", 6, stringWidth), "天地…");
  assertEquals(fit("👍🏽👍🏽👍🏽", 4, stringWidth), "👍🏽…");
  assertEquals(fit("abc", 1, stringWidth), "…");
  assertEquals(fit("abc", 0, stringWidth), "");
});

Deno.test("progress shows nothing for a second, then at most ten times a second", () => {
  const { system, progress } = begin();
  for (; system.time < 1000; system.time += 10) progress.add(1000, 1);
  assertEquals(system.stderr.text, "");
  for (; system.time <= 2000; system.time += 10) progress.add(1000, 1);
  assertEquals(system.stderr.text.split(ERASE).length - 1, 11);
  progress.end();
  assert(system.stderr.text.endsWith(ERASE));
});

Deno.test("progress is erased before anything else is printed, and comes back", () => {
  const { system, ui, progress } = begin({}, { stdoutTerminal: true });
  system.time = 1500;
  progress.add(1, 1);
  const line = system.stderr.text;
  assert(line.startsWith(`${ERASE}Storing 1 B, 1 file`));
  ui.note("hello");
  assertEquals(system.stderr.text, `${line}${ERASE}coffer: hello\n`);
  ui.note("again");
  assertEquals(system.stderr.text, `${line}${ERASE}coffer: hello\ncoffer: again\n`);
  system.time = 1700;
  progress.add(1, 1);
  ui.result(() => "result", () => ({ schema: "coffer/test/1" }));
  assert(system.stderr.text.endsWith(ERASE));
  assertEquals(system.stdout.text, "result\n");
});

Deno.test("progress tells rate and time left, without the time before the first step", () => {
  const { system, progress } = begin();
  progress.total(5_000_000, 4);
  for (const time of [5000, 6000, 7000]) {
    system.time = time;
    progress.add(1_000_000, 1);
  }
  const line = system.stderr.text.split(ERASE).at(-1);
  assertEquals(line, "Storing 2.9 MiB of 4.8 MiB, 60%, 3 of 4 files, 976.6 KiB/s, 2s left");
});

Deno.test("progress tells the rate of the last few seconds", () => {
  const { system, progress } = begin();
  for (; system.time <= 20_000; system.time += 100) progress.add(system.time < 10_000 ? 1_048_576 : 1024, 0);
  assertMatch(system.stderr.text.split(ERASE).at(-1) ?? "", /, 10 KiB\/s$/);
});

Deno.test("progress shows the current file, escaped and cut to the terminal's width", async () => {
  const { system, progress } = begin({}, { columns: 40 });
  // The library that measures widths is loaded in the background.
  await import("string-width");
  await new Promise((resolve) => setTimeout(resolve));
  system.time = 1500;
  progress.add(1, 1, "天\n".repeat(50));
  const line = system.stderr.text.replaceAll(ERASE, "");
  assertStringIncludes(line, "天\\x0a");
  assert(line.endsWith("…"));
  assert(stringWidth(line) <= 39, line);
});

Deno.test("progress stays silent in a pipe, on a dumb terminal, with quiet or never", () => {
  for (
    const { system, progress } of [
      begin({}, { stderrTerminal: false }),
      begin({}, { env: { TERM: "dumb" } }),
      begin({ quiet: true }),
      begin({ progress: "never" }),
    ]
  ) {
    system.time = 5000;
    progress.add(1, 1);
    progress.end();
    assertEquals(system.stderr.text, "");
  }
});

Deno.test("progress always in a pipe is a plain line a second", () => {
  const { system, progress } = begin({ progress: "always" }, { stderrTerminal: false });
  for (; system.time <= 3500; system.time += 100) progress.add(1000, 1, "name");
  progress.end();
  const lines = system.stderr.text.split("\n");
  assertEquals(lines.length, 4);
  assertMatch(lines[0] ?? "", /^Storing 10\.7 KiB, 11 files, /);
  assert(!system.stderr.text.includes("\x1b"));
});
