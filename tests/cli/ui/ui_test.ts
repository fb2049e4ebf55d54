import { assertEquals, assertThrows } from "@std/assert";
import { createUi, type UiOptions } from "../../../src/cli/ui/create_ui.ts";
import { escapeName } from "../../../src/cli/ui/escape.ts";
import { TextOutput, writeAllSync } from "../../../src/cli/ui/output.ts";
import type { Ui } from "../../../src/cli/ui/ui.ts";
import { FakeOutput, FakeSystem } from "../fake_system.ts";

const PLAIN: UiOptions = { quiet: false, verbose: false, json: false, progress: "auto" };

function talk(options: Partial<UiOptions>): { stdout: string; stderr: string } {
  const system = new FakeSystem();
  const ui = createUi({ ...PLAIN, ...options }, system);
  ui.result(() => "one", () => ({ schema: "coffer/test/1", path: "a\nb\u202e" }));
  ui.result(() => undefined, () => undefined);
  ui.write("raw\0");
  ui.note("a note");
  ui.detail("a/file");
  ui.warn("odd", "look");
  ui.error("broken");
  ui.flush();
  return { stdout: system.stdout.text, stderr: system.stderr.text };
}

Deno.test("createUi() sends results to standard output and the rest to standard error", () => {
  assertEquals(talk({}), {
    stdout: "one\nraw\0",
    stderr: "coffer: a note\ncoffer: warning: odd\ncoffer: hint: look\ncoffer: error: broken\n",
  });
});

Deno.test("createUi() hides notes with quiet, and shows files with verbose", () => {
  assertEquals(talk({ quiet: true }).stderr, "coffer: warning: odd\ncoffer: hint: look\ncoffer: error: broken\n");
  assertEquals(
    talk({ verbose: true }).stderr,
    "coffer: a note\na/file\ncoffer: warning: odd\ncoffer: hint: look\ncoffer: error: broken\n",
  );
});

Deno.test("createUi() with JSON gives an object a line, exact and harmless", () => {
  const { stdout } = talk({ json: true });
  assertEquals(stdout, '{"schema":"coffer/test/1","path":"a\\nb\\u202e"}\n');
  assertEquals(JSON.parse(stdout), { schema: "coffer/test/1", path: "a\nb\u202e" });
});

Deno.test("createUi() keeps JSON off a standard output that carries an archive", () => {
  const { stdout, stderr } = talk({ json: true, jsonToStandardError: true, quiet: true });
  assertEquals(stdout, "");
  assertEquals(JSON.parse(stderr.split("\n").find((line) => line.startsWith("{")) ?? ""), {
    schema: "coffer/test/1",
    path: "a\nb\u202e",
  });
});

Deno.test("createUi() asks only for the form of a result that it prints", () => {
  const never = () => {
    throw new Error("asked for the other form");
  };
  const system = new FakeSystem();
  createUi(PLAIN, system).result(() => "t", never);
  createUi({ ...PLAIN, json: true }, system).result(never, () => ({ schema: "coffer/test/1" }));
});

Deno.test("messages are one line each, whatever they quote", () => {
  const system = new FakeSystem();
  createUi(PLAIN, system).warn("x\r\ncoffer: error: forged\x1b[1A");
  assertEquals(system.stderr.text, "coffer: warning: x\\x0d\\x0acoffer: error: forged\\x1b[1A\n");
});

Deno.test("messages to a closed standard error are lost without a failure", () => {
  const system = new FakeSystem();
  system.stderr.failure = new Deno.errors.BrokenPipe("closed");
  const ui: Ui = createUi(PLAIN, system);
  ui.error("nobody hears this");
  assertEquals(system.stderr.text, "");
});

Deno.test("TextOutput gathers small writes, but not on a terminal", () => {
  const pipe = new FakeOutput();
  const output = new TextOutput(pipe);
  for (let i = 0; i < 10_000; i++) output.write(`line ${i}\n`);
  output.flush();
  output.flush();
  assertEquals(pipe.writes, 2);
  assertEquals(pipe.text.split("\n").length, 10_001);
  const terminal = new FakeOutput(true);
  new TextOutput(terminal).write("a");
  assertEquals(terminal.text, "a");
});

Deno.test("writePlainLines() takes what shows as it is and nothing else, in order with other text", () => {
  const pipe = new FakeOutput();
  const output = new TextOutput(pipe);
  const line = (name: string) => {
    const bytes = new TextEncoder().encode(`<${name}>`);
    return output.writePlainLines(bytes, Uint32Array.of(0, 1, bytes.length - 1), 1, 2) === 1;
  };
  assertEquals(line("first ~/x"), true);
  for (const name of ["a\nb", "\x1b[1A", "é", "a\\b", "\ufeffa", "\u202ea"]) assertEquals(line(name), false, name);
  const taken: string[] = [];
  for (let code = 1; code < 128; code++) {
    const name = String.fromCharCode(code);
    if (line(name)) taken.push(name);
    assertEquals(taken.at(-1) === name, escapeName(name) === name, `character ${code}`);
  }
  output.write("text\n");
  assertEquals(line("second"), true);
  assertEquals(line(""), true);
  output.flush();
  output.flush();
  assertEquals(pipe.text, `first ~/x\n${taken.join("\n")}\ntext\nsecond\n\n`);
  assertEquals(line("x".repeat(2 ** 16)), false);
  for (let i = 0; i < 10_000; i++) assertEquals(line(`line ${i}`), true);
  output.flush();
  assertEquals(pipe.text.split("\n").filter((text) => text.startsWith("line")).length, 10_000);
  assertEquals(pipe.writes, 5);
});

Deno.test("writePlainLines() takes all up to the first line that does not show as it is", () => {
  const bytes = new TextEncoder().encode("onetwo\x1b[1Alast");
  const starts = Uint32Array.of(0, 3, 6, 10, 14);
  const pipe = new FakeOutput();
  const output = new TextOutput(pipe);
  assertEquals(output.writePlainLines(bytes, starts, 0, 4), 2);
  assertEquals(output.writePlainLines(bytes, starts, 2, 4), 0);
  assertEquals(output.writePlainLines(bytes, starts, 3, 4), 1);
  output.flush();
  assertEquals(pipe.text, "one\ntwo\nlast\n");
  const terminal = new FakeOutput(true);
  assertEquals(new TextOutput(terminal).writePlainLines(bytes, starts, 0, 2), 2);
  assertEquals(terminal.text, "one\ntwo\n");
});

Deno.test("TextOutput throws when the pipe is closed, and does not write the same twice", () => {
  const pipe = new FakeOutput();
  const output = new TextOutput(pipe);
  output.write("a");
  pipe.failure = new Deno.errors.BrokenPipe("closed");
  assertThrows(() => output.flush(), Deno.errors.BrokenPipe);
  pipe.failure = undefined;
  output.flush();
  assertEquals(pipe.text, "");
});

Deno.test("writeAllSync() goes on after short writes and waits for a full pipe", () => {
  let full = true;
  const taken: number[] = [];
  writeAllSync({
    isTerminal: () => false,
    writeSync(bytes) {
      full = !full;
      if (full) throw new Deno.errors.WouldBlock("full");
      taken.push(bytes[0] ?? -1);
      return 1;
    },
  }, Uint8Array.of(1, 2, 3));
  assertEquals(taken, [1, 2, 3]);
});
