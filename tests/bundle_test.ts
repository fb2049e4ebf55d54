/** The program as README installs it: bundled, away from its sources and packages. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { bundle } from "../tasks/bundle.ts";
import { V8_FLAGS } from "../tasks/v8_flags.ts";
import { WORKERS } from "../tasks/workers.ts";
import { expectExit, QUICK, run } from "./e2e/program.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));

/** Random bytes are stored as they are: enough of them for more blocks than one thread is left alone with. */
async function makeTree(tree: string): Promise<void> {
  for (let i = 0; i < 40; i++) {
    await Deno.mkdir(join(tree, `${i}`), { recursive: true });
    for (let j = 0; j < 10; j++) {
      await Deno.writeFile(join(tree, `${i}`, `${j}`), crypto.getRandomValues(new Uint8Array(2 ** 16)));
    }
  }
}

Deno.test("the bundle stores, adds to, checks and restores files, with workers where the program has them", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    const target = join(folder, "bundle");
    await bundle(target);
    // The second takes the first one's place.
    await bundle(target);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["bundle"]);
    const flags = ["--no-config", "--cached-only", "--unstable-lazy-dynamic-imports", V8_FLAGS];
    const program = [Deno.execPath(), "run", "-A", ...flags, join(target, "cli.js")];
    const options = { cwd: folder, program };
    const coffer = (...args: string[]) => expectExit(0, args, options);
    await makeTree(join(folder, "tree"));
    const key = ["-k", "key", "--jobs", "2"];
    await coffer("keygen", "-o", "key");
    await coffer("create", ...key, "a.coffer", "tree");
    // Of one snapshot, which a pipe need not be kept for.
    const archive = await Deno.readFile(join(folder, "a.coffer"));
    await Deno.writeTextFile(join(folder, "tree", "7", "new"), "new\n");
    await coffer("update", ...key, "a.coffer", "tree");
    const { out } = await coffer("list", "-k", "key", "a.coffer");
    assertEquals(out.trimEnd().split("\n").length, 1 + 40 + 40 * 10 + 1);
    await coffer("extract", ...key, "a.coffer", "-C", "restored");
    await coffer("verify", ...key, "--against", "restored", "a.coffer");
    await coffer("verify", ...key, "a.coffer");
    await expectExit(0, ["extract", ...key, "-", "-C", "piped"], { ...options, stdin: archive });
    // Its word list is a package's.
    await coffer("create", "--generate-passphrase", ...QUICK, "b.coffer", "tree/7");

    // Without the code of its worker each of these fails: so they had one before.
    const needing: Readonly<Record<string, readonly string[]>> = {
      create: ["create", ...key, "c.coffer", "tree"],
      extract: ["extract", ...key, "a.coffer", "-C", "again"],
      stream: ["extract", ...key, "-", "-C", "piped-again"],
      verify: ["verify", ...key, "a.coffer"],
    };
    for (const [worker, args] of Object.entries(needing)) {
      await Deno.remove(join(target, "src", "parallel", `${worker}_worker.js`));
      const { code, err } = await run(args, { ...options, ...(args.includes("-") ? { stdin: archive } : {}) });
      assertEquals(code, 1, err);
      assertStringIncludes(err, `${worker}_worker.js`);
    }
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
