/** Damage in words and as a picture: which bytes of an archive are bad, and what stood there. */
import type { Damage } from "../archive/salvage_losses.ts";
import { FRAME_TYPE } from "../format/frame.ts";
import type { JsonValue } from "./ui/ui.ts";
import { formatCount } from "./ui/quantities.ts";

const CELLS = 64;

const FRAME_NAMES: Readonly<Record<number, string>> = {
  [FRAME_TYPE.block]: "content",
  [FRAME_TYPE.page]: "the catalog",
  [FRAME_TYPE.orphanPage]: "a list of withdrawn files",
  [FRAME_TYPE.index]: "the catalog's index",
  [FRAME_TYPE.segmentTable]: "a table",
  [FRAME_TYPE.snapshotTable]: "a table",
  [FRAME_TYPE.trailer]: "the trailer",
  [FRAME_TYPE.padding]: "padding",
  [FRAME_TYPE.end]: "the end mark",
};

/** One line of so many characters for the whole archive: `#` where something in it is damaged, `.` elsewhere. */
export function damagePicture(damage: readonly Damage[], archiveBytes: number, cells: number = CELLS): string {
  const marks = new Array<string>(cells).fill(".");
  for (const { start, end } of damage) {
    if (archiveBytes <= 0) break;
    const first = Math.min(cells - 1, Math.floor(start / archiveBytes * cells));
    const last = Math.min(cells - 1, Math.floor((Math.max(start + 1, end) - 1) / archiveBytes * cells));
    marks.fill("#", first, last + 1);
  }
  return `[${marks.join("")}]`;
}

/** What stood in a damaged range. */
export function describeDamage({ what, frame, type }: Damage): string {
  const name = FRAME_NAMES[type ?? 0] ?? "something skippable";
  switch (what) {
    case "header":
      return "a copy of the header, or both";
    case "salt":
      return "the salt; its copies are good";
    case "frames":
      return "frames that cannot be found";
    case "order":
      return "a frame out of its place, or others missing before it";
    case "chunks":
      return `frame ${frame}: ${name}`;
    case "content":
      return `frame ${frame}: ${name}, authentic and yet wrong`;
    case "locator":
      return "the locator that ends the archive";
    case "trailing bytes":
      return "bytes that do not belong to the archive";
  }
}

/** A line for each damaged range, at most `limit`, and one that counts the rest. */
export function damageLines(damage: readonly Damage[], limit = Infinity): string[] {
  const lines = damage.slice(0, limit).map((range) =>
    `bytes ${formatCount(range.start)} to ${formatCount(range.end - 1)}: ${describeDamage(range)}`
  );
  if (damage.length > limit) lines.push(`and ${formatCount(damage.length - limit)} more ranges`);
  return lines;
}

/** The same for programs. */
export function damageJson(damage: readonly Damage[]): JsonValue {
  return damage.map(({ start, end, what, frame, type }) => ({
    start,
    end,
    what,
    ...(frame === undefined ? {} : { frame }),
    ...(type === undefined ? {} : { type }),
  }));
}
