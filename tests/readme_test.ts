/**
 * Holds README.md to the truth: the blocks that it marks with `run` are run and give what they show, and its tables say
 * what the program's own tables say.
 */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { dirname, fromFileUrl, join, toFileUrl } from "@std/path";
import { lutimesSync } from "node:fs";
import { EXIT_MEANINGS } from "../src/cli/exit_codes.ts";
import { flagOf } from "../src/cli/flags.ts";
import { findVerb, VERB_NAMES, verbOf } from "../src/cli/verbs.ts";
import config from "../deno.json" with { type: "json" };
import { environment, PROGRAM } from "./e2e/program.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const README = await Deno.readTextFile(join(ROOT, "README.md"));
const PASSPHRASE = "otter-violet-sandal-mention-anchor-prism-dove";

/** A fenced block: "sh run twice" has the language `sh` and the marks `run` and `twice`. */
interface Block {
  readonly language: string;
  readonly marks: readonly string[];
  readonly text: string;
}

function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(([, info = "", text = ""]) => {
    const [language = "", ...marks] = info.split(" ");
    return { language, marks, text };
  });
}

/** The blocks of a language that are marked with `run`; none would mean that nothing is tested. */
function runnable(language: string): Block[] {
  const blocks = blocksOf(README).filter((block) => block.language === language && block.marks.includes("run"));
  assert(blocks.length > 0, `README.md has no block to run in ${language}`);
  return blocks;
}

/** The body of the one table in a section, cell by cell, without the marks of code. */
function tableOf(heading: string): string[][] {
  const section = README.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("|")).slice(2);
  assert(lines.length > 0, `README.md has no table in "${heading}"`);
  return lines.map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("`", "")));
}

interface Outcome {
  readonly code: number;
  readonly out: string;
}

async function run(
  command: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Outcome> {
  const [program = "", ...args] = command;
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd,
    clearEnv: true,
    env: environment(env),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  assert(code === 0, `${command.join(" ")} exited with ${code}: ${decoder.decode(stderr)}`);
  return { code, out: decoder.decode(stdout) };
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("README's main command runs without a terminal, twice in a row, and its passphrase opens the archive", () =>
  withFolder(async (folder) => {
    const [block] = runnable("sh").filter(({ marks }) => marks.includes("twice"));
    const command = block?.text.trim() ?? "";
    assertMatch(command, /^npx -y deno@\S+ task coffer create [^\n]+$/);
    // The runtime is the one at hand, and the machine's own /tmp is left alone.
    const words = command.replace(/^npx -y deno@\S+/, "deno").split(" ");
    const args = words.slice(1).map((word) => word.replace(/^\/tmp\//, `${folder}/`));
    const archive = args.find((word) => word.startsWith(folder));
    assert(archive !== undefined, "the archive is not in /tmp");

    const env = { COFFER_PASSPHRASE: undefined };
    const first = await run([Deno.execPath(), ...args], ROOT, env);
    const second = await run([Deno.execPath(), ...args], ROOT, env);
    for (const { out } of [first, second]) assertMatch(out, /^[a-z]+(?:-[a-z]+){6}\n$/);
    assertNotEquals(first.out, second.out);
    const listed = await run([...PROGRAM, "list", archive, "README.md"], ROOT, {
      COFFER_PASSPHRASE: second.out.trimEnd(),
    });
    assertEquals(listed.out, "README.md\n");
  }));

/** The folder that the tour takes for granted. */
async function makePhotos(folder: string): Promise<void> {
  const files = [
    ["photos/2023/harbour.jpg", 1_482_113, "2023-08-14T17:21:09Z"],
    ["photos/2024/lake.jpg", 2_109_477, "2024-07-02T19:40:31Z"],
    ["photos/2024/summit.jpg", 1_754_920, "2024-07-03T11:02:55Z"],
    ["photos/notes.txt", "lake: before the storm\nsummit: after it\n", "2024-07-09T20:15:00Z"],
  ] as const;
  for (const [path, content, time] of files) {
    const file = join(folder, path);
    await Deno.mkdir(dirname(file), { recursive: true });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content);
    if (typeof content === "number") {
      for (let at = 0; at < content; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    }
    await Deno.writeFile(file, bytes);
    await Deno.chmod(file, 0o644);
    await Deno.utime(file, new Date(time), new Date(time));
  }
  const later = new Date("2024-07-09T20:15:30Z");
  await Deno.symlink("2024/lake.jpg", join(folder, "photos/best.jpg"));
  lutimesSync(join(folder, "photos/best.jpg"), later, later);
  const folders = [
    ["photos/2023", new Date("2023-08-20T18:00:00Z")],
    ["photos/2024", new Date("2024-07-09T20:10:00Z")],
    ["photos", later],
  ] as const;
  for (const [path, time] of folders) {
    await Deno.chmod(join(folder, path), 0o755);
    await Deno.utime(join(folder, path), time, time);
  }
}

/** `$ command` lines of a console block, each with what it shows. */
function commandsOf(text: string): { command: string; shown: string[] }[] {
  const found: { command: string; shown: string[] }[] = [];
  for (const line of text.trimEnd().split("\n")) {
    if (line.startsWith("$ ")) found.push({ command: line.slice(2), shown: [] });
    else found.at(-1)?.shown.push(line);
  }
  return found;
}

/**
 * What two runs have in common: not the owner, nor a symlink's mode, nor how fast the machine is. Standard output and
 * error share a pipe here and keep no order between them, and nothing is asked for.
 */
function comparable(lines: readonly string[]): string[] {
  return lines
    .filter((line) => !/^(?:New passphrase|Passphrase) for "|^The same again:|^coffer: 1 passphrase can/.test(line))
    .map((line) => line.replace(/(?<=snapshot )[0-9a-f]{64}$/, "ID"))
    .map((line) => line.replace(/(?<= )(?:about [\d.]+ s|less than 0\.1 s)(?= and )/, "some time"))
    .map((line) => line.replace(/^(l)?([-dhp]?[-rwxsStT]{9}) \S+ +(?=\d)/, (_, link, mode) => `${link ?? mode} `))
    .sort();
}

Deno.test({
  name: "README's tour shows what the program says",
  // It is written for a POSIX shell.
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (folder) => {
      await makePhotos(folder);
      await Deno.mkdir(join(folder, "bin"));
      const program = PROGRAM.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
      await Deno.writeTextFile(join(folder, "bin/coffer"), `#!/bin/sh\nexec ${program} "$@"\n`, { mode: 0o755 });
      const path = `${join(folder, "bin")}:${Deno.env.get("PATH") ?? ""}`;
      for (const { text } of runnable("console")) {
        for (const { command, shown } of commandsOf(text)) {
          // Only there does the reader see what it does without a key.
          const passphrase = command.startsWith("coffer info") ? undefined : PASSPHRASE;
          const env = { PATH: path, TZ: "UTC", COFFER_PASSPHRASE: passphrase };
          const { out } = await run(["sh", "-c", `{ ${command}; } 2>&1`], folder, env);
          const lines = out === "" ? [] : out.trimEnd().split("\n");
          assertEquals(comparable(lines), comparable(shown), command);
        }
      }
    }),
});

Deno.test("README's library example prints what its comments say", () =>
  withFolder(async (folder) => {
    for (const { text } of runnable("ts")) {
      const example = text.replace('"./coffer/mod.ts"', JSON.stringify(toFileUrl(join(ROOT, "mod.ts")).href));
      await Deno.writeTextFile(join(folder, "example.ts"), example);
      const permissions = ["--allow-read=.", "--allow-write=."];
      const { out } = await run([Deno.execPath(), "run", "--no-prompt", ...permissions, "example.ts"], folder, {});
      const comments = [...text.matchAll(/; \/\/ (.*)$/gm)].map(([, comment]) => `${comment}\n`);
      assertEquals(out, comments.join(""));
    }
  }));

Deno.test("README names the version of Deno that .ci/run pins", async () => {
  const mentions = (text: string) =>
    new Set([...text.matchAll(/\bdeno@(\d+\.\d+\.\d+)/g)].map(([, version]) => version));
  assertEquals(mentions(README), mentions(await Deno.readTextFile(join(ROOT, ".ci/run"))));
});

Deno.test("README's tables of verbs and exit codes are the program's", () => {
  const verbs = VERB_NAMES.map((name) => {
    const { alias, summary } = verbOf(name);
    return [alias === undefined ? name : `${name}, ${alias}`, summary];
  });
  assertEquals(tableOf("Verbs"), verbs);
  const codes = Object.entries(EXIT_MEANINGS).sort(([a], [b]) => Number(a) - Number(b));
  assertEquals(tableOf("Exit codes"), codes);
});

/** Options in README that are Deno's. */
const DENO_OPTIONS = [
  ...["allow-env", "allow-ffi", "allow-net", "allow-read", "allow-run", "allow-write"],
  ...[
    "initial-heap-size",
    "invocation-count-for-turbofan",
    "max-semi-space-size",
    "name",
    "no-lazy",
    "no-prompt",
    "platform",
  ],
  ...["unstable-lazy-dynamic-imports", "v8-flags"],
];

Deno.test("README names no option that the program, or the verb it stands with, does not have", () => {
  for (const [, name = ""] of README.matchAll(/(?<![\w-])--([a-z][a-z0-9-]*)/g)) {
    const kind = flagOf(name)?.kind ?? (DENO_OPTIONS.includes(name) ? "Deno's" : undefined);
    assert(kind !== undefined, `README.md names "--${name}"`);
  }
  for (const { text } of blocksOf(README)) {
    for (const [call, word = ""] of text.matchAll(/\bcoffer ([a-z]+)\b[^|;\n]*/g)) {
      const verb = findVerb(word);
      if (verb === undefined) continue;
      for (const [, name = ""] of call.matchAll(/ --([a-z][a-z-]*)/g)) {
        assert(verbOf(verb).flags.some((flag) => flag === name), `README.md: ${call}`);
      }
    }
  }
});

Deno.test("README's table of JSON schemas has those that the commands write", async () => {
  const written = new Set<string>();
  for (const folder of ["src/cli", "src/cli/commands"]) {
    for await (const { name, isFile } of Deno.readDir(join(ROOT, folder))) {
      const source = isFile ? await Deno.readTextFile(join(ROOT, folder, name)) : "";
      for (const [, schema = ""] of source.matchAll(/schema: "([^"]+)"/g)) written.add(schema);
    }
  }
  assertEquals(tableOf("JSON").map(([schema]) => schema).sort(), [...written].sort());
});

Deno.test("README's table of dependencies has every package of deno.json", () => {
  const used = Object.values(config.imports).map((url) => /^npm:\/?((?:@[^/]+\/)?[^@/]+)@/.exec(url)?.[1]);
  const told = tableOf("Dependencies").flatMap(([packages = ""]) => packages.split(", "));
  assertEquals(told.sort(), [...new Set(used)].sort());
});

Deno.test("links in the documents lead to files and headings that exist", async () => {
  for (const name of ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]) {
    const text = await Deno.readTextFile(join(ROOT, name));
    for (const [, target = ""] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const [path = "", heading] = target.split("#");
      const linked = path === "" ? text : await Deno.readTextFile(join(ROOT, path));
      if (heading === undefined) continue;
      const slugs = [...linked.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
        title.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")
      );
      assert(slugs.includes(heading), `${name} links to ${target}`);
    }
  }
});
