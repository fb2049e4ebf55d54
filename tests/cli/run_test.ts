import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ArchiveError } from "../../src/format/errors.ts";
import type { CommandContext } from "../../src/cli/command.ts";
import { EXIT, type ExitCode } from "../../src/cli/exit_codes.ts";
import type { CommandOptions } from "../../src/cli/options.ts";
import type { PassphraseSource } from "../../src/cli/passphrase.ts";
import { type CommandLoaders, run } from "../../src/cli/run.ts";
import type { SignalSource } from "../../src/cli/signals.ts";
import { VERB_NAMES } from "../../src/cli/verbs.ts";
import { VERSION } from "../../src/cli/version.ts";
import { type FakeSetting, FakeSystem } from "./fake_system.ts";

type Work = (context: CommandContext, options: CommandOptions, fake: FakeSystem) => Promise<ExitCode> | ExitCode;

const NO_SIGNALS: SignalSource = { addSignalListener() {}, removeSignalListener() {} };

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The verbs whose commands were loaded. */
  readonly loaded: readonly string[];
}

async function call(
  args: readonly string[],
  work: Work = () => EXIT.done,
  setting: FakeSetting = {},
  signals: SignalSource = NO_SIGNALS,
): Promise<Outcome> {
  const system = new FakeSystem(setting);
  const loaded: string[] = [];
  const loader = (verb: string) => () => {
    loaded.push(verb);
    return Promise.resolve({
      run: async (context: CommandContext, options: CommandOptions) => await work(context, options, system),
    });
  };
  const commands = Object.fromEntries(VERB_NAMES.map((verb) => [verb, loader(verb)])) as unknown as CommandLoaders;
  const exitCode = await run(args, system, commands, signals);
  return { exitCode, stdout: system.stdout.text, stderr: system.stderr.text, loaded };
}

function throwing(error: unknown): Work {
  return () => {
    throw error;
  };
}

Deno.test("run() loads the command that is called, and no other", async () => {
  const { exitCode, loaded, stdout } = await call(["list", "a.coffer", "-l"], ({ ui }, options) => {
    ui.result(() => `${options.verb} ${options.archive}`, () => undefined);
    return EXIT.partial;
  });
  assertEquals([exitCode, loaded, stdout], [3, ["list"], "list a.coffer\n"]);
  for (const args of [["--version"], ["--help"], ["help", "create"], ["list", "-h"], [], ["list"]]) {
    assertEquals((await call(args)).loaded, []);
  }
});

Deno.test("run() tells the version on standard output", async () => {
  assertEquals(await call(["--version"]), { exitCode: 0, stdout: `coffer ${VERSION}\n`, stderr: "", loaded: [] });
});

Deno.test("run() gives help that was asked for on standard output, otherwise on standard error with exit 2", async () => {
  const asked = await call(["--help"]);
  assertEquals([asked.exitCode, asked.stderr], [0, ""]);
  assertMatch(asked.stdout, /^Usage: coffer VERB/);
  const verb = await call(["extract", "-h"]);
  assertEquals([verb.exitCode, verb.stderr], [0, ""]);
  assertMatch(verb.stdout, /^Usage: coffer extract/);
  const bare = await call([]);
  assertEquals([bare.exitCode, bare.stdout], [2, ""]);
  assertMatch(bare.stderr, /^Usage: coffer VERB/);
});

Deno.test("run() refuses a wrong command line with exit 2, a message and a hint", async () => {
  const { exitCode, stdout, stderr } = await call(["list", "a", "--jsno"]);
  assertEquals([exitCode, stdout], [2, ""]);
  assertEquals(
    stderr,
    'coffer: error: Cannot find the option "--jsno" of "list"\ncoffer: hint: Did you mean "--json"?\n',
  );
});

Deno.test("run() escapes what was typed", async () => {
  const { stderr } = await call(["\x1b[31mverb\n"]);
  assertMatch(stderr, /^coffer: error: Cannot find the verb "\\x1b\[31mverb\\x0a"\n/);
});

Deno.test("run() gives an archive's failure its exit code, and results before it still come out", async () => {
  const { exitCode, stdout, stderr } = await call(["list", "a"], ({ ui }) => {
    ui.result(() => "first", () => undefined);
    throw new ArchiveError("truncated", "Cannot read the archive: it ends after 12 bytes");
  });
  assertEquals([exitCode, stdout], [13, "first\n"]);
  assertMatch(stderr, /^coffer: error: Cannot read the archive: it ends after 12 bytes\ncoffer: hint: .+\n$/);
});

Deno.test("run() ends quietly on a closed pipe, but does not call half an archive done", async () => {
  const closed = throwing(new Deno.errors.BrokenPipe("Broken pipe (os error 32)"));
  assertEquals(await call(["list", "a"], closed), { exitCode: 0, stdout: "", stderr: "", loaded: ["list"] });
  assertEquals(await call(["cat", "a", "p"], closed), { exitCode: 0, stdout: "", stderr: "", loaded: ["cat"] });
  assertEquals(await call(["create", "-", "p"], closed), { exitCode: 1, stdout: "", stderr: "", loaded: ["create"] });
});

Deno.test("run() ends quietly when the pipe closes at the last moment", async () => {
  const { exitCode, stderr } = await call(["list", "a"], ({ ui }, _, fake) => {
    ui.result(() => "line", () => undefined);
    fake.stdout.failure = new Deno.errors.BrokenPipe("closed");
    return EXIT.done;
  });
  assertEquals([exitCode, stderr], [0, ""]);
});

Deno.test("run() tells a failure even when nobody reads the results", async () => {
  const { exitCode, stderr } = await call(["list", "a"], ({ ui }, _, fake) => {
    ui.result(() => "line", () => undefined);
    fake.stdout.failure = new Deno.errors.BrokenPipe("closed");
    throw new ArchiveError("damaged", "Cannot read the archive: a tag does not hold");
  });
  assertEquals(exitCode, 12);
  assertStringIncludes(stderr, "a tag does not hold");
});

Deno.test("run() shows where a bug is only when asked to", async () => {
  const bug = throwing(new TypeError("x is not a function"));
  const plain = await call(["list", "a"], bug);
  assertEquals(plain.exitCode, 1);
  assertMatch(plain.stderr, /^coffer: error: internal error: TypeError: x is not a function\ncoffer: hint: .+\n$/);
  for (
    const traced of [
      await call(["list", "a", "-v"], bug),
      await call(["list", "a"], bug, { env: { COFFER_DEBUG: "1" } }),
    ]
  ) {
    assertMatch(traced.stderr, /\n +at .*run_test\.ts/);
  }
});

Deno.test("run() exits 130 after a signal, when the command has cleared up", async () => {
  const handlers: (() => void)[] = [];
  const removed: (() => void)[] = [];
  const signals: SignalSource = {
    addSignalListener: (_, handler) => handlers.push(handler),
    removeSignalListener: (_, handler) => removed.push(handler),
  };
  let cleared = false;
  const { exitCode, stderr } = await call(
    ["verify", "a"],
    async ({ signal }) => {
      try {
        handlers[0]?.();
        // The second Ctrl-C of a task runner.
        handlers[0]?.();
        await Promise.resolve();
        signal.throwIfAborted();
        return EXIT.done;
      } finally {
        cleared = true;
      }
    },
    {},
    signals,
  );
  assertEquals([exitCode, stderr, cleared], [130, "coffer: interrupted; cleaning up\n", true]);
  // They stay until the program has left: a further signal must not change its exit code.
  assertEquals([handlers.length, removed.length], [Deno.build.os === "windows" ? 2 : 3, 0]);
});

Deno.test("run() ends the wait for standard input that a command is in when the signal comes", async () => {
  const handlers: (() => void)[] = [];
  const signals: SignalSource = {
    addSignalListener: (_, handler) => handlers.push(handler),
    removeSignalListener() {},
  };
  const { exitCode } = await call(
    ["list", "-"],
    async ({ system }, _, fake) => {
      fake.stdin.read = () => new Promise(() => {});
      const read = system.stdin.read(new Uint8Array(1));
      queueMicrotask(() => handlers[0]?.());
      await read;
      return EXIT.done;
    },
    {},
    signals,
  );
  assertEquals(exitCode, 130);
});

Deno.test("run() neither writes an archive to a terminal nor reads one from it", async () => {
  const write = await call(["create", "-", "p"], undefined, { stdoutTerminal: true });
  assertEquals([write.exitCode, write.loaded], [2, []]);
  assertStringIncludes(write.stderr, "Cannot write an archive to a terminal");
  for (const verb of ["extract", "list", "verify"]) {
    const read = await call([verb, "-"], undefined, { stdinTerminal: true });
    assertEquals([read.exitCode, read.loaded], [2, []]);
    assertStringIncludes(read.stderr, "Cannot read an archive from a terminal");
  }
  assertEquals((await call(["create", "-", "p", "--dry-run"], undefined, { stdoutTerminal: true })).exitCode, 0);
  assertEquals((await call(["extract", "-"])).exitCode, 0);
});

/** The one passphrase source of some options. */
function sourceOf({ keys }: CommandOptions): PassphraseSource {
  const [source] = keys.passphrases;
  assert(source !== undefined);
  return source;
}

Deno.test("run() gives commands the passphrase of the options", async () => {
  const seen: unknown[] = [];
  const setting: FakeSetting = { stdin: "correct horse battery staple\n" };
  await call(["create", "a", "p", "--passphrase-file=-"], async (context, options) => {
    seen.push(context.isPassphraseGiven(sourceOf(options)), await context.newPassphrase(sourceOf(options)));
    return EXIT.done;
  }, setting);
  await call(["list", "a", "--passphrase-file=-"], async (context, options) => {
    seen.push(context.isPassphraseGiven(sourceOf(options)), await context.existingPassphrase(sourceOf(options)));
    return EXIT.done;
  }, setting);
  await call(["info", "a"], (context, options) => {
    seen.push(context.isPassphraseGiven(sourceOf(options)));
    return EXIT.done;
  });
  assertEquals(seen, [true, "correct horse battery staple", true, "correct horse battery staple", false]);
});

Deno.test("run() sends create's JSON to standard error when the archive has standard output", async () => {
  const work: Work = ({ ui }) => {
    ui.result(() => "text", () => ({ schema: "coffer/create/1" }));
    return EXIT.done;
  };
  const piped = await call(["create", "-", "p", "--json"], work);
  assertEquals([piped.stdout, piped.stderr], ["", '{"schema":"coffer/create/1"}\n']);
  const file = await call(["create", "a", "p", "--json"], work);
  assertEquals([file.stdout, file.stderr], ['{"schema":"coffer/create/1"}\n', ""]);
  assert((await call(["create", "a", "p", "-q"], work)).stdout === "text\n");
});
