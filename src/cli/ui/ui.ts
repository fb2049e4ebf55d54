/**
 * What commands say, and to whom. Commands know this interface only; text, JSON and progress are its implementations.
 * Results go to standard output, everything else to standard error.
 */
import type { Bytes } from "../../engine/engine.ts";

/** A value of JSON. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * One JSON result. `schema` names its fields' meaning and their version, such as `coffer/list/1`: fields may be added
 * to a version, a changed meaning gets the next one.
 */
export interface JsonRecord {
  readonly schema: `coffer/${string}/${number}`;
  readonly [key: string]: JsonValue;
}

/** How far a piece of work is; see {@linkcode Ui.progress}. */
export interface Progress extends Disposable {
  /** Sets how much there is to do, as far as it is known; call again when more turns up. */
  total(bytes: number | undefined, files: number | undefined): void;
  /** Counts work as done. `path` names what is being worked on. */
  add(bytes: number, files: number, path?: string): void;
  /** Removes the line; also what disposing does. */
  end(): void;
}

/** What a command talks through. Every method is synchronous: nothing is lost when the work ends early. */
export interface Ui {
  /** Whether results are JSON. */
  readonly json: boolean;
  /** Whether {@linkcode detail} says anything: ask before computing much for it. */
  readonly verbose: boolean;
  /**
   * One result on standard output: a line of text, or an object of JSON. Only the form in use is asked for.
   * `text` must have names escaped; `undefined` prints nothing.
   */
  result(text: () => string | undefined, json: () => JsonRecord | undefined): void;
  /**
   * Writes names as results without making strings of them, as long as they show as they are: printable ASCII without a
   * backslash. They are UTF-8, numbers `first` to before `behind` of names that begin where `starts` says, each ending
   * where the next begins. Returns how many were written; with JSON none are.
   */
  plainNames(bytes: Bytes, starts: Uint32Array, first: number, behind: number): number;
  /** Text for standard output exactly as it is, such as names that end in NUL. Nothing with JSON. */
  write(text: string): void;
  /** Something worth knowing, unless `--quiet`. */
  note(message: string): void;
  /** What `--verbose` is for: each file as it is done. */
  detail(message: string): void;
  /** Something is not as it should be, but the work goes on. */
  warn(message: string, hint?: string): void;
  /** Something failed. */
  error(message: string, hint?: string): void;
  /** Begins a piece of work that may last; `verb` is what the line begins with, such as `Storing`. */
  progress(verb: string): Progress;
  /** Sends buffered results on their way. */
  flush(): void;
}
