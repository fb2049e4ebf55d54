import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { VERSION } from "../../src/cli/version.ts";

const ROOT = fromFileUrl(import.meta.resolve("../.."));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `cli.ts` itself, in the project's folder as a task would. */
async function coffer(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "cli.ts", ...args],
    cwd: ROOT,
    env: { COFFER_PASSPHRASE: "correct horse battery staple", INIT_CWD: "", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("cli.ts sets the exit code and uses the right output", async () => {
  assertEquals(await coffer(["--version"]), { code: 0, stdout: `coffer ${VERSION}\n`, stderr: "" });
  const wrong = await coffer(["lits"]);
  assertEquals([wrong.code, wrong.stdout], [2, ""]);
  assertMatch(wrong.stderr, /^coffer: error: .*\ncoffer: hint: Did you mean "list"\?\n$/);
  assertEquals((await coffer(["update", "a.coffer"])).code, 2);
});

Deno.test("cli.ts takes relative paths from where its task was called", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/note.coffer`, "not an archive");
    assertEquals((await coffer(["list", "note.coffer"], { INIT_CWD: folder })).code, 10);
    assertEquals((await coffer(["list", "note.coffer"])).code, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
