/**
 * Measures cold starts: the program with next to nothing to do, beside the runtime with nothing to do.
 *
 *     deno run -A bench/startup.ts                 twenty rounds, in turn
 *     deno run -A bench/startup.ts --rounds 5
 *
 * Options: `--rounds N`, `--out FILE` (save there; else results/DATE-MACHINE-startup.json is written only with
 * `--keep`). The executable is `COFFER_BIN`, or else this checkout's program as README installs it. Key files are used,
 * so that no key is derived from a passphrase.
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";
import { describeMachine, machineSlug } from "./machine.ts";
import { type Cost, measure } from "./measure.ts";
import { parseOptions } from "./options.ts";
import { V8_FLAGS } from "../tasks/v8_flags.ts";
import { checkoutCommand, programCommand } from "./program.ts";
import { summarize } from "./statistics.ts";
import { type Column, formatTable } from "./table.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
/** `create` of one small file may take so many times what the runtime takes for an empty script. */
const BOUND = 1.5;

/** A start that is measured. */
interface Start {
  readonly name: string;
  readonly command: readonly string[];
}

const COLUMNS: readonly Column[] = [
  { title: "start", align: "left" },
  { title: "ms", align: "right" },
  { title: "min", align: "right" },
  { title: "CPU ms", align: "right" },
  { title: "x empty", align: "right" },
];

function startsIn(folder: string): Start[] {
  const deno = (script: string) => [Deno.execPath(), "run", "-A", V8_FLAGS, join(folder, script)];
  const program = programCommand();
  const archive = join(folder, "archive.coffer");
  const key = ["-k", join(folder, "key")];
  return [
    { name: "deno run, empty script", command: deno("empty.ts") },
    { name: "deno run, node:fs, node:crypto, node:zlib loaded", command: deno("modules.ts") },
    { name: "coffer --version", command: [...program, "--version"] },
    { name: "coffer list", command: [...program, "list", archive, ...key] },
    { name: "coffer list, from the sources", command: [...checkoutCommand(), "list", archive, ...key] },
    { name: "coffer cat", command: [...program, "cat", archive, "file", ...key] },
    {
      name: "coffer create, one file of 1 KB",
      command: [...program, "create", "-q", "--force", join(folder, "new.coffer"), "-C", folder, "file", ...key],
    },
  ];
}

async function prepareFolder(folder: string): Promise<void> {
  await Deno.writeTextFile(join(folder, "empty.ts"), "");
  const modules = ["fs", "crypto", "zlib"].map((name) => `import "node:${name}";\n`).join("");
  await Deno.writeTextFile(join(folder, "modules.ts"), modules);
  await Deno.writeFile(join(folder, "file"), crypto.getRandomValues(new Uint8Array(1000)));
  const program = checkoutCommand();
  const key = join(folder, "key");
  await measure([...program, "keygen", "-q", "-o", key], { cwd: folder });
  await measure([...program, "create", "-q", join(folder, "archive.coffer"), "-C", folder, "file", "-k", key], {
    cwd: folder,
  });
}

async function main(): Promise<void> {
  const options = parseOptions(Deno.args, ["rounds", "out", "keep"]);
  const rounds = Deno.args.includes("--rounds") ? options.rounds : 20;
  const folder = await Deno.makeTempDir({ prefix: "coffer-startup-" });
  try {
    await prepareFolder(folder);
    const starts = startsIn(folder);
    const costs = starts.map((): Cost[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, { command }] of starts.entries()) costs[i]?.push(await measure(command, { cwd: folder }));
    }
    const results = starts.map(({ name }, i) => {
      const own = costs[i] ?? [];
      const cpu = own.flatMap(({ cpuSeconds }) => cpuSeconds ?? []);
      return {
        name,
        seconds: summarize(own.map(({ seconds }) => seconds)),
        cpuSeconds: cpu.length === 0 ? undefined : summarize(cpu),
      };
    });
    const empty = results[0]?.seconds.median ?? NaN;
    const milliseconds = (seconds: number | undefined) => seconds === undefined ? "" : (seconds * 1000).toFixed(0);
    const rows = results.map(({ name, seconds, cpuSeconds }) => [
      name,
      milliseconds(seconds.median),
      milliseconds(seconds.min),
      milliseconds(cpuSeconds?.median),
      (seconds.median / empty).toFixed(2),
    ]);
    console.log(formatTable(COLUMNS, rows));
    const [floor, create] = [results[1], results.at(-1)].map((one) => (one?.seconds.median ?? NaN) / empty);
    console.log(
      `\ncreate: ${create?.toFixed(2)} times an empty script; the bound is ${BOUND}: ` +
        `${(create ?? NaN) <= BOUND ? "kept" : "missed"}. The runtime's own modules alone: ${floor?.toFixed(2)}`,
    );
    const date = new Date().toISOString();
    const machine = describeMachine();
    const kept = join(ROOT, "bench", "results", `${date.slice(0, 10)}-${machineSlug(machine)}-startup.json`);
    const file = options.out ?? (options.keep ? kept : undefined);
    if (file === undefined) return;
    const saved = { schema: "coffer-bench/startup/1", date, machine, loadBefore: Deno.loadavg()[0], rounds, results };
    await Deno.writeTextFile(file, `${JSON.stringify(saved, undefined, 1)}\n`);
    console.log(`Saved in ${file}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(`startup: ${error instanceof Error ? error.message : error}`);
    Deno.exitCode = 1;
  }
}
