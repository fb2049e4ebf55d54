/**
 * Measures Coffer beside the programs people use, on the same trees, in turn.
 *
 *     deno task bench:compare                            in full, half an hour or more; saved under bench/results/
 *     deno task bench:compare --scale 0.02 --rounds 1    a quick look
 *
 * Options: `--rounds N` (of the tools that take turns with Coffer; the slow ones are measured once), `--scale N`,
 * `--corpora DIR` (where the trees are kept; default: the user's cache), `--small DIR` (small files to take instead of
 * installing packages), `--only NAME,…` (corpora), `--tools NAME,…`, `--out FILE`. The executable is `COFFER_BIN`, or
 * else this checkout's `cli.ts`.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { fromFileUrl, join } from "@std/path";
import { compareCorpora, type ComparedCorpus } from "./compare_corpora.ts";
import type { Cell, ComparedResults } from "./compare_results.ts";
import { allTools, FLOORS, type Operation, OPERATIONS, type Tool } from "./compare_tools.ts";
import { describeMachine, machineSlug } from "./machine.ts";
import { measure } from "./measure.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
/** Where archives and extracted trees go: in memory, where a disk's moods stay out of it. */
const WORK_FOLDER = "/dev/shm";
const DEFAULT_ROUNDS = 5;

const report = (line: string): void => console.error(line);

/** One measurement's setting. */
class Bench {
  readonly #work: string;
  readonly #keys: string;
  readonly cells: Cell[] = [];

  constructor(work: string) {
    this.#work = work;
    this.#keys = join(work, "keys");
  }

  async makeKeys(coffer: string): Promise<void> {
    await Deno.mkdir(join(this.#keys, "gnupg"), { recursive: true, mode: 0o700 });
    await Deno.writeTextFile(join(this.#keys, "passphrase"), "bench\n");
    await shell(`${coffer} keygen -q -o "${this.#keys}/coffer.key"`);
    await shell(
      `! command -v age-keygen > /dev/null || { age-keygen -o "${this.#keys}/age.key" 2> /dev/null; ` +
        `age-keygen -y "${this.#keys}/age.key" > "${this.#keys}/age.pub"; }`,
    );
  }

  #env(tool: string, corpus: ComparedCorpus): Record<string, string> {
    const slug = tool.replace(/[^a-z0-9]+/gi, "-");
    const out = join(this.#work, "archives", `${corpus.name}-${slug}`);
    return {
      PARENT: corpus.parent,
      NAME: corpus.name,
      ONE: corpus.one,
      BYTES: String(corpus.bytes),
      OUT: slug.startsWith("7zz") ? `${out}.7z` : out,
      INTO: join(this.#work, "into"),
      KEYS: this.#keys,
      CORES: String(navigator.hardwareConcurrency),
      DENO: Deno.execPath(),
      BENCH: join(ROOT, "bench"),
      RESTIC_REPOSITORY: out,
      RESTIC_PASSWORD: "bench",
      RESTIC_CACHE_DIR: join(this.#keys, "restic"),
      BORG_PASSPHRASE: "bench",
      BORG_BASE_DIR: join(this.#keys, "borg"),
      BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
      GNUPGHOME: join(this.#keys, "gnupg"),
      LC_ALL: "C",
      DENO_NO_UPDATE_CHECK: "1",
    };
  }

  /** Runs a command and keeps what it cost; a failure is kept too, and ends nothing. */
  async run(tool: string, corpus: ComparedCorpus, operation: Operation | "floor", command: string): Promise<void> {
    const env = this.#env(tool, corpus);
    await Deno.mkdir(join(this.#work, "archives"), { recursive: true });
    if (operation === "create") await this.drop(tool, corpus);
    await shell('rm -rf "$INTO" && mkdir "$INTO"', env);
    const cell = this.#cell(tool, corpus, operation);
    try {
      const cost = await measure(["bash", "-c", `set -eo pipefail; ${command}`], { cwd: "/", env, wholeTree: true });
      cell.seconds.push(cost.seconds);
      cell.peakBytes = Math.max(cell.peakBytes ?? 0, cost.peakBytes ?? 0);
      cell.cpuSeconds.push(cost.cpuSeconds ?? 0);
      if (operation === "create") cell.archiveBytes = await this.#archiveBytes(env);
      if (operation === "extract") {
        const files = Number((await shell('find "$INTO" -type f | wc -l', env)).trim());
        if (files !== corpus.files) cell.failure = `extracted ${files} files of ${corpus.files}`;
      }
      report(`${corpus.name} ${operation} ${tool}: ${cost.seconds.toFixed(2)} s`);
    } catch (error) {
      cell.failure = error instanceof Error ? error.message.slice(0, 300) : String(error);
      report(`${corpus.name} ${operation} ${tool}: FAILED: ${cell.failure}`);
    }
    await shell('rm -rf "$INTO"', env);
  }

  #cell(tool: string, corpus: ComparedCorpus, operation: Operation | "floor"): Cell {
    const is = (cell: Cell) => cell.tool === tool && cell.corpus === corpus.name && cell.operation === operation;
    let cell = this.cells.find(is);
    if (cell === undefined) {
      cell = { tool, corpus: corpus.name, operation, seconds: [], cpuSeconds: [] };
      this.cells.push(cell);
    }
    return cell;
  }

  async #archiveBytes(env: Record<string, string>): Promise<number> {
    const text = await shell('find "$OUT"* -type f -printf "%s\\n"', env);
    return text.trim().split("\n").reduce((sum, size) => sum + Number(size), 0);
  }

  /** Removes a tool's archive of a corpus. */
  async drop(tool: string, corpus: ComparedCorpus): Promise<void> {
    await shell('rm -rf "$OUT"* "$KEYS/restic" "$KEYS/borg"', this.#env(tool, corpus));
  }
}

async function shell(command: string, env: Record<string, string> = {}): Promise<string> {
  const run = new Deno.Command("bash", { args: ["-c", command], env, stdin: "null", stderr: "piped" });
  const { success, stdout, stderr } = await run.output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`Cannot run "${command}": ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

async function isInstalled(executable: string): Promise<boolean> {
  return (await new Deno.Command("bash", { args: ["-c", `command -v ${executable} > /dev/null`] }).output()).success;
}

/** One round of all operations for tools that take turns; who begins changes from round to round. */
async function round(bench: Bench, corpus: ComparedCorpus, tools: readonly Tool[], number: number): Promise<void> {
  const turned = tools.map((_, i) => tools[(i + number) % tools.length] as Tool);
  for (const operation of OPERATIONS) {
    for (const tool of turned) {
      const command = tool.commands[operation];
      if (command !== undefined) await bench.run(tool.name, corpus, operation, command);
    }
  }
  for (const tool of tools) await bench.drop(tool.name, corpus);
}

async function main(args: readonly string[]): Promise<void> {
  const options = ["rounds", "scale", "corpora", "small", "only", "tools", "out"] as const;
  const parsed = parseArgs(args, { string: options });
  const given = Object.fromEntries(options.map((name) => [name, parsed[name] as string | undefined])) as Readonly<
    Record<typeof options[number], string | undefined>
  >;
  const scale = Number(given.scale ?? 1);
  const rounds = Number(given.rounds ?? DEFAULT_ROUNDS);
  if (!(scale > 0) || !Number.isInteger(rounds) || rounds < 1) throw new TypeError("Cannot take these options");
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/tmp", ".cache");
  const executable = Deno.env.get("COFFER_BIN") ?? `"${Deno.execPath()}" run -A "${join(ROOT, "cli.ts")}"`;
  const chosen = await compareCorpora(given.corpora ?? join(cache, "coffer-bench"), {
    scale,
    ...(given.small === undefined ? {} : { small: given.small }),
    ...(given.only === undefined ? {} : { only: given.only.split(",") }),
    report,
  });
  const tools: Tool[] = [];
  const absent: string[] = [];
  for (const tool of allTools(executable)) {
    if (given.tools !== undefined && !given.tools.split(",").some((part) => tool.name.includes(part))) continue;
    const missing = (await Promise.all(tool.needs.map(async (name) => await isInstalled(name) ? "" : name))).join(" ");
    if (missing.trim() === "") tools.push(tool);
    else absent.push(`${tool.name} (${missing.trim()})`);
  }
  for (const what of absent) report(`NOT INSTALLED, and not compared: ${what}`);
  const work = await Deno.makeTempDir({ dir: WORK_FOLDER, prefix: "coffer-compare-" });
  const bench = new Bench(work);
  const loadBefore = Deno.loadavg()[0] ?? 0;
  try {
    await bench.makeKeys(executable);
    for (const corpus of chosen) {
      await shell(`find "${corpus.parent}/${corpus.name}" -type f -print0 | xargs -0 cat > /dev/null`);
      const here = tools.filter((tool) => tool.corpora?.includes(corpus.name) ?? true);
      for (let i = 0; i < rounds; i++) await round(bench, corpus, here.filter((tool) => tool.alternates), i);
      if (corpus.name !== "tiny" && given.tools === undefined) {
        for (const [name, command] of Object.entries(FLOORS)) {
          for (let i = 0; i < Math.min(rounds, 3); i++) await bench.run(name, corpus, "floor", command);
        }
      }
      for (const tool of here.filter((tool) => !tool.alternates)) await round(bench, corpus, [tool], 0);
    }
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  const versions: Record<string, string> = {};
  for (const tool of tools) {
    versions[tool.name] = (await shell(`{ ${tool.version}; } 2>&1`)).trim().split("\n").filter((line) => line !== "")
      .join("; ");
  }
  const machine = describeMachine();
  const results: ComparedResults = {
    schema: "coffer/comparison/1",
    date: new Date().toISOString().slice(0, 10),
    machine,
    loadBefore,
    scale,
    rounds,
    absent,
    versions,
    corpora: chosen.map(({ parent: _, ...corpus }) => corpus),
    cells: bench.cells,
  };
  const name = `comparison-${results.date}-${machineSlug(machine)}.json`;
  const out = given.out ?? (scale === 1 ? join(ROOT, "bench/results", name) : undefined);
  const text = `${JSON.stringify(results, undefined, 1)}\n`;
  if (out === undefined) console.log(text);
  else {
    await Deno.writeTextFile(out, text);
    report(`saved ${out}; deno task bench:report puts it into README`);
  }
}

if (import.meta.main) await main(Deno.args);
