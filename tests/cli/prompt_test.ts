import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { CommandError, Interrupted } from "../../src/cli/command_error.ts";
import { SecretPrompt } from "../../src/cli/prompt.ts";
import { FakeTerminal } from "./fake_system.ts";

const NEVER = new AbortController().signal;

async function typed(...keys: (string | Uint8Array | null)[]): Promise<string> {
  const terminal = new FakeTerminal(...keys);
  try {
    using prompt = new SecretPrompt(terminal, NEVER);
    return await prompt.ask("Secret: ");
  } finally {
    assertEquals(terminal.modes, [true, false], "the terminal must echo again");
    assert(terminal.closed);
  }
}

Deno.test("SecretPrompt reads a line and shows nothing of it", async () => {
  const terminal = new FakeTerminal("se", "cr", "et\r");
  using prompt = new SecretPrompt(terminal, NEVER);
  assertEquals(await prompt.ask("Secret: "), "secret");
  assertEquals(terminal.shown, "Secret: \n");
});

Deno.test("SecretPrompt takes Enter and line feed for the end", async () => {
  assertEquals(await typed("a b \r"), "a b ");
  assertEquals(await typed("ab\n"), "ab");
  assertEquals(await typed("\r"), "");
});

Deno.test("SecretPrompt takes characters of several bytes, also in pieces", async () => {
  const bytes = new TextEncoder().encode("pä天🦕\r");
  assertEquals(await typed(...Array.from(bytes, (byte) => Uint8Array.of(byte))), "pä天🦕");
});

Deno.test("SecretPrompt removes whole characters", async () => {
  assertEquals(await typed("ab\x7fc\r"), "ac");
  assertEquals(await typed("aä\x08b\r"), "ab");
  assertEquals(await typed("天🦕\x7f\x7f\x7f\x7fx\r"), "x");
  assertEquals(await typed("wrong\x15right\r"), "right");
});

Deno.test("SecretPrompt passes over arrow keys and other sequences", async () => {
  assertEquals(await typed("a\x1b[Db\x1b[1;5Cc\x1bOPd\x1bxe\x1b[3~f\r"), "abcdef");
  assertEquals(await typed("a\x1b", "[", "Ab\r"), "ab");
});

Deno.test("SecretPrompt rings the bell for keys that mean nothing, and for too much", async () => {
  const terminal = new FakeTerminal("a\tb\x01\x04\r");
  using prompt = new SecretPrompt(terminal, NEVER);
  assertEquals(await prompt.ask("? "), "ab");
  assertEquals(terminal.shown, "? \x07\x07\x07\n");
  assertEquals((await typed(..."x".repeat(5000).match(/.{1000}/g) ?? [], "\r")).length, 4096);
});

Deno.test("SecretPrompt ends on Ctrl-C, Ctrl-\\, Ctrl-D and the end of input", async () => {
  await assertRejects(() => typed("ab\x03"), Interrupted);
  await assertRejects(() => typed("ab\x1c"), Interrupted);
  await assertRejects(() => typed("\x04"), CommandError, "the input ended");
  await assertRejects(() => typed("ab", null), CommandError, "the input ended");
});

Deno.test("SecretPrompt asks again when it is not UTF-8", async () => {
  const terminal = new FakeTerminal(Uint8Array.of(0xff, 0x0d), "ok\r");
  using prompt = new SecretPrompt(terminal, NEVER);
  assertEquals(await prompt.ask("? "), "ok");
  assertEquals(terminal.shown, "? \nThat is not valid UTF-8; try again\n? \n");
  assertEquals(terminal.modes, [true, false, true, false]);
});

Deno.test("SecretPrompt lets a paste of two lines answer two questions", async () => {
  const terminal = new FakeTerminal("one\r\none\r");
  using prompt = new SecretPrompt(terminal, NEVER);
  assertEquals([await prompt.ask("? "), await prompt.ask("? ")], ["one", "one"]);
});

Deno.test("SecretPrompt ends when the signal comes, and restores the terminal", async () => {
  const reason = new Interrupted("SIGTERM");
  // While a read waits, between two reads, and at the very start.
  for (const ticks of [50, 1, 0]) {
    const controller = new AbortController();
    const terminal = new FakeTerminal("half", undefined);
    {
      using prompt = new SecretPrompt(terminal, controller.signal);
      const asked = prompt.ask("? ");
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      controller.abort(reason);
      assertStrictEquals(await assertRejects(() => asked), reason);
    }
    assertEquals(terminal.modes, [true, false]);
    assert(terminal.closed);
  }
  const controller = new AbortController();
  controller.abort(reason);
  using late = new SecretPrompt(new FakeTerminal("x\r"), controller.signal);
  assertStrictEquals(await assertRejects(() => late.ask("? ")), reason);
});
