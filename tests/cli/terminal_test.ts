import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { closeSync, constants, openSync } from "node:fs";

/** Debian's own first: another python3 on the path may lack modules. */
const PYTHON = ["/usr/bin/python3", "python3"].find((path) => {
  try {
    return new Deno.Command(path, { args: ["-c", "import pty, termios"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
});
const ignore = PYTHON === undefined;
if (ignore) console.warn("terminal_test.ts: no python3 with pty here, so questions on a real terminal are NOT TESTED");

const PROBE = fromFileUrl(import.meta.resolve("./probe.ts"));
const CONFIG = fromFileUrl(import.meta.resolve("../../deno.json"));
const ALL = ["-A"];

type Step = readonly [expected: string, keys: string | null, signal?: string];

interface Played {
  readonly code: number | "timeout";
  readonly shown: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly echo: readonly boolean[];
  readonly echoAfter: boolean;
}

async function play(
  args: readonly string[],
  steps: readonly Step[],
  permissions: readonly string[] = ALL,
  standard = false,
): Promise<Played> {
  // Whoever runs the tests may have the variable set.
  const command = [
    "env",
    "-u",
    "COFFER_PASSPHRASE",
    Deno.execPath(),
    "run",
    "--config",
    CONFIG,
    ...permissions,
    PROBE,
    ...args,
  ];
  const child = new Deno.Command(PYTHON as string, {
    args: [fromFileUrl(import.meta.resolve("./on_a_terminal.py"))],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const script = {
    command,
    standard,
    steps: steps.map(([e, k, s]) => [e, k, s ?? null]),
  };
  await writer.write(new TextEncoder().encode(JSON.stringify(script)));
  await writer.close();
  const { stdout } = await child.output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

const SECRET = "pä天 secret🦕";

Deno.test({
  name: "the question goes to the terminal when all standard streams lead elsewhere, and echoes nothing",
  ignore,
  async fn() {
    const played = await play(["list", "a.coffer"], [['for "a.coffer": ', `wrong\x15${SECRET}x\x7f\r`]]);
    assertEquals([played.code, played.stdout, played.stderr], [0, `${SECRET.length} characters\n`, ""]);
    assertEquals(played.shown, 'Passphrase for "a.coffer": \r\n');
    assertEquals([played.echo, played.echoAfter], [[false], true]);
  },
});

Deno.test({
  name: "create asks twice, and again after a mismatch",
  ignore,
  async fn() {
    const played = await play(["create", "a.coffer", "p"], [
      ["New passphrase", `${SECRET}\r`],
      ["again: ", "other\r"],
      ["New passphrase", `${SECRET}\r`],
      ["again: ", `${SECRET}\r`],
    ]);
    assertEquals([played.code, played.stdout], [0, `${SECRET.length} characters\n`]);
    assertStringIncludes(played.shown, "The two are not the same; try again");
    assert(!played.shown.includes("secret") && !played.shown.includes("other"));
    assertEquals([played.echo, played.echoAfter], [[false, false, false, false], true]);
  },
});

for (
  const [what, step] of [["Ctrl-C", ["", "abc\x03"]], ["SIGTERM", ["", null, "SIGTERM"]], ["SIGINT", [
    "",
    null,
    "SIGINT",
  ]]] as const
) {
  Deno.test({
    name: `${what} at the question exits 130, and the terminal echoes again`,
    ignore,
    async fn() {
      const played = await play(["list", "a.coffer"], [['"a.coffer": ', null], step]);
      assertEquals([played.code, played.stdout], [130, ""]);
      assertEquals([played.echo, played.echoAfter], [[false, false], true]);
    },
  });
}

for (
  const [what, permissions] of [
    ["the right to open the terminal", ["--allow-read", "--allow-write", "--allow-env"]],
    ["any permission", []],
  ] as const
) {
  Deno.test({
    name: `without ${what}, standard input is asked when it is a terminal, and Deno asks nothing`,
    ignore,
    async fn() {
      const played = await play(["list", "a.coffer"], [['"a.coffer": ', "typed\r"]], permissions, true);
      assertEquals([played.code, played.stdout], [0, "5 characters\n"]);
      assertEquals(withoutRuntime(played.shown), 'Passphrase for "a.coffer": \r\n');
      assertEquals([played.echo, played.echoAfter], [[false], true]);
    },
  });
}

/** Without what Deno says on its own about caches that other processes use at the same time. */
function withoutRuntime(shown: string): string {
  return shown.replace(/^(?:Could not initialize cache database|Failed to open cache file).*\r\n/gm, "");
}

/** Opens a FIFO for writing as soon as somebody reads from it. */
async function openForReader(path: string): Promise<number> {
  while (true) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENXIO")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

Deno.test({
  name: "a signal ends the wait for a FIFO that nobody writes to",
  ignore: Deno.build.os === "windows",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const fifo = `${folder}/fifo`;
      assert((await new Deno.Command("mkfifo", { args: [fifo] }).output()).success);
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--config", CONFIG, PROBE, "list", "a.coffer", "--passphrase-file", fifo],
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const writer = await openForReader(fifo);
      child.kill("SIGTERM");
      const { code, stderr } = await child.output();
      closeSync(writer);
      assertEquals([code, new TextDecoder().decode(stderr)], [130, "coffer: interrupted; cleaning up\n"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
