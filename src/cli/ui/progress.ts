/**
 * The progress line: how much is done, how fast, how long it will take. It shows up after a second, is redrawn at
 * most ten times a second from inside {@linkcode Progress.add} (there is no timer to leak, and none would run while
 * a block is compressed), and goes away before anything else is printed.
 */
import { escapeName } from "./escape.ts";
import type { Messages, StatusLine } from "./messages.ts";
import { formatBytes, formatCount, formatDuration, formatItems } from "./quantities.ts";
import type { Progress } from "./ui.ts";

/** Work that is done sooner shows no line. */
const DELAY_MS = 1000;
const REDRAW_MS = 100;
/** Into a file (`--progress always`) every drawing is a line of its own, so they are fewer. */
const LOG_MS = 1000;
/** How far back the shown rate looks. */
const RATE_MS = 3000;
/** Columns when the terminal does not say; and the last one stays free, or some terminals wrap. */
const DEFAULT_COLUMNS = 80;

/** What the line needs of the world. */
export interface ProgressSetting {
  /** A clock in milliseconds that never goes back. */
  readonly now: () => number;
  /** The terminal's width, if it is known. */
  readonly columns: () => number | undefined;
}

/** What has been counted, and how it is put. */
export interface ProgressState {
  readonly verb: string;
  readonly bytes: number;
  readonly files: number;
  readonly totalBytes: number | undefined;
  readonly totalFiles: number | undefined;
  /** Bytes a second. */
  readonly rate: number;
  /** Milliseconds still to go, if that can be told. */
  readonly left: number | undefined;
}

/** The line without the name of the current file. */
export function formatProgress(state: ProgressState): string {
  const { bytes, files, totalBytes, totalFiles, rate, left } = state;
  const parts = [formatBytes(bytes)];
  if (totalBytes !== undefined) {
    parts[0] += ` of ${formatBytes(totalBytes)}`;
    if (totalBytes > 0) parts.push(`${Math.min(100, Math.floor((bytes / totalBytes) * 100))}%`);
  }
  parts.push(
    totalFiles === undefined
      ? formatItems(files, "file")
      : `${formatCount(files)} of ${formatItems(totalFiles, "file")}`,
  );
  if (rate > 0) parts.push(`${formatBytes(Math.round(rate))}/s`);
  if (left !== undefined) parts.push(`${formatDuration(left)} left`);
  return `${state.verb} ${parts.join(", ")}`;
}

/**
 * Cuts `text` to what fits into `columns`, by whole characters as they are seen; a mark shows the cut.
 * `width` says how many columns a piece of text takes.
 */
export function fit(text: string, columns: number, width: (text: string) => number): string {
  if (width(text) <= columns) return text;
  let kept = "";
  let used = 1;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += width(segment);
    if (used > columns) break;
    kept += segment;
  }
  return columns < 1 ? "" : `${kept}…`;
}

/** The progress line on a terminal, or a line now and then in a file. */
export class ProgressLine implements Progress, StatusLine {
  readonly #messages: Messages;
  readonly #setting: ProgressSetting;
  readonly #verb: string;
  readonly #start: number;
  #drawn: number;
  #shown = false;
  #bytes = 0;
  #files = 0;
  #totalBytes: number | undefined;
  #totalFiles: number | undefined;
  /** The end of the first step: what came before it, the key's derivation say, is not the work's speed. */
  #first: Mark | undefined;
  /** Two points in the last few seconds; the shown rate counts from the older one. */
  #older: Mark | undefined;
  #newer: Mark | undefined;
  #width: ((text: string) => number) | undefined;

  /** Begins counting; nothing is shown yet. */
  constructor(verb: string, messages: Messages, setting: ProgressSetting) {
    this.#verb = verb;
    this.#messages = messages;
    this.#setting = setting;
    this.#start = setting.now();
    this.#drawn = this.#start;
    messages.status = this;
    // Loading it takes longer than many a command. Until it is there, the line goes without the file's name.
    if (messages.terminal) import("string-width").then((module) => this.#width = module.default, () => {});
  }

  /** See {@linkcode Progress.total}. */
  total(bytes: number | undefined, files: number | undefined): void {
    this.#totalBytes = bytes;
    this.#totalFiles = files;
  }

  /** See {@linkcode Progress.add}. */
  add(bytes: number, files: number, path?: string): void {
    this.#bytes += bytes;
    this.#files += files;
    const now = this.#setting.now();
    this.#first ??= { time: now, bytes: this.#bytes };
    if (now - this.#start < DELAY_MS) return;
    if (this.#drawn > this.#start && now - this.#drawn < (this.#messages.terminal ? REDRAW_MS : LOG_MS)) return;
    this.#drawn = now;
    this.#draw(now, path);
  }

  /** See {@linkcode StatusLine.erase}. */
  erase(): void {
    if (!this.#shown) return;
    this.#shown = false;
    this.#messages.raw("\r\x1b[K");
  }

  /** See {@linkcode Progress.end}. */
  end(): void {
    this.erase();
    if (this.#messages.status === this) this.#messages.status = undefined;
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #draw(now: number, path: string | undefined): void {
    const line = formatProgress({
      verb: this.#verb,
      bytes: this.#bytes,
      files: this.#files,
      totalBytes: this.#totalBytes,
      totalFiles: this.#totalFiles,
      rate: this.#measure(now),
      left: this.#timeLeft(now),
    });
    if (!this.#messages.terminal) {
      this.#messages.raw(`${line}\n`);
      return;
    }
    const columns = (this.#setting.columns() ?? DEFAULT_COLUMNS) - 1;
    const width = this.#width;
    const text = width === undefined
      ? line.slice(0, columns)
      : fit(path === undefined ? line : `${line}  ${escapeName(path)}`, columns, width);
    this.#shown = true;
    this.#messages.raw(`\r\x1b[K${text}`);
  }

  /** Bytes a second over the last few seconds: the average of an hour says little about now. */
  #measure(now: number): number {
    const here = { time: now, bytes: this.#bytes };
    this.#older ??= this.#first ?? here;
    this.#newer ??= here;
    if (now - this.#newer.time >= RATE_MS) {
      this.#older = this.#newer;
      this.#newer = here;
    }
    return ratePerSecond(this.#older, here);
  }

  /** By the average since the start: it jumps about less than the rate. */
  #timeLeft(now: number): number | undefined {
    const left = (this.#totalBytes ?? 0) - this.#bytes;
    const rate = this.#first === undefined ? 0 : ratePerSecond(this.#first, { time: now, bytes: this.#bytes });
    return left <= 0 || rate === 0 ? undefined : left / rate * 1000;
  }
}

/** How much was done at a time. */
interface Mark {
  readonly time: number;
  readonly bytes: number;
}

function ratePerSecond(from: Mark, to: Mark): number {
  return to.time > from.time ? (to.bytes - from.bytes) / (to.time - from.time) * 1000 : 0;
}

/** The progress of work whose progress is not shown. */
export const SILENT: Progress = {
  total() {},
  add() {},
  end() {},
  [Symbol.dispose]() {},
};
