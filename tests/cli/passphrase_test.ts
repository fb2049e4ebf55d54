import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { CommandError } from "../../src/cli/command_error.ts";
import {
  existingPassphrase,
  isPassphraseGiven,
  newPassphrase,
  type PassphraseSetting,
  type PassphraseSource,
} from "../../src/cli/passphrase.ts";
import { createUi } from "../../src/cli/ui/create_ui.ts";
import { type FakeSetting, FakeSystem, FakeTerminal } from "./fake_system.ts";

const ASK: PassphraseSource = { kind: "ask" };
const STDIN: PassphraseSource = { kind: "file", path: "-" };
const GOOD = "correct horse battery staple";

function command(...words: string[]): PassphraseSource {
  return { kind: "command", words, inheritInput: false };
}

interface World extends PassphraseSetting {
  readonly system: FakeSystem;
}

function world(setting: FakeSetting = {}, archive = "a.coffer", json = false): World {
  const system = new FakeSystem(setting);
  const ui = createUi({ quiet: false, verbose: false, json, progress: "never" }, system);
  return { system, ui, signal: new AbortController().signal, archive };
}

async function failure(promise: Promise<unknown>): Promise<CommandError> {
  return await assertRejects(() => promise, CommandError);
}

Deno.test("existingPassphrase() asks once, by the archive's name", async () => {
  const terminal = new FakeTerminal(`${GOOD}\r`);
  assertEquals(await existingPassphrase(ASK, world({ terminal }, "a\n.coffer")), GOOD);
  assertEquals(terminal.shown, 'Passphrase for "a\\x0a.coffer": \n');
  assert(terminal.closed);
});

Deno.test("existingPassphrase() asks again for what cannot be a passphrase, three times in all", async () => {
  const terminal = new FakeTerminal("\r", `${GOOD}\r`);
  assertEquals(await existingPassphrase(ASK, world({ terminal })), GOOD);
  assertStringIncludes(terminal.shown, "That cannot be a passphrase: it is empty; try again\n");
  const error = await failure(existingPassphrase(ASK, world({ terminal: new FakeTerminal("\r\r\r") })));
  assertEquals([error.exitCode, error.message], [11, "Cannot use the passphrase: it is empty"]);
});

Deno.test("existingPassphrase() without a terminal names the other ways, and exits 11", async () => {
  const error = await failure(existingPassphrase(ASK, world()));
  assertEquals(error.exitCode, 11);
  for (const way of ["--passphrase-file", "--passphrase-command", "COFFER_PASSPHRASE"]) {
    assertStringIncludes(error.hint ?? "", way);
  }
});

Deno.test("newPassphrase() without a terminal names the other ways, and exits 2", async () => {
  const error = await failure(newPassphrase(ASK, world()));
  assertEquals(error.exitCode, 2);
  assertStringIncludes(error.hint ?? "", "--generate-passphrase");
});

Deno.test("newPassphrase() asks twice, and again when the two differ", async () => {
  const terminal = new FakeTerminal(`${GOOD}\r`, "other\r", `${GOOD}\r`, `${GOOD}\r`);
  assertEquals(await newPassphrase(ASK, world({ terminal })), GOOD);
  assertEquals(
    terminal.shown,
    'New passphrase for "a.coffer": \nThe same again: \nThe two are not the same; try again\n' +
      'New passphrase for "a.coffer": \nThe same again: \n',
  );
});

Deno.test("newPassphrase() gives up after three attempts", async () => {
  const terminal = new FakeTerminal("a\rb\ra\rb\r\r");
  const error = await failure(newPassphrase(ASK, world({ terminal })));
  assertEquals([error.exitCode, error.message], [
    2,
    "Cannot use what was typed: that cannot be a passphrase: it is empty",
  ]);
});

Deno.test("newPassphrase() warns about a weak one with a reason, and takes it", async () => {
  const weak = world({ env: { COFFER_PASSPHRASE: "password1" } });
  assertEquals(await newPassphrase(ASK, weak), "password1");
  assertMatch(weak.system.stderr.text, /^coffer: warning: the passphrase is weak: .+ guesses\)\ncoffer: hint: .+\n$/);
  assert(!weak.system.stderr.text.includes("password1"));
  const good = world({ env: { COFFER_PASSPHRASE: GOOD } });
  await newPassphrase(ASK, good);
  assertEquals(good.system.stderr.text, "");
});

Deno.test("existingPassphrase() says nothing about weakness", async () => {
  const setting = world({ env: { COFFER_PASSPHRASE: "password1" } });
  assertEquals(await existingPassphrase(ASK, setting), "password1");
  assertEquals(setting.system.stderr.text, "");
});

Deno.test("the environment variable is used as it is, with a note at a terminal", async () => {
  const setting = world({ env: { COFFER_PASSPHRASE: " x " }, stderrTerminal: true });
  assertEquals(await existingPassphrase(ASK, setting), " x ");
  assertStringIncludes(
    setting.system.stderr.text,
    "coffer: using COFFER_PASSPHRASE, which your other processes can read",
  );
});

Deno.test("the environment variable is refused when it is empty or ends in a line feed", async () => {
  const empty = await failure(existingPassphrase(ASK, world({ env: { COFFER_PASSPHRASE: "" } })));
  assertEquals([empty.exitCode, empty.message], [11, "Cannot use the passphrase in COFFER_PASSPHRASE: it is empty"]);
  const line = await failure(newPassphrase(ASK, world({ env: { COFFER_PASSPHRASE: "x\n" } })));
  assertEquals([line.exitCode, line.message], [
    2,
    "Cannot use the passphrase in COFFER_PASSPHRASE: a line feed follows it",
  ]);
});

Deno.test("an explicit source beats the environment variable", async () => {
  const setting = world({ stdin: "from standard input\n", env: { COFFER_PASSPHRASE: "from the environment" } });
  assertEquals(await existingPassphrase(STDIN, setting), "from standard input");
});

Deno.test("a file loses one line feed and nothing else", async () => {
  const read = async (stdin: string | Uint8Array) => await existingPassphrase(STDIN, world({ stdin }));
  assertEquals(await read("abc"), "abc");
  assertEquals(await read("abc\n"), "abc");
  assertEquals(await read("  a b\u00a0"), "  a b\u00a0");
  for (
    const [content, reason] of [
      ["abc\n\n", "a line feed follows it"],
      ["abc\r\n", "it ends in a carriage return"],
      ["abc\ndef\n", "it has more than one line"],
      ["abc\r\ndef\r\n", "it has more than one line"],
      ["", "it is empty"],
      ["\n", "it is empty"],
      ["a\tb", "it holds the control character U+0009"],
      ["a\0b", "it holds the control character U+0000"],
      ["x".repeat(1025), "it is over 1024 bytes"],
      ["x".repeat(5000), "it is over 4096 bytes"],
      [Uint8Array.of(0x61, 0xff), "it is not valid UTF-8"],
    ] as const
  ) {
    const error = await failure(read(content));
    assertEquals([error.exitCode, error.message], [11, `Cannot use the passphrase from standard input: ${reason}`]);
  }
  assertEquals((await read("x".repeat(1024))).length, 1024);
});

Deno.test("a file with Windows line ends gets a hint that helps", async () => {
  const error = await failure(existingPassphrase(STDIN, world({ stdin: "abc\r\n" })));
  assertStringIncludes(error.hint ?? "", "Windows line ends");
});

Deno.test("a byte order mark counts, and is warned about", async () => {
  const setting = world({ stdin: "\ufeffabc" });
  assertEquals(await existingPassphrase(STDIN, setting), "\ufeffabc");
  assertStringIncludes(setting.system.stderr.text, "byte order mark");
});

Deno.test("a file is read from its path, and named when it cannot be", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/p`, "from a file\n");
    assertEquals(await existingPassphrase({ kind: "file", path: `${folder}/p` }, world()), "from a file");
    const none = await failure(newPassphrase({ kind: "file", path: `${folder}/none` }, world()));
    assertEquals(none.exitCode, 2);
    assertEquals(none.message, `Cannot read the passphrase from "${folder}/none": it does not exist`);
    const isFolder = await failure(existingPassphrase({ kind: "file", path: folder }, world()));
    assertEquals(isFolder.message, `Cannot read the passphrase from "${folder}": it is a folder`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "a source without an end is refused, not read for ever",
  ignore: Deno.build.os === "windows",
  async fn() {
    const error = await failure(existingPassphrase({ kind: "file", path: "/dev/zero" }, world()));
    assertStringIncludes(error.message, "over 4096 bytes");
  },
});

Deno.test("a command's output loses one line feed", async () => {
  const script = (code: string) => command(Deno.execPath(), "eval", code);
  const print = (text: string) => script(`Deno.stdout.writeSync(new TextEncoder().encode(${JSON.stringify(text)}))`);
  assertEquals(await existingPassphrase(print("a b\n"), world()), "a b");
  const failed = await failure(existingPassphrase(script("Deno.exit(3)"), world()));
  assertEquals(failed.exitCode, 11);
  assertMatch(failed.message, /^Cannot take the passphrase from ".*": it exited with 3$/);
  const long = await failure(existingPassphrase(print("x".repeat(5000)), world()));
  assertStringIncludes(long.message, "it is over 4096 bytes");
  const none = await failure(newPassphrase(command("/nosuch/program"), world()));
  assertEquals([none.exitCode, none.message], [
    2,
    'Cannot run "/nosuch/program" for the passphrase: it does not exist',
  ]);
});

Deno.test("a generated passphrase is shown alone on standard output", async () => {
  const setting = world();
  const passphrase = await newPassphrase({ kind: "generate" }, setting);
  assertEquals(setting.system.stdout.text, `${passphrase}\n`);
  assertStringIncludes(setting.system.stderr.text, "shown this once");
  assert(!setting.system.stderr.text.includes(passphrase));
});

Deno.test("a generated passphrase goes to standard error when the archive or JSON has standard output", async () => {
  for (const setting of [world({}, "-"), world({}, "a.coffer", true)]) {
    const passphrase = await newPassphrase({ kind: "generate" }, setting);
    assertEquals(setting.system.stdout.text, "");
    assert(setting.system.stderr.text.endsWith(`\n${passphrase}\n`));
  }
});

Deno.test("a generated passphrase that cannot be shown is an error", async () => {
  const setting = world();
  setting.system.stdout.failure = new Deno.errors.BrokenPipe("closed");
  await assertRejects(() => newPassphrase({ kind: "generate" }, setting), Deno.errors.BrokenPipe);
});

Deno.test("isPassphraseGiven() knows when nobody has to be asked", () => {
  assert(!isPassphraseGiven(ASK, new FakeSystem()));
  assert(isPassphraseGiven(ASK, new FakeSystem({ env: { COFFER_PASSPHRASE: "x" } })));
  assert(isPassphraseGiven(STDIN, new FakeSystem()));
});
