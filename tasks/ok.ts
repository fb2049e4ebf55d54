/**
 * Runs every gate in turn and stops at the first that fails.
 *
 *     deno task ok               all of them
 *     deno task ok --after-test  all but the tests, for a script that has just run them
 */

interface Gate {
  readonly name: string;
  /** What `deno` is called with. */
  readonly args: readonly string[];
}

const ENTRIES = ["mod.ts", "browser.ts", "cli.ts"];
/** What has to run in a browser. More than `browser.ts` reaches: the core must not get there by a detour. */
const PORTABLE = [
  "browser.ts",
  "src/format",
  "src/recovery",
  "src/archive",
  "src/library",
  "src/engine/engine.ts",
  "src/engine/portable",
];

const GATES: readonly Gate[] = [
  { name: "format", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  { name: "versions", args: ["run", "--allow-read", "tasks/versions.ts"] },
  { name: "types", args: ["check", "."] },
  { name: "browser types", args: ["check", "--no-lock", "--config", "tasks/browser.json", ...PORTABLE] },
  { name: "documentation", args: ["doc", "--lint", ...ENTRIES] },
  { name: "tests", args: ["run", "--allow-all", "tasks/test.ts"] },
  // The tree need not be committed for the gates to hold; publishing itself still insists.
  { name: "publishing", args: ["publish", "--dry-run", "--allow-dirty"] },
];

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== "--after-test");
  if (unknown !== undefined) {
    console.error(`Cannot take "${unknown}": the only option is --after-test`);
    return 2;
  }
  const gates = GATES.filter((gate) => !(args.includes("--after-test") && gate.name === "tests"));
  for (const [i, gate] of gates.entries()) {
    console.log(`\n[${i + 1}/${gates.length}] ${gate.name}: deno ${gate.args.join(" ")}`);
    const { code } = await new Deno.Command(Deno.execPath(), { args: [...gate.args], stdin: "null" }).spawn().status;
    if (code !== 0) {
      console.error(`\nNot ok: ${gate.name}`);
      return 1;
    }
  }
  console.log(`\nok: ${gates.map((gate) => gate.name).join(", ")}`);
  return 0;
}

Deno.exitCode = await main(Deno.args);
