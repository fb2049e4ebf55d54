/** Bars of a comparison as an SVG that is legible on light and on dark ground. */
import type { ComparedResults } from "./compare_results.ts";
import { cellOf, OPERATION_NAMES, secondsOf } from "./compare_report.ts";
import { COFFER, type Operation } from "./compare_tools.ts";
import { threeDigits } from "./statistics.ts";

const WIDTH = 760;
const LABEL_WIDTH = 150;
const VALUE_WIDTH = 60;
const BAR_HEIGHT = 16;
const GAP = 4;
const GROUP_GAP = 34;

const STYLE = `text { font: 12px system-ui, sans-serif; fill: #1f2328; } .title { font-size: 14px; font-weight: 600; }
.bar { fill: #8c959f; } .own { fill: #0969da; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .bar { fill: #6e7681; } .own { fill: #2f81f7; } }`;

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Horizontal bars, one a tool, grouped by corpus; each group has a scale of its own. */
export function plotOf(results: ComparedResults, operation: Operation): string {
  const parts: string[] = [];
  let y = 24;
  parts.push(`<text class="title" x="0" y="14">Seconds to ${OPERATION_NAMES[operation]}; shorter is better</text>`);
  for (const { name, files, bytes } of results.corpora) {
    if (name === "tiny") continue;
    const tools = [...new Set(results.cells.map((cell) => cell.tool))];
    const bars = tools.flatMap((tool) => {
      const seconds = secondsOf(cellOf(results, tool, name, operation));
      return seconds === undefined ? [] : [{ tool, seconds }];
    }).sort((a, b) => a.seconds - b.seconds);
    if (bars.length === 0) continue;
    const longest = Math.max(...bars.map(({ seconds }) => seconds));
    y += GROUP_GAP;
    const what = `${name}: ${files} ${files === 1 ? "file" : "files"}, ${Math.round(bytes / 10 ** 6)} MB`;
    parts.push(`<text class="title" x="0" y="${y - 10}">${escaped(what)}</text>`);
    for (const { tool, seconds } of bars) {
      const width = Math.max(1, Math.round((WIDTH - LABEL_WIDTH - VALUE_WIDTH) * seconds / longest));
      parts.push(
        `<text x="${LABEL_WIDTH - 8}" y="${y + 12}" text-anchor="end">${escaped(tool)}</text>`,
        `<rect class="${
          tool === COFFER ? "own" : "bar"
        }" x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR_HEIGHT}"/>`,
        `<text x="${LABEL_WIDTH + width + 6}" y="${y + 12}">${threeDigits(seconds)}</text>`,
      );
      y += BAR_HEIGHT + GAP;
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + 8}" viewBox="0 0 ${WIDTH} ${y + 8}" ` +
    `role="img" aria-label="${
      escaped(`Seconds to ${OPERATION_NAMES[operation]}, by tool`)
    }">\n<style>${STYLE}</style>\n` +
    `${parts.join("\n")}\n</svg>\n`;
}
