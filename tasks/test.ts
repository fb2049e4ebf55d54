/**
 * Runs the tests and closes with one plain line, `N passed, N failed`, which scripts can read whatever the runner's own
 * summary looks like.
 *
 *     deno task test                          all tests but the long ones, and the examples in the documentation
 *     deno task test:long                     the tests of tests/long
 *     deno task test tests/format --filter x  what `deno test` would run with these arguments
 */

const LONG_FOLDER = "tests/long";
/** What runs before the tests of each file, so that what stays open until the process ends is no test's leak. */
const PRELOADED = "tests/libraries.ts";
/** Beyond the tests proper: modules whose documented examples are run. */
const DOCUMENTED = ["mod.ts", "browser.ts"];
/** How much of the closing output is kept to find the summary in. */
const TAIL_CHARS = 16_384;

interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly ignored: number;
}

/** Reads `ok | 12 passed (3 steps) | 0 failed | 1 ignored (2s)`, the last such line of `output`. */
export function parseSummary(output: string): Summary | undefined {
  // deno-lint-ignore no-control-regex
  const plain = output.replace(/\x1b\[[0-9;]*m/g, "");
  const line = plain.match(/^(?:ok|FAILED) \| \d+ passed.*$/gm)?.at(-1);
  if (line === undefined) return undefined;
  const count = (word: string) => Number(line.match(new RegExp(`\\| (\\d+) ${word}`))?.[1] ?? 0);
  return { passed: count("passed"), failed: count("failed"), ignored: count("ignored") };
}

function testArguments(args: readonly string[]): string[] {
  if (args[0] === "--long") return [LONG_FOLDER, ...args.slice(1)];
  if (args.length > 0) return [...args];
  return ["--doc", `--ignore=${LONG_FOLDER}`, "tests", ...DOCUMENTED];
}

/** Runs `deno test`, shows its output as it comes, and returns its exit code and the end of what it said. */
async function run(args: readonly string[]): Promise<{ code: number; tail: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--allow-all", "--preload", PRELOADED, ...testArguments(args)],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const decoder = new TextDecoder();
  let tail = "";
  for await (const chunk of child.stdout) {
    for (let at = 0; at < chunk.length;) at += await Deno.stdout.write(chunk.subarray(at));
    tail = (tail + decoder.decode(chunk, { stream: true })).slice(-TAIL_CHARS);
  }
  return { code: (await child.status).code, tail };
}

async function main(args: readonly string[]): Promise<number> {
  const { code, tail } = await run(args);
  const summary = parseSummary(tail);
  if (summary === undefined) {
    console.error("Cannot count the tests: the runner printed no summary");
    return code === 0 ? 1 : code;
  }
  const { passed, ignored } = summary;
  // A test file that cannot be loaded fails the run without being counted.
  const failed = code === 0 ? summary.failed : Math.max(summary.failed, 1);
  const isEmpty = passed + failed === 0;
  if (isEmpty) console.error("Cannot call this a test run: no test ran");
  console.log(`${passed} passed, ${failed} failed${ignored > 0 ? `, ${ignored} skipped` : ""}`);
  return code === 0 && (isEmpty || failed > 0) ? 1 : code;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
