import { assert, assertEquals, assertMatch } from "@std/assert";
import { dirname, fromFileUrl, join, relative } from "@std/path";
import { compileArguments } from "../tasks/compile.ts";
import { WORKERS } from "../tasks/workers.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(join(folder, name));
    else if (name.endsWith(".ts")) yield join(folder, name);
  }
}

Deno.test("every worker is reached by a static specifier, and is compiled into the executable", async () => {
  const started = new Set<string>();
  for await (const file of sources(join(ROOT, "src"))) {
    const source = await Deno.readTextFile(file);
    const code = source.split("\n").filter((line) => !/^\s*(?:\/?\*|\/\/)/.test(line)).join("\n");
    // Anything else than a literal is found neither by the compiler nor by this test.
    const all = code.match(/new Worker\(/g) ?? [];
    const named = [...code.matchAll(/new Worker\(\s*new URL\("(\.[^"]+\.ts)", import\.meta\.url\)/g)];
    assertEquals(named.length, all.length, file);
    for (const [, name = ""] of named) {
      started.add(relative(ROOT, join(dirname(file), name)).replaceAll("\\", "/"));
    }
  }
  assert(started.size > 0, "no worker was found");
  assertEquals([...started].sort(), [...WORKERS].sort());
  for (const worker of WORKERS) assert((await Deno.stat(join(ROOT, worker))).isFile, worker);
});

Deno.test("the release workflow builds through the compile task, which knows the workers", async () => {
  const workflow = await Deno.readTextFile(join(ROOT, ".github", "workflows", "release.yml"));
  assertMatch(workflow, /run: npx -y deno@\S+ task compile --all\n/);
  assertEquals(workflow.match(/\bdeno(?:@\S+)? compile\b/), null);
});

Deno.test({
  name: "what the compile task makes has the code of every worker in it",
  // The stand-in for the runtime is one of Linux.
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const output = join(folder, "coffer");
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: compileArguments({ target: undefined, output }),
        cwd: ROOT,
        // The runtime is not what is looked at: any program stands in for it, and none has to be fetched.
        env: { DENORT_BIN: "/bin/true" },
        stdin: "null",
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      const packed = new TextDecoder("latin1").decode(await Deno.readFile(output));
      for (const worker of WORKERS) {
        const source = new TextDecoder("latin1").decode(await Deno.readFile(join(ROOT, worker)));
        assert(packed.includes(source), `${worker} is not in the executable`);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
