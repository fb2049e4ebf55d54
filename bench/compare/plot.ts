/** Bars of a comparison as an SVG that is legible on light and on dark ground. */
import { threeDigits } from "../statistics.ts";
import type { Action } from "./contenders.ts";
import { cellOf, medianOf } from "./reach.ts";
import type { Comparison } from "./results.ts";

const WIDTH = 760;
const LABEL_WIDTH = 150;
const VALUE_WIDTH = 130;
const BAR_HEIGHT = 16;
const GAP = 4;
const GROUP_GAP = 34;

const STYLE = `text { font: 12px system-ui, sans-serif; fill: #1f2328; } .title { font-size: 14px; font-weight: 600; }
.bar { fill: #8c959f; } .own { fill: #0969da; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .bar { fill: #6e7681; } .own { fill: #2f81f7; } }`;

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Horizontal bars of seconds, one a program, the fastest first, grouped by corpus; each group has its own scale. */
export function plotOf(results: Comparison, action: Action, title: string): string {
  const parts = [`<text class="title" x="0" y="14">${escaped(title)}; shorter is better</text>`];
  let y = 24;
  for (const { name, files, bytes } of results.corpora) {
    const bars = results.takers.flatMap((taker) => {
      const seconds = medianOf(results, taker.name, name, action);
      const size = cellOf(results, taker.name, name, action)?.archiveBytes;
      return seconds === undefined ? [] : [{ taker, seconds, size }];
    }).sort((a, b) => a.seconds - b.seconds);
    if (bars.length === 0) continue;
    const longest = Math.max(...bars.map(({ seconds }) => seconds));
    y += GROUP_GAP;
    const what = `${name}: ${files} ${files === 1 ? "file" : "files"}, ${Math.round(bytes / 1e6)} MB`;
    parts.push(`<text class="title" x="0" y="${y - 10}">${escaped(what)}</text>`);
    for (const { taker, seconds, size } of bars) {
      const width = Math.max(1, Math.round((WIDTH - LABEL_WIDTH - VALUE_WIDTH) * seconds / longest));
      const made = size === undefined ? "" : `, ${threeDigits(size / 1e6)} MB`;
      const kind = taker.name === "coffer" ? "own" : "bar";
      parts.push(
        `<text x="${LABEL_WIDTH - 8}" y="${y + 12}" text-anchor="end">${escaped(taker.title)}</text>`,
        `<rect class="${kind}" x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR_HEIGHT}"/>`,
        `<text x="${LABEL_WIDTH + width + 6}" y="${y + 12}">${threeDigits(seconds)} s${made}</text>`,
      );
      y += BAR_HEIGHT + GAP;
    }
  }
  const height = y + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" ` +
    `role="img" aria-label="${escaped(title)}">\n<style>${STYLE}</style>\n${parts.join("\n")}\n</svg>\n`;
}
