/** Second runs as Markdown. */
import { summarize, threeDigits } from "../statistics.ts";
import type { Comparison } from "./results.ts";
import { table } from "./tables.ts";
import { netSeconds, type UpdateRow, type Updates } from "./updates.ts";

/** They keep the newest version of each file and no other: what they add is nothing to compare with. */
const WITHOUT_VERSIONS = ["7zz"];
/** How many times as long as `find` a run may take that finds nothing changed. */
const WALK_LIMIT = 2;

function kilobytes(bytes: number): string {
  return `${threeDigits(bytes / 1000)} KB`;
}

function addedBytes({ addedBytes }: UpdateRow): number | undefined {
  return addedBytes.length === 0 ? undefined : summarize(addedBytes).median;
}

/** The least of the others' values, and whose it is. */
function bestOther(
  { rows }: Updates,
  value: (row: UpdateRow) => number | undefined,
): { readonly name: string; readonly least: number } | undefined {
  let best: { readonly name: string; readonly least: number } | undefined;
  for (const row of rows) {
    const own = value(row);
    if (isOwn(row) || own === undefined) continue;
    if (best === undefined || own < best.least) best = { name: row.contender, least: own };
  }
  return best;
}

/** What second runs take, what they add, and whether Coffer reaches what it means to; empty when not measured. */
export function updatesPart({ takers, updates }: Comparison): string {
  if (updates === undefined) return "";
  const { machine, date, loadBefore, files, changedFiles, changedBytes, rows, find } = updates;
  const titleOf = (name: string) => takers.find((taker) => taker.name === name)?.title ?? name;
  const walk = summarize(find).median;
  const shown = (value: number | undefined, unit: (value: number) => string = threeDigits) =>
    value === undefined ? "failed" : unit(value);
  const body = rows.map((row) => {
    const count = row.changed.length;
    return [
      `${titleOf(row.contender)}${count === find.length ? "" : ` (${count})`}`,
      shown(netSeconds(row, "nothing")),
      shown(netSeconds(row, "changed")),
      shown(addedBytes(row), kilobytes),
      shown(row.start.length === 0 ? undefined : summarize(row.start).median),
    ];
  });
  const parts = [
    `Second runs over ${files} files (the small corpus, in memory): after nothing has changed, and after a line was added to
${changedFiles} of them, ${
      kilobytes(changedBytes)
    } in all. Seconds on the wall, medians of ${find.length} rounds (of fewer, in
parentheses), less what the same command takes over a tree of one file, which is the program's start and its key: the
last column. 7zz keeps no earlier versions, so its bytes are not compared; zpaq, restic
and borg store what is the same in part once, as Coffer does with \`--dedup\`. Measured on ${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.system}, Deno ${machine.deno},
${date.slice(0, 10)}, load ${loadBefore.toFixed(2)} before.`,
    table([
      ["", "nothing changed", "1 % changed", "bytes added", "start and key"],
      ...body,
      ["`find -printf`", threeDigits(walk), "–", "–", "–"],
    ]),
  ];
  const aims = rows.filter(isOwn).map((own) => aimsOf(own, updates, titleOf)).filter((text) => text !== "");
  if (aims.length > 0) parts.push(`Aims. ${aims.join(" ")}`);
  const failed = rows.filter(({ error }) => error !== undefined);
  if (failed.length > 0) {
    parts.push(`Failed: ${failed.map(({ contender, error }) => `${titleOf(contender)} (\`${error}\`)`).join(", ")}.`);
  }
  return parts.join("\n\n");
}

function isOwn({ contender }: UpdateRow): boolean {
  return contender.startsWith("coffer");
}

/** What one way to use Coffer was to reach, and whether it does. */
function aimsOf(own: UpdateRow, updates: Updates, titleOf: (name: string) => string): string {
  const aims: string[] = [];
  const nothing = netSeconds(own, "nothing");
  if (nothing !== undefined) {
    const ratio = nothing / summarize(updates.find).median;
    aims.push(
      `nothing changed, at most ${WALK_LIMIT} times \`find\`: ${ratio.toFixed(2)} ${mark(ratio <= WALK_LIMIT)}`,
    );
  }
  const changed = netSeconds(own, "changed");
  const fastest = bestOther(updates, (row) => netSeconds(row, "changed"));
  if (changed !== undefined && fastest !== undefined) {
    const ratio = changed / fastest.least;
    aims.push(
      `1 % changed, at most the time of ${titleOf(fastest.name)}, the fastest other: ${ratio.toFixed(2)} ${
        mark(ratio <= 1)
      }`,
    );
  }
  const added = addedBytes(own);
  const smallest = bestOther(
    updates,
    (row) => WITHOUT_VERSIONS.includes(row.contender) ? undefined : addedBytes(row),
  );
  if (added !== undefined && smallest !== undefined) {
    const ratio = added / smallest.least;
    aims.push(
      `at most the bytes of ${titleOf(smallest.name)}, the least other: ${ratio.toFixed(2)} ${mark(ratio <= 1)}`,
    );
  }
  return aims.length === 0 ? "" : `${titleOf(own.contender)}: ${aims.join("; ")}.`;
}

function mark(isReached: boolean): string {
  return isReached ? "✓" : "✗";
}
