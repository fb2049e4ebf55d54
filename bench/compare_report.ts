/**
 * Writes what README, `bench/comparison.md` and `bench/profile.md` say of the newest comparison, and its plots.
 *
 *     deno task bench:report
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";
import { type Growth, growthPlot } from "./compare/growth.ts";
import { plotOf } from "./compare/plot.ts";
import { comparisonDocument, profilePart, readmePart } from "./compare/render.ts";
import { type Comparison, type MemoryRuns, newest, newestComparison, type Starts } from "./compare/results.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const BEGIN = "<!-- comparison: made by deno task bench:report -->";
const END = "<!-- comparison: end -->";

/** A document with its part replaced. @throws {Error} when it has no marks for it. */
export function withPart(document: string, part: string): string {
  const [before, rest] = document.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`Cannot report: there is no "${BEGIN}"`);
  return `${before}${BEGIN}\n\n${part}\n\n${END}${after}`;
}

/** Every file that a comparison makes, by its path in the project; parts are put into the documents that are there. */
export async function reportFiles(results: Comparison): Promise<Readonly<Record<string, string>>> {
  const folder = join(ROOT, "bench", "results");
  const starts = await newest<Starts>(folder, "-startup.json");
  const memory = await newest<MemoryRuns>(folder, "-memory.json");
  const growth = await newest<Growth>(folder, "-updates.json");
  const document = (path: string) => Deno.readTextFile(join(ROOT, path));
  return {
    "README.md": await formatted(withPart(await document("README.md"), readmePart(results, growth))),
    "bench/profile.md": await formatted(
      withPart(await document("bench/profile.md"), profilePart(results, starts, memory)),
    ),
    "bench/comparison.md": await formatted(comparisonDocument(results)),
    "bench/plots/create.svg": plotOf(results, "create", "Seconds to create an archive, and its size"),
    "bench/plots/extract.svg": plotOf(results, "extract", "Seconds to extract everything"),
    "bench/plots/verify.svg": plotOf(results, "verify", "Seconds to verify"),
    ...(growth === undefined ? {} : { "bench/plots/updates.svg": growthPlot(growth) }),
  };
}

/** As `deno fmt` leaves it, so that the gate for the format and this command agree. */
async function formatted(markdown: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--config", join(ROOT, "deno.json"), "--ext", "md", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(markdown));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(`Cannot format: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  const results = await newestComparison(join(ROOT, "bench", "results"));
  if (results === undefined) {
    console.error("Cannot report: there is no comparison under bench/results/");
    Deno.exitCode = 1;
  } else {
    await Deno.mkdir(join(ROOT, "bench", "plots"), { recursive: true });
    const files = await reportFiles(results);
    for (const [path, text] of Object.entries(files)) await Deno.writeTextFile(join(ROOT, path), text);
    console.log(`Wrote ${Object.keys(files).join(", ")}, of the comparison of ${results.date}`);
  }
}
