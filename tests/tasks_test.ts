import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { parseSummary } from "../tasks/test.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));

/** Runs `tasks/test.ts` on one file with this source, as `deno task test` does. */
async function runTests(source: string): Promise<{ code: number; lastLine: string; stdout: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const file = join(folder, "sample_test.ts");
    await Deno.writeTextFile(file, source);
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "tasks/test.ts", file],
      cwd: ROOT,
    }).output();
    const text = new TextDecoder().decode(stdout);
    return { code, lastLine: text.trimEnd().split("\n").at(-1) ?? "", stdout: text };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("parseSummary() reads the runner's closing lines, plain, coloured and with steps", () => {
  assertEquals(parseSummary("ok | 12 passed | 0 failed (3s)\n"), { passed: 12, failed: 0, ignored: 0 });
  assertEquals(
    parseSummary("\x1b[31mFAILED\x1b[0m | 3 passed (7 steps) | 2 failed (1 step) | 4 ignored | 9 filtered out (1m2s)"),
    { passed: 3, failed: 2, ignored: 4 },
  );
  assertEquals(parseSummary("ok | 9 passed | 9 failed (1s)\nok | 1 passed | 0 failed (1s)"), {
    passed: 1,
    failed: 0,
    ignored: 0,
  });
  assertEquals(parseSummary("error: Type checking failed.\n"), undefined);
});

Deno.test("the test task closes with the plain line, and fails when a test failed or none ran", async () => {
  const mixed = 'Deno.test("a", () => {}); Deno.test.ignore("b", () => {}); Deno.test("c", () => { throw 1; });';
  const failed = await runTests(mixed);
  assertEquals([failed.code, failed.lastLine], [1, "1 passed, 1 failed, 1 skipped"]);
  const passed = await runTests('Deno.test("a", () => {});');
  assertEquals([passed.code, passed.lastLine], [0, "1 passed, 0 failed"]);
  const none = await runTests("export {};");
  assertEquals([none.code, none.lastLine], [1, "0 passed, 0 failed"]);
  const unloadable = await runTests('Deno.test("a", () => {}); throw new Error("on loading");');
  assertEquals([unloadable.code, unloadable.lastLine], [1, "0 passed, 1 failed"]);
});

Deno.test("the test task finds leaked timers and leaked files", async () => {
  const { code, lastLine, stdout } = await runTests(
    'Deno.test("timer", () => { setTimeout(() => {}, 50); });' +
      'Deno.test("file", () => { Deno.openSync(new URL(import.meta.url)); });',
  );
  assertEquals([code, lastLine], [1, "0 passed, 2 failed"]);
  assertStringIncludes(stdout, "A timer was started");
  assertStringIncludes(stdout, "A file was opened");
});

Deno.test("the fuzz task says how it is called when it is called otherwise", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args: ["task", "fuzz"], cwd: ROOT }).output();
  assertEquals(code, 2);
  assertStringIncludes(new TextDecoder().decode(stderr), "Usage: deno task fuzz --minutes N [--seed S]");
});
