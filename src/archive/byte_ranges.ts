/** Sets of bytes as ranges: what is there of a file or an archive, and what is not. */

/** The bytes from `start` up to and without `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Adds a range to rising ranges that do not touch; most often it goes on where the last one ended. */
export function addRange(ranges: ByteRange[], start: number, end: number): void {
  if (start >= end) return;
  let at = ranges.length;
  while (at > 0 && (ranges[at - 1] as ByteRange).end >= start) at--;
  let merged = { start, end };
  let last = at;
  for (let next = ranges[last]; next !== undefined && next.start <= merged.end; next = ranges[++last]) {
    merged = { start: Math.min(merged.start, next.start), end: Math.max(merged.end, next.end) };
  }
  ranges.splice(at, last - at, merged);
}

/** What of `from` up to `to` no range has. */
export function gapsIn(ranges: readonly ByteRange[], from: number, to: number): ByteRange[] {
  const gaps: ByteRange[] = [];
  let at = from;
  for (const range of ranges) {
    if (range.end <= at) continue;
    if (range.start >= to) break;
    if (range.start > at) gaps.push({ start: at, end: range.start });
    at = range.end;
  }
  if (at < to) gaps.push({ start: at, end: to });
  return gaps;
}

/** What of `from` up to `to` some range has. */
export function partsIn(ranges: readonly ByteRange[], from: number, to: number): ByteRange[] {
  const parts: ByteRange[] = [];
  for (const { start, end } of ranges) {
    if (start < to && end > from) parts.push({ start: Math.max(start, from), end: Math.min(end, to) });
  }
  return parts;
}

/** How many bytes rising ranges that do not overlap have. */
export function bytesIn(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}
