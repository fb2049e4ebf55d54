/**
 * Puts the newest comparison under bench/results/ into README, between its marks, and draws its plots.
 *
 *     deno task bench:report            the newest one
 *     deno task bench:report FILE       another one
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";
import { plotOf } from "./compare_plot.ts";
import type { Cell, ComparedResults } from "./compare_results.ts";
import { COFFER, type Operation, OPERATIONS } from "./compare_tools.ts";
import { summarize, threeDigits } from "./statistics.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const BEGIN = "<!-- comparison: made by deno task bench:report -->";
const END = "<!-- comparison: end -->";

/** Which tools one operation is measured against, and how much faster Coffer means to be, by corpus. */
interface Aim {
  readonly operation: Operation;
  readonly against: readonly string[];
  readonly factors: Readonly<Record<string, number>>;
}

const PIPELINES = ["tar | age", "tar | zstd -1 | age", "tar | zstd -3 | age"];

/** What Coffer means to reach: its speed as a multiple of the fastest of the others'. */
export const AIMS: readonly Aim[] = [
  { operation: "create", against: PIPELINES, factors: { small: 1.3, mixed: 1.4, text: 1.6, random: 1.3 } },
  { operation: "extract", against: PIPELINES, factors: { small: 1.3, mixed: 1.3, text: 1.3, random: 1.2 } },
  { operation: "list", against: ["7zz -mx=1", "zpaq", "restic"], factors: { small: 1, mixed: 1 } },
  { operation: "one", against: ["7zz -mx=1", "zpaq"], factors: { small: 1.3, mixed: 1.3 } },
  { operation: "verify", against: PIPELINES, factors: { small: 1.2, mixed: 1.2, text: 1.2, random: 1 } },
];

/** How operations are called for readers. */
export const OPERATION_NAMES: Readonly<Record<Operation, string>> = {
  create: "create",
  extract: "extract everything",
  list: "list",
  one: "one file out",
  verify: "verify",
};

/** The cell of a tool, corpus and operation, if it was measured and did not fail. */
export function cellOf(
  results: ComparedResults,
  tool: string,
  corpus: string,
  operation: Cell["operation"],
): Cell | undefined {
  return results.cells.find((cell) =>
    cell.tool === tool && cell.corpus === corpus && cell.operation === operation && cell.seconds.length > 0 &&
    cell.failure === undefined
  );
}

/** Its median, in seconds. */
export function secondsOf(cell: Cell | undefined): number | undefined {
  return cell === undefined ? undefined : summarize(cell.seconds).median;
}

/** How one cell of the table of aims came out. */
interface Verdict {
  readonly own: number;
  readonly other: number;
  readonly rival: string;
  readonly ratio: number;
  readonly aim: number;
}

/** Coffer against the fastest of the others; `undefined` when one was not measured. */
export function verdictOf(results: ComparedResults, aim: Aim, corpus: string): Verdict | undefined {
  const factor = aim.factors[corpus];
  const own = secondsOf(cellOf(results, COFFER, corpus, aim.operation));
  if (factor === undefined || own === undefined) return undefined;
  let best: { rival: string; other: number } | undefined;
  for (const rival of aim.against) {
    const other = secondsOf(cellOf(results, rival, corpus, aim.operation));
    if (other !== undefined && (best === undefined || other < best.other)) best = { rival, other };
  }
  return best === undefined ? undefined : { own, ...best, ratio: best.other / own, aim: factor };
}

function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
}

function inGigabytes(bytes: number): string {
  return bytes < 10 ** 9 ? `${Math.round(bytes / 10 ** 6)} MB` : `${(bytes / 10 ** 9).toFixed(2)} GB`;
}

function aimsTable(results: ComparedResults): string {
  const corpora = results.corpora.filter(({ name }) => name !== "tiny");
  const rows = AIMS.map((aim) => [
    OPERATION_NAMES[aim.operation],
    ...corpora.map(({ name }) => {
      const verdict = verdictOf(results, aim, name);
      if (verdict === undefined) return "–";
      const { own, other, rival, ratio } = verdict;
      const reached = ratio >= verdict.aim ? "✓" : `✗ aim ${verdict.aim}×`;
      return `**${ratio.toFixed(2)}×** ${reached} (${threeDigits(own)} s; ${rival} ${threeDigits(other)} s)`;
    }),
  ]);
  rows.push([
    "size of the archive, zstd -3's being 1",
    ...corpora.map(({ name }) => {
      const own = cellOf(results, COFFER, name, "create")?.archiveBytes;
      const other = ["tar | zstd -3 | age", "tar | age"]
        .map((tool) => cellOf(results, tool, name, "create")?.archiveBytes).find((bytes) => bytes !== undefined);
      return own === undefined || other === undefined ? "–" : (own / other).toFixed(3);
    }),
  ]);
  return table([
    ["", ...corpora.map(({ name, files, bytes }) => `${name}: ${files} files, ${inGigabytes(bytes)}`)],
    ...rows,
  ]);
}

function toolsTable(results: ComparedResults, corpus: string): string {
  const tools = [...new Set(results.cells.filter((cell) => cell.operation === "create").map(({ tool }) => tool))];
  const rows = tools.flatMap((tool) => {
    const created = results.cells.find((cell) =>
      cell.tool === tool && cell.corpus === corpus && cell.operation === "create"
    );
    if (created === undefined) return [];
    const peaks = OPERATIONS.map((operation) => cellOf(results, tool, corpus, operation)?.peakBytes ?? 0);
    return [[
      tool,
      ...OPERATIONS.map((operation) => {
        const seconds = secondsOf(cellOf(results, tool, corpus, operation));
        return seconds === undefined ? "failed" : threeDigits(seconds);
      }),
      created.archiveBytes === undefined ? "–" : inGigabytes(created.archiveBytes),
      `${Math.round(Math.max(...peaks) / 2 ** 20)} MiB`,
    ]];
  });
  return table([[corpus, ...OPERATIONS.map((operation) => OPERATION_NAMES[operation]), "size", "memory"], ...rows]);
}

function floorsTable(results: ComparedResults): string {
  const corpora = results.corpora.filter(({ name }) => name !== "tiny").map(({ name }) => name);
  const floors = [...new Set(results.cells.filter((cell) => cell.operation === "floor").map(({ tool }) => tool))];
  return table([
    ["seconds", ...corpora],
    ...floors.map((floor) => [
      floor,
      ...corpora.map((corpus) => {
        const seconds = secondsOf(cellOf(results, floor, corpus, "floor"));
        return seconds === undefined ? "–" : threeDigits(seconds);
      }),
    ]),
  ]);
}

/** What README says of a comparison. */
export function readmePart(results: ComparedResults): string {
  const { machine, date, rounds, loadBefore } = results;
  return `How many times as fast as the fastest of the others (medians of ${rounds} rounds, in turn; 7zz, zpaq and restic
once), on ${machine.cores} cores of ${machine.cpu}, ${date}, load ${
    loadBefore.toFixed(2)
  } before. Below 1 the other is faster.

${aimsTable(results)}

![Seconds to create an archive, by tool](bench/plots/create.svg)
![Seconds to extract everything, by tool](bench/plots/extract.svg)

All tools, all figures, memory, sizes and versions: [bench/comparison.md](bench/comparison.md). Why the cells that miss
their aim do: [bench/profile.md](bench/profile.md).`;
}

/** The whole comparison as a document. */
export function comparisonDocument(results: ComparedResults): string {
  const { machine } = results;
  const versions = Object.entries(results.versions).map(([tool, version]) => `- ${tool}: ${version}`).join("\n");
  return `# Coffer beside other programs

Made by \`deno task bench:report\` from a run of \`deno task bench:compare\` on ${results.date}: ${machine.cores} cores of
${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.system}, Deno ${machine.deno}, load ${
    results.loadBefore.toFixed(2)
  } before.

Wall time in seconds from start to end of all processes: medians of ${results.rounds} rounds for Coffer and the pipelines,
which take turns, and one run for the others. Archives and extracted trees lie in memory (tmpfs), the trees in the page
cache; whatever makes an archive also syncs it. Coffer has a key file and age an X25519 identity, so neither derives a
key from a passphrase; 7zz, zpaq, restic, borg, dar and gpg do, which the table of the tiny tree shows. Everything else
is at its default but where the name says otherwise. Memory is the most that all processes of a run had resident together,
sampled every 10 ms; what they share counts for each.

${
    results.corpora.map(({ name, description, files, bytes }) =>
      `- **${name}**: ${description}; ${files} files, ${inGigabytes(bytes)}`
    ).join("\n")
  }

${results.corpora.map(({ name }) => toolsTable(results, name)).join("\n\n")}

## Floors

The same bytes through one part of the work alone:

${floorsTable(results)}

## Versions

${versions}
${results.absent.length === 0 ? "" : `\nNot installed, and so not compared: ${results.absent.join(", ")}.\n`}`;
}

/** The results kept last. */
export function newestComparison(): string {
  const folder = join(ROOT, "bench/results");
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.startsWith("comparison-"));
  const newest = names.sort().at(-1);
  if (newest === undefined) throw new Error("Cannot report: there is no comparison under bench/results/");
  return join(folder, newest);
}

/** README with its part replaced. */
export function withPart(readme: string, part: string): string {
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`Cannot report: README does not have "${BEGIN}"`);
  return `${before}${BEGIN}\n\n${part}\n\n${END}${after}`;
}

/** Every file that a comparison makes, by its path in the project. */
export function reportFiles(results: ComparedResults): Readonly<Record<string, string>> {
  return {
    "README.md": withPart(Deno.readTextFileSync(join(ROOT, "README.md")), readmePart(results)),
    "bench/comparison.md": comparisonDocument(results),
    "bench/plots/create.svg": plotOf(results, "create"),
    "bench/plots/extract.svg": plotOf(results, "extract"),
  };
}

if (import.meta.main) {
  const results: ComparedResults = JSON.parse(Deno.readTextFileSync(Deno.args[0] ?? newestComparison()));
  Deno.mkdirSync(join(ROOT, "bench/plots"), { recursive: true });
  const files = reportFiles(results);
  for (const [path, text] of Object.entries(files)) Deno.writeTextFileSync(join(ROOT, path), text);
  const documents = Object.keys(files).filter((path) => path.endsWith(".md")).map((path) => join(ROOT, path));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", ...documents], cwd: ROOT }).output();
  console.log(`wrote ${Object.keys(files).join(", ")}`);
}
