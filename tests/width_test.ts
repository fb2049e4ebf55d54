/** Comments and documents keep to the width that the formatter gives code, which it does not ask of them. */
import { assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const WIDTH = 120;
/** What `deno task bench:report` writes is laid out by figures. */
const GENERATED = /<!-- comparison: made by [^]*?<!-- comparison: end -->/g;

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory, isFile } of Deno.readDir(join(ROOT, folder))) {
    if (name.startsWith(".") || name === "node_modules") continue;
    const path = folder === "" ? name : `${folder}/${name}`;
    if (isDirectory) yield* filesBelow(path);
    else if (isFile && /\.(md|ts)$/.test(name) && path !== "bench/comparison.md") yield path;
  }
}

/** The lines of a document that are too wide and could be wrapped. */
function wideProse(text: string): string[] {
  let isCode = false;
  return text.replaceAll(GENERATED, "").split("\n").filter((line) => {
    if (/^\s*```/.test(line)) isCode = !isCode;
    const isFree = isCode || /^\s*(\||!?\[|\*\*Contents\*\*|<)/.test(line);
    return !isFree && line.length > WIDTH && line.slice(0, WIDTH).trim().includes(" ");
  });
}

/** The comment lines of a source file that are too wide; commands and tables in them, which are indented, may be. */
function wideComments(text: string): string[] {
  return text.split("\n").filter((line) => line.length > WIDTH && /^\s*(\*|\/\/|\/\*\*) ?(?! {3})/.test(line));
}

Deno.test("comments and documents are wrapped at 120 columns", async () => {
  const wide: string[] = [];
  let files = 0;
  for await (const path of filesBelow("")) {
    files++;
    const text = await Deno.readTextFile(join(ROOT, path));
    const lines = path.endsWith(".md") ? wideProse(text) : wideComments(text);
    for (const line of lines) wide.push(`${path}: ${line}`);
  }
  assertEquals(wide, []);
  assertEquals(files > 300, true);
});

Deno.test("what is too wide is found, and what may be is not", () => {
  const long = "word ".repeat(30);
  assertEquals(wideProse(`${long}\n- ${long}\n| ${long} |\n\`\`\`\n${long}\n\`\`\`\n`).length, 2);
  assertEquals(wideComments(`/** ${long} */\n  // ${long}\n *     ${long}\nconst x = "${long}";`).length, 2);
});
