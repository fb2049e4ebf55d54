/**
 * The layer rule of CONTRIBUTING.md: imports point down, the core knows no platform, and what a browser loads reaches
 * nothing that a browser lacks.
 */

import { assertArrayIncludes, assertEquals } from "@std/assert";
import { fromFileUrl, join, relative, toFileUrl } from "@std/path";

/** One import of a module: the file or package it names, and whether types are all it takes. */
interface Import {
  /** A path from the project's root with forward slashes, or a specifier such as `node:fs` or `npm:/crc-32@1.2.2`. */
  readonly target: string;
  readonly isTypeOnly: boolean;
}

/** A module's path from the project's root, and what it imports. */
type Graph = ReadonlyMap<string, readonly Import[]>;

/** What a layer may import besides its own files. */
interface Layer {
  readonly name: string;
  readonly holds: (path: string) => boolean;
  readonly mayImport: readonly string[];
  /** Kinds of external specifiers it may import. */
  readonly mayUse: readonly ("node" | "npm" | "std")[];
}

const inFolder = (folder: string) => (path: string) => path.startsWith(folder);

/** From the bottom up. A file that no layer holds is itself a violation. */
const LAYERS: readonly Layer[] = [
  { name: "contract", holds: (path) => path === "src/engine/engine.ts", mayImport: [], mayUse: [] },
  { name: "engine", holds: (path) => /^src\/engine\/[^/]+\.ts$/.test(path), mayImport: ["contract"], mayUse: ["npm"] },
  { name: "foreign", holds: inFolder("src/foreign/"), mayImport: [], mayUse: [] },
  {
    name: "native",
    holds: inFolder("src/engine/native/"),
    mayImport: ["contract", "engine", "foreign"],
    mayUse: ["node"],
  },
  { name: "portable", holds: inFolder("src/engine/portable/"), mayImport: ["contract", "engine"], mayUse: ["npm"] },
  { name: "format", holds: inFolder("src/format/"), mayImport: ["contract"], mayUse: [] },
  { name: "text", holds: inFolder("src/text/"), mayImport: ["contract", "format"], mayUse: ["npm"] },
  { name: "recovery", holds: inFolder("src/recovery/"), mayImport: ["contract", "format"], mayUse: [] },
  { name: "archive", holds: inFolder("src/archive/"), mayImport: ["contract", "format", "recovery"], mayUse: [] },
  {
    name: "library",
    holds: inFolder("src/library/"),
    mayImport: ["contract", "format", "recovery", "text", "archive"],
    mayUse: [],
  },
  {
    name: "disk",
    holds: inFolder("src/disk/"),
    mayImport: ["contract", "foreign", "format", "recovery", "archive", "library"],
    mayUse: ["node", "npm", "std"],
  },
  {
    name: "parallel",
    holds: inFolder("src/parallel/"),
    mayImport: ["contract", "native", "format", "recovery", "archive", "disk"],
    mayUse: ["node"],
  },
  {
    name: "cli",
    holds: inFolder("src/cli/"),
    mayImport: ["contract", "native", "format", "recovery", "text", "archive", "library", "disk", "parallel"],
    mayUse: ["node", "npm", "std"],
  },
  {
    name: "native library",
    holds: (path) => path === "mod.ts",
    mayImport: ["contract", "native", "format", "text", "archive", "library", "disk"],
    mayUse: [],
  },
  {
    name: "browser library",
    holds: (path) => path === "browser.ts",
    mayImport: ["contract", "portable", "format", "text", "archive", "library"],
    mayUse: [],
  },
  { name: "program", holds: (path) => path === "cli.ts", mayImport: ["cli"], mayUse: [] },
];

function layerOf(path: string): Layer | undefined {
  return LAYERS.find((layer) => layer.holds(path));
}

/** The kind of an external specifier; `undefined` for a file of the project. */
function externalKind(target: string): "node" | "npm" | "std" | "other" | undefined {
  if (target.startsWith("node:")) return "node";
  if (target.startsWith("npm:")) return /^npm:\/?deno-std@/.test(target) ? "std" : "npm";
  return /^[a-z@]+:/.test(target) ? "other" : undefined;
}

/** Every import that breaks the layer rule, as a sentence. */
function layerViolations(graph: Graph): string[] {
  const violations: string[] = [];
  for (const [path, imports] of graph) {
    const layer = layerOf(path);
    if (layer === undefined) {
      violations.push(`"${path}" is in no layer`);
      continue;
    }
    for (const { target, isTypeOnly } of imports) {
      const kind = externalKind(target);
      if (kind !== undefined) {
        if (kind === "other" || !layer.mayUse.includes(kind)) violations.push(`"${path}" imports "${target}"`);
        continue;
      }
      const other = layerOf(target);
      if (other === layer) continue;
      if (other === undefined || !layer.mayImport.includes(other.name)) {
        violations.push(`"${path}" imports "${target}"`);
      } else if (other.name === "contract" && !isTypeOnly) {
        violations.push(`"${path}" imports more than types from "${target}"`);
      }
    }
  }
  return violations;
}

/** Everything that loading `entry` loads: types are gone by then. */
function reachable(graph: Graph, entry: string): string[] {
  const seen = new Set([entry]);
  for (const path of seen) {
    for (const { target, isTypeOnly } of graph.get(path) ?? []) if (!isTypeOnly) seen.add(target);
  }
  return [...seen];
}

/** What `browser.ts` reaches and a browser cannot load. */
function browserViolations(graph: Graph): string[] {
  return reachable(graph, "browser.ts").filter((path) =>
    externalKind(path) === "node" || /^src\/(?:disk|cli|engine\/native)\//.test(path)
  );
}

/** The cycles met on a walk through the graph, types included: `a -> b -> a`. Empty exactly when there is none. */
function cycles(graph: Graph): string[] {
  const found: string[] = [];
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    if (finished.has(path)) return;
    const start = trail.indexOf(path);
    if (start >= 0) {
      found.push([...trail.slice(start), path].join(" -> "));
      return;
    }
    for (const { target } of graph.get(path) ?? []) visit(target, [...trail, path]);
    finished.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

/** What this test reads of `deno info --json`. */
interface ModuleInfo {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly code?: { readonly specifier?: string };
    readonly type?: { readonly specifier?: string };
  }[];
}

/** Reads the import graph of `files`, paths from `root`, with the parser that Deno runs them with. */
async function readGraph(root: string, files: readonly string[]): Promise<Graph> {
  const config = fromFileUrl(new URL("../deno.json", import.meta.url));
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const imports = files.map((file) => `import ${JSON.stringify(toFileUrl(join(root, file)).href)};\n`);
    await Deno.writeTextFile(entry, imports.join(""));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--no-lock", "--config", config, entry],
    }).output();
    if (!success) throw new Error(`Cannot read the import graph: ${new TextDecoder().decode(stderr)}`);
    const modules: readonly ModuleInfo[] = JSON.parse(new TextDecoder().decode(stdout)).modules;
    const nameOf = (specifier: string) =>
      specifier.startsWith("file:") ? relative(root, fromFileUrl(specifier)).replaceAll("\\", "/") : specifier;
    const graph = new Map<string, Import[]>();
    for (const { specifier, dependencies } of modules) {
      const path = nameOf(specifier);
      if (!files.includes(path)) continue;
      graph.set(
        path,
        (dependencies ?? []).map(({ specifier, code, type }) => ({
          target: nameOf(code?.specifier ?? type?.specifier ?? specifier),
          isTypeOnly: code === undefined,
        })),
      );
    }
    return graph;
  } finally {
    await Deno.remove(entry);
  }
}

/** The TypeScript files under `folder`, as paths from `root`. */
async function sourceFiles(root: string, folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(root, folder))) {
    const path = `${folder}/${name}`;
    if (isDirectory) files.push(...await sourceFiles(root, path));
    else if (name.endsWith(".ts")) files.push(path);
  }
  return files.sort();
}

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const ENTRIES = ["mod.ts", "browser.ts", "cli.ts"];
const FILES = [...await sourceFiles(ROOT, "src"), ...ENTRIES];

Deno.test("every source file is in the graph, and keeps the layer rule", async () => {
  const graph = await readGraph(ROOT, FILES);
  assertEquals([...graph.keys()].sort(), FILES.toSorted());
  assertEquals(layerViolations(graph), []);
});

Deno.test("no source file imports more than types of the runtime's node: modules, which cost every start", async () => {
  const graph = await readGraph(ROOT, FILES);
  const importing = [...graph].flatMap(([path, imports]) =>
    imports.some(({ target, isTypeOnly }) => externalKind(target) === "node" && !isTypeOnly) ? [path] : []
  );
  assertEquals(importing, []);
});

Deno.test("browser.ts reaches nothing that a browser lacks", async () => {
  const graph = await readGraph(ROOT, FILES);
  assertArrayIncludes(reachable(graph, "browser.ts"), ["src/engine/portable/engine.ts"]);
  assertEquals(browserViolations(graph), []);
});

Deno.test("no imports go in a circle", async () => {
  assertEquals(cycles(await readGraph(ROOT, FILES)), []);
});

Deno.test("the runtime-neutral layers name no platform, and no import is hidden from the graph", async () => {
  for (const file of FILES) {
    const source = await Deno.readTextFile(join(ROOT, file));
    const code = source.split("\n").filter((line) => !/^\s*(?:\/?\*|\/\/)/.test(line)).join("\n");
    const isNeutral = /^src\/(?:format|text|archive|library|engine\/(?:portable|[^/]+$))/.test(file) ||
      file === "browser.ts";
    const hidden = [
      ...(isNeutral ? code.match(/\b(?:Deno|process|Buffer)\.\w+/g) ?? [] : []),
      // A computed import() or require() is in no graph.
      ...code.match(/\b(?:import|require)\((?!\s*["'])[^)]*/g) ?? [],
    ];
    assertEquals(hidden, [], file);
  }
});

/** A graph out of `{ importer: [targets] }`; `type:` before a target makes it a type-only import. */
function fixture(imports: Record<string, readonly string[]>): Graph {
  const parse = (target: string): Import => ({
    target: target.replace(/^type:/, ""),
    isTypeOnly: target.startsWith("type:"),
  });
  return new Map(Object.entries(imports).map(([path, targets]) => [path, targets.map(parse)]));
}

Deno.test("layerViolations() takes what points down and names what does not", () => {
  const sound = fixture({
    "src/engine/engine.ts": [],
    "src/engine/native/engine.ts": ["type:src/engine/engine.ts", "node:crypto"],
    "src/engine/portable/engine.ts": ["type:src/engine/engine.ts", "npm:/crc-32@1.2.2"],
    "src/format/row.ts": ["type:src/engine/engine.ts", "src/format/path.ts"],
    "src/archive/writer.ts": ["src/format/row.ts"],
    "src/library/create.ts": ["src/archive/writer.ts", "src/format/row.ts", "type:src/engine/engine.ts"],
    "src/disk/walk.ts": ["src/archive/writer.ts", "node:fs", "npm:/deno-std@1.4.0/path/mod.js"],
    "src/cli/create.ts": ["src/disk/walk.ts", "src/engine/native/engine.ts"],
    "cli.ts": ["src/cli/create.ts"],
    "mod.ts": ["src/library/create.ts", "src/archive/writer.ts", "src/engine/native/engine.ts"],
    "browser.ts": ["src/library/create.ts", "src/archive/writer.ts", "src/engine/portable/engine.ts"],
  });
  assertEquals(layerViolations(sound), []);

  const broken: readonly (readonly [path: string, target: string])[] = [
    ["src/engine/engine.ts", "src/format/row.ts"],
    ["src/engine/native/engine.ts", "npm:/crc-32@1.2.2"],
    ["src/engine/portable/engine.ts", "node:crypto"],
    ["src/engine/portable/engine.ts", "src/engine/native/engine.ts"],
    ["src/format/row.ts", "src/archive/writer.ts"],
    ["src/format/row.ts", "type:src/archive/writer.ts"],
    ["src/format/row.ts", "node:path"],
    ["src/format/row.ts", "npm:/crc-32@1.2.2"],
    ["src/format/row.ts", "npm:/deno-std@1.4.0/bytes/concat.js"],
    ["src/archive/writer.ts", "node:fs"],
    ["src/archive/writer.ts", "src/engine/native/engine.ts"],
    ["src/archive/writer.ts", "src/disk/walk.ts"],
    ["src/archive/writer.ts", "src/library/create.ts"],
    ["src/library/create.ts", "src/engine/native/engine.ts"],
    ["src/library/create.ts", "src/disk/walk.ts"],
    ["src/library/create.ts", "node:fs"],
    ["src/disk/walk.ts", "src/cli/create.ts"],
    ["src/disk/walk.ts", "https://example.com/mod.ts"],
    ["src/cli/create.ts", "mod.ts"],
    ["browser.ts", "src/engine/native/engine.ts"],
    ["cli.ts", "src/archive/writer.ts"],
    ["src/format/row.ts", "src/stray.ts"],
  ];
  for (const [path, target] of broken) {
    assertEquals(layerViolations(fixture({ [path]: [target] })), [
      `"${path}" imports "${target.replace(/^type:/, "")}"`,
    ]);
  }
  assertEquals(layerViolations(fixture({ "src/format/row.ts": ["src/engine/engine.ts"] })), [
    '"src/format/row.ts" imports more than types from "src/engine/engine.ts"',
  ]);
  assertEquals(layerViolations(fixture({ "src/stray.ts": [] })), ['"src/stray.ts" is in no layer']);
});

Deno.test("browserViolations() follows imports as far as they go, and not through types", () => {
  const graph = fixture({
    "browser.ts": ["src/archive/a.ts"],
    "src/archive/a.ts": ["src/archive/b.ts", "type:src/disk/types_only.ts"],
    "src/archive/b.ts": ["src/disk/walk.ts", "src/engine/native/engine.ts"],
    "src/disk/walk.ts": ["node:fs"],
    "src/disk/types_only.ts": ["node:os"],
  });
  assertEquals(browserViolations(graph), ["src/disk/walk.ts", "src/engine/native/engine.ts", "node:fs"]);
});

Deno.test("cycles() finds a circle wherever it starts, and none in a diamond", () => {
  assertEquals(cycles(fixture({ "a": ["b"], "b": ["c"], "c": ["type:b"] })), ["b -> c -> b"]);
  assertEquals(cycles(fixture({ "a": ["a"] })), ["a -> a"]);
  assertEquals(cycles(fixture({ "a": ["b", "c"], "b": ["d"], "c": ["d"], "d": [] })), []);
});

Deno.test("readGraph() sees every form of import", async () => {
  const root = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.writeTextFile(
      join(root, "a.ts"),
      [
        'import { b } from "./b.ts";',
        'import type { C } from "./c.ts";',
        'import "./d.ts";',
        'export * from "./e.ts";',
        'export type { F } from "./f.ts";',
        'export const g = () => import("./g.ts");',
        'export type H = import("./h.ts").H;',
        'import { readFileSync } from "node:fs";',
        '// import "./not_this.ts";',
        'export const text = "import \\"./nor_this.ts\\"" + b + readFileSync;',
        "export type { C };",
      ].join("\n"),
    );
    for (const name of ["b", "c", "d", "e", "f", "g", "h"]) {
      await Deno.writeTextFile(
        join(root, `${name}.ts`),
        `export const ${name} = 1; export type ${name.toUpperCase()} = 1;`,
      );
    }
    const graph = await readGraph(root, ["a.ts"]);
    const seen = (graph.get("a.ts") ?? []).map(({ target, isTypeOnly }) => `${isTypeOnly ? "type:" : ""}${target}`);
    assertEquals(seen.sort(), [
      "b.ts",
      "d.ts",
      "e.ts",
      "g.ts",
      "node:fs",
      "type:c.ts",
      "type:f.ts",
      "type:h.ts",
    ]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
