/** How an archive ages: what `bench/updates.ts` keeps, in words and as a plot. */
import type { Machine } from "../machine.ts";
import { summarize, threeDigits } from "../statistics.ts";
import { table } from "./tables.ts";

/** What one look at an archive took. */
export interface Look {
  /** With the program, its start included: `info`, `list`, `cat`. */
  readonly seconds: number;
  /** Through the library, in a process that has done it before. */
  readonly inside: number;
  /** How often its file was read, and how much. */
  readonly reads: number;
  readonly bytes: number;
}

/** Opening a snapshot; opening and listing it; opening it and reading one file. */
export interface Looks {
  readonly open: Look;
  readonly list: Look;
  readonly one: Look;
}

/** An archive that was updated many times. */
export interface Growth {
  readonly schema: "coffer-bench/updates/1";
  readonly date: string;
  readonly machine: Machine;
  readonly loadBefore: number;
  readonly files: number;
  /** How many of them changed before each update. */
  readonly changedFiles: number;
  /** Bytes of the archive with its first snapshot. */
  readonly firstBytes: number;
  /** Of each update: the bytes it added, its seconds, and the runs that the catalog had before it. */
  readonly added: readonly number[];
  readonly seconds: readonly number[];
  readonly runs: readonly number[];
  readonly checkpoints: readonly {
    readonly updates: number;
    readonly archiveBytes: number;
    /** Bytes of an archive of the same tree that has one snapshot. */
    readonly singleBytes: number;
    readonly first: Looks;
    /** The first snapshot before anything followed it. */
    readonly firstAlone: Looks;
    readonly latest: Looks;
    /** The newest tree in an archive of its own. */
    readonly latestAlone: Looks;
  }[];
}

const LOOKS = ["open", "list", "one"] as const;
const NAMES = { open: "open", list: "list", one: "one file" } as const;
/** How many times as long as alone a look may take. */
const LIMIT = 2;

/** What README says of it. */
export function growthPart(
  { date, machine, loadBefore, files, changedFiles, added, seconds, runs, checkpoints }: Growth,
): string {
  const last = checkpoints.at(-1);
  if (last === undefined) return "";
  const half = Math.floor(added.length / 2);
  const mean = (list: readonly number[]) => list.reduce((sum, value) => sum + value, 0) / Math.max(1, list.length);
  const kilobytes = (bytes: number) => `${threeDigits(bytes / 1000)} KB`;
  const milliseconds = (value: number) => threeDigits(value * 1000);
  const cell = (look: Look, alone: Look) => {
    const ratio = look.seconds / alone.seconds;
    const inside = `${milliseconds(look.inside)} and ${milliseconds(alone.inside)} ms inside`;
    return `**${ratio.toFixed(2)}×** ${ratio <= LIMIT ? "✓" : "✗"} (${milliseconds(look.seconds)} and ${
      milliseconds(alone.seconds)
    } ms; ${inside}; ${look.reads} and ${alone.reads} reads)`;
  };
  return `${added.length} daily updates of ${files} files, ${changedFiles} of which get a line each day. What opening (\`info\`),
listing and reading one file take after the last of them, as a multiple of what they take in an archive that has one
snapshot of the same tree, at most ${LIMIT}: medians of whole runs of the program; "inside" is the same through the library,
in a process that has done it before; reads are those of the archive's file. Measured on ${machine.cores} cores of
${machine.cpu}, ${date.slice(0, 10)}, load ${loadBefore.toFixed(2)} before.

${
    table([
      ["", ...LOOKS.map((name) => NAMES[name])],
      ["first snapshot", ...LOOKS.map((name) => cell(last.first[name], last.firstAlone[name]))],
      ["newest snapshot", ...LOOKS.map((name) => cell(last.latest[name], last.latestAlone[name]))],
    ])
  }

An update adds ${kilobytes(summarize(added).median)} in the median, ${
    kilobytes(Math.max(...added))
  } at most, and on average
${kilobytes(mean(added.slice(0, half)))} in the first half of them and ${
    kilobytes(mean(added.slice(half)))
  } in the second,
which is ${
    kilobytes(mean(added) / changedFiles)
  } for a file that changed, content included. Without the program's start it
takes ${milliseconds(summarize(seconds).median)} ms in the median. The catalog has ${Math.max(...runs)} runs at most.

![Bytes added by each update, and what looks take after it](bench/plots/updates.svg)`;
}

const WIDTH = 760;
const LEFT = 64;
const RIGHT = 130;
const PANEL = 170;
const TOP = 40;
const SPACE = 66;

const STYLE = `text { font: 12px system-ui, sans-serif; fill: #1f2328; } .title { font-size: 14px; font-weight: 600; }
.axis { stroke: #8c959f; stroke-width: 1; } .bytes { fill: #0969da; } .limit { stroke: #cf222e; stroke-dasharray: 4 3; }
.line { fill: none; stroke-width: 2; } .a { stroke: #0969da; } .b { stroke: #8250df; } .c { stroke: #1a7f37; }
.first { stroke-dasharray: 2 3; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .bytes { fill: #2f81f7; } .a { stroke: #2f81f7; }
.b { stroke: #a371f7; } .c { stroke: #3fb950; } .limit { stroke: #f85149; } }`;

/** Two panels over the number of updates: bytes added by each, and looks as multiples of the same look alone. */
export function growthPlot({ added, checkpoints, changedFiles, files }: Growth): string {
  const x = (updates: number) => LEFT + (WIDTH - LEFT - RIGHT) * updates / added.length;
  const most = Math.max(...added);
  const parts: string[] = [];
  const panel = (top: number, title: string, highest: number, unit: (value: number) => string) => {
    const y = (value: number) => top + PANEL * (1 - value / highest);
    parts.push(`<text class="title" x="0" y="${top - 14}">${title}</text>`);
    for (const share of [0, 0.5, 1]) {
      const at = Math.round(y(highest * share));
      parts.push(
        `<line class="axis" x1="${LEFT}" y1="${at}" x2="${WIDTH - RIGHT}" y2="${at}" opacity="${
          share === 0 ? 1 : 0.25
        }"/>`,
        `<text x="${LEFT - 6}" y="${at + 4}" text-anchor="end">${unit(highest * share)}</text>`,
      );
    }
    for (const share of [0, 0.5, 1]) {
      const updates = Math.round(added.length * share);
      parts.push(`<text x="${x(updates)}" y="${top + PANEL + 16}" text-anchor="middle">${updates}</text>`);
    }
    return y;
  };
  const bytes = panel(
    TOP,
    `KB added by each update: ${changedFiles} of ${files} files changed`,
    most,
    (value) => (value / 1000).toFixed(0),
  );
  const bars = added.map((value, i) => {
    const [left, right] = [x(i), x(i + 1)];
    return `M${left.toFixed(1)} ${bytes(0).toFixed(1)}V${bytes(value).toFixed(1)}H${right.toFixed(1)}V${
      bytes(0).toFixed(1)
    }Z`;
  });
  parts.push(`<path class="bytes" d="${bars.join("")}"/>`);
  const ratios = LOOKS.map((name) => ({
    name,
    latest: checkpoints.map(({ latest, latestAlone }) => latest[name].seconds / latestAlone[name].seconds),
    first: checkpoints.map(({ first, firstAlone }) => first[name].seconds / firstAlone[name].seconds),
  }));
  const top = TOP + PANEL + SPACE;
  const highest = Math.max(2.5, ...ratios.flatMap(({ latest, first }) => [...latest, ...first]));
  const y = panel(
    top,
    "What looks take: a multiple of what they take in an archive of one snapshot",
    highest,
    (value) => `${value.toFixed(1)}×`,
  );
  const limit = Math.round(y(LIMIT));
  parts.push(`<line class="limit" x1="${LEFT}" y1="${limit}" x2="${WIDTH - RIGHT}" y2="${limit}"/>`);
  for (const [i, { name, latest, first }] of ratios.entries()) {
    const kind = "abc"[i] as string;
    const points = (list: readonly number[]) =>
      list.map((ratio, at) => `${x(checkpoints[at]?.updates ?? 0).toFixed(1)},${y(ratio).toFixed(1)}`).join(" ");
    parts.push(
      `<polyline class="line ${kind}" points="${points(latest)}"/>`,
      `<polyline class="line ${kind} first" points="${points(first)}"/>`,
    );
    for (const [j, which] of ["newest", "first"].entries()) {
      const at = top + 14 + 40 * i + 18 * j;
      parts.push(
        `<line class="line ${kind}${j === 1 ? " first" : ""}" x1="${WIDTH - RIGHT + 8}" y1="${at}" x2="${
          WIDTH - RIGHT + 30
        }" y2="${at}"/>`,
        `<text x="${WIDTH - RIGHT + 36}" y="${at + 4}">${NAMES[name]}, ${which}</text>`,
      );
    }
  }
  const height = top + PANEL + 30;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" ` +
    `role="img" aria-label="Bytes added by each update, and what looks take">\n<style>${STYLE}</style>\n` +
    `${parts.join("\n")}\n</svg>\n`;
}
