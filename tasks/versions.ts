/**
 * Checks that every place that names a version of Deno names the one that `.ci/run` pins, so that a reader who copies
 * a command, a workflow and the gates all run the same runtime.
 */

import { join } from "@std/path";

const PIN = ".ci/run";
/** Folders whose files are not the project's words: generated, fetched, or records of what was. */
const SKIPPED = new Set([".git", "node_modules", "dist", "coverage", "bench/results", "bench/corpora", "tests/tmp"]);
const SKIPPED_FILES = new Set(["CHANGELOG.md", "deno.lock"]);
const TEXT = /(?:\.(?:ts|json|md|yml|yaml|sh)|\.ci\/run)$/;
/** `deno@X.Y.Z` in a command, `deno-version: vX.Y.Z` in a workflow. */
const MENTION = /\bdeno(?:@|-version:\s*["']?v?)(\d+\.\d+\.\d+)/g;

interface Mention {
  readonly file: string;
  readonly line: number;
  readonly version: string;
}

async function* textFiles(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = folder === "." ? name : `${folder}/${name}`;
    if (SKIPPED.has(path) || SKIPPED_FILES.has(path)) continue;
    if (isDirectory) yield* textFiles(path);
    else if (TEXT.test(path)) yield path;
  }
}

async function mentions(): Promise<Mention[]> {
  const found: Mention[] = [];
  for await (const file of textFiles(".")) {
    const lines = (await Deno.readTextFile(join(".", file))).split("\n");
    for (const [i, text] of lines.entries()) {
      for (const match of text.matchAll(MENTION)) found.push({ file, line: i + 1, version: match[1]! });
    }
  }
  return found;
}

async function main(): Promise<number> {
  const found = await mentions();
  const pin = found.find(({ file }) => file === PIN)?.version;
  if (pin === undefined) {
    console.error(`Cannot check versions: "${PIN}" names no deno@X.Y.Z`);
    return 1;
  }
  const others = found.filter(({ version }) => version !== pin);
  for (const { file, line, version } of others) {
    console.error(`${file}:${line}: names Deno ${version}; ${PIN} pins ${pin}`);
  }
  if (others.length > 0) return 1;
  console.log(`Deno ${pin} in ${found.length} places of ${new Set(found.map(({ file }) => file)).size} files`);
  if (Deno.version.deno !== pin) console.warn(`This is Deno ${Deno.version.deno}; ${PIN} pins ${pin}`);
  return 0;
}

Deno.exitCode = await main();
