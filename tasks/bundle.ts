/**
 * Packs the program and its packages into a folder of plain JavaScript, which starts sooner than the sources do.
 *
 *     deno task bundle    into dist/bundle, which is then as cli.js there is run; the folder may be moved anywhere
 */
import { fromFileUrl, join, relative } from "@std/path";
import { WORKERS } from "./workers.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const FOLDER = join("dist", "bundle");
/** How the sources name a worker: relative to the file that starts it, which the bundler leaves as it is. */
const WORKER = /new URL\("[^"]*?(\w+_worker)\.ts", import\.meta\.url\)/g;

async function* scripts(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* scripts(join(folder, name));
    else if (name.endsWith(".js")) yield join(folder, name);
  }
}

/** Names each worker as its bundle is called, seen from the scripts that start it. */
async function pointToWorkers(folder: string): Promise<void> {
  const bundles = new Map(WORKERS.map((worker) => {
    const path = worker.replace(/\.ts$/, ".js");
    return [path.slice(path.lastIndexOf("/") + 1, -".js".length), path];
  }));
  const missing = new Set(bundles.keys());
  for await (const script of scripts(folder)) {
    const source = await Deno.readTextFile(script);
    const changed = source.replace(WORKER, (url, name: string) => {
      const bundle = bundles.get(name);
      if (bundle === undefined) throw new Error(`"${script}" starts a worker that is not bundled: ${url}`);
      missing.delete(name);
      const path = relative(join(script, ".."), join(folder, bundle)).replaceAll("\\", "/");
      return `new URL("./${path}", import.meta.url)`;
    });
    if (changed !== source) await Deno.writeTextFile(script, changed);
  }
  if (missing.size > 0) throw new Error(`nothing in the bundle starts ${[...missing].join(", ")}`);
}

async function removeFolder(folder: string): Promise<void> {
  try {
    await Deno.remove(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Bundles the program into a folder (an absolute path), which is made, or replaced when all went well; the program is
 * `cli.js` in it.
 *
 * @throws {Error} if the bundler fails or a worker is not where the program looks for it.
 */
export async function bundle(folder: string): Promise<void> {
  const fresh = `${folder}.new`;
  await removeFolder(fresh);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--code-splitting", "--outdir", fresh, "cli.ts", ...WORKERS],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`deno bundle failed:\n${new TextDecoder().decode(stderr)}`);
  await pointToWorkers(fresh);
  await removeFolder(folder);
  await Deno.rename(fresh, folder);
}

if (import.meta.main) {
  await bundle(join(ROOT, FOLDER));
  console.log(`Bundled the program: ${join(FOLDER, "cli.js")}`);
}
