/** The program as README installs it: bundled, away from its sources and packages. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { bundle } from "../tasks/bundle.ts";
import { V8_FLAGS } from "../tasks/v8_flags.ts";
import { WORKERS } from "../tasks/workers.ts";
import { environment, QUICK } from "./e2e/program.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));

async function run(words: readonly string[], cwd: string, input?: Uint8Array<ArrayBuffer>) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...words],
    cwd,
    clearEnv: true,
    env: environment(),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  if (input !== undefined) await writer.write(input);
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("the bundle stores, adds to, checks and restores files with every kind of worker", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await bundle(join(folder, "bundle"));
    // Twice: the second takes the first one's place.
    await bundle(join(folder, "bundle"));
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assertEquals(names, ["bundle"], "the bundler has left something beside what it made");
    const start = ["run", "-A", "--no-config", "--cached-only", "--unstable-lazy-dynamic-imports", V8_FLAGS];
    const coffer = async (...args: string[]) => {
      const { code, out, err } = await run([...start, join(folder, "bundle", "cli.js"), ...args], folder);
      assertEquals(code, 0, `coffer ${args.join(" ")}: ${err}`);
      return out;
    };
    const tree = join(folder, "tree");
    for (let i = 0; i < 40; i++) {
      await Deno.mkdir(join(tree, `${i}`), { recursive: true });
      for (let j = 0; j < 50; j++) {
        await Deno.writeTextFile(join(tree, `${i}`, `${j}.txt`), `${i} and ${j}\n`.repeat(99));
      }
    }
    await coffer("create", ...QUICK, "--jobs", "2", "a.coffer", "tree");
    await Deno.writeTextFile(join(tree, "7", "new.txt"), "new\n");
    await coffer("update", "--jobs", "2", "a.coffer", "tree");
    const listed = await coffer("list", "a.coffer");
    assertEquals(listed.trimEnd().split("\n").length, 1 + 40 + 40 * 50 + 1);
    await coffer("verify", "--jobs", "2", "a.coffer");
    await coffer("extract", "--jobs", "2", "a.coffer", "-C", "restored");
    await coffer("verify", "--against", "restored", "a.coffer");
    assertEquals(await coffer("cat", "a.coffer", "tree/7/new.txt"), "new\n");
    const archive = await Deno.readFile(join(folder, "a.coffer"));
    const program = join(folder, "bundle", "cli.js");
    const piped = await run([...start, program, "verify", "--jobs", "2", "-"], folder, archive);
    assertEquals(piped.code, 0, piped.err);
    assertStringIncludes(await coffer("--version"), "coffer");
    const { out } = await run(
      [...start, program, "create", "--generate-passphrase", ...QUICK, "b.coffer", "tree"],
      folder,
    );
    assert(out.trim() !== "", "no passphrase was made: its word list is a package's");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("no bundled script names a worker's source, and each worker's bundle is named", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const target = join(folder, "bundle");
    await bundle(target);
    const named = new Set<string>();
    const scripts = async (path: string): Promise<void> => {
      for await (const { name, isDirectory } of Deno.readDir(path)) {
        if (isDirectory) {
          await scripts(join(path, name));
          continue;
        }
        const source = await Deno.readTextFile(join(path, name));
        assert(!/new URL\("[^"]*\.ts"/.test(source), `${name} names a source`);
        for (const [, url = ""] of source.matchAll(/new Worker\(new URL\("([^"]+)"/g)) {
          const worker = join(path, url);
          assert((await Deno.stat(worker)).isFile, worker);
          named.add(worker.slice(target.length + 1).replaceAll("\\", "/"));
        }
      }
    };
    await scripts(target);
    assertEquals([...named].sort(), WORKERS.map((worker) => worker.replace(/\.ts$/, ".js")).sort());
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("deno.json and README run the program with the flags that everything else does", async () => {
  for (const file of ["deno.json", "README.md", "bench/README.md"]) {
    const text = await Deno.readTextFile(join(ROOT, file));
    const flags = [...text.matchAll(/--v8-flags=\S+/g)].map(([flag]) => flag);
    assert(flags.length > 0, file);
    assertEquals(flags.filter((flag) => flag !== V8_FLAGS), [], file);
  }
});
