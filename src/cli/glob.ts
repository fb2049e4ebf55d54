/**
 * Globs over stored paths. `?` is one character but `/`, `*` any number of them, `**` any characters with `/` too; a
 * `**` that is a whole part of the pattern also stands for no part at all (`a/**` + `/b` matches `a/b`). `[a-z]`,
 * `[!a-z]` and `[[:digit:]]` are one character but `/`, `{a,b}` is either, `\` takes the next character as it is.
 *
 * Deliberately not @std/path's `globToRegExp`: there `?` and `[!a]` match a `/`, `?` misses line feeds and half of
 * every emoji, and `a*a*a*a*a*b` keeps its regular expression busy for minutes on one long name. This matcher goes
 * back to the last `*` or `**` only, which is enough, so its time is bounded by path × part × pattern.
 */
import { UsageError } from "./command_error.ts";

type Token =
  | { readonly kind: "character"; readonly code: number }
  | { readonly kind: "any" }
  | { readonly kind: "class"; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly kind: "star" }
  /** `**`. */
  | { readonly kind: "deep" }
  /** `**` and the `/` after it, as a whole part: nothing, or anything that ends in `/`. */
  | { readonly kind: "parts" };

/** Alternatives that one pattern's braces may multiply to. */
const MAX_ALTERNATIVES = 1000;
const SLASH = 0x2f;

/** A glob, ready to match. */
export interface Glob {
  /** Every path that matches begins with this. */
  readonly prefix: string;
  /** Whether the whole path matches. */
  matches(path: string): boolean;
}

/**
 * Compiles one glob.
 *
 * @throws {UsageError} when its braces stand for more than 1,000 alternatives.
 */
export function compileGlob(glob: string): Glob {
  const alternatives = expandBraces(glob).map(tokenize);
  const prefixes = alternatives.map(literalPrefix);
  return {
    prefix: prefixes.reduce(commonPrefix),
    matches: (path) => alternatives.some((tokens, i) => path.startsWith(prefixes[i] as string) && run(tokens, path)),
  };
}

/** The pattern without the characters that make it a glob, or `undefined` when it is none. */
export function literalOf(glob: string): string | undefined {
  const [only, ...others] = expandBraces(glob);
  const tokens = tokenize(only as string);
  return others.length === 0 && tokens.every(({ kind }) => kind === "character") ? literalPrefix(tokens) : undefined;
}

/** Where the bracket expression that begins at `start` ends (behind its `]`), or -1 when it does not. */
function bracketEnd(glob: string, start: number): number {
  let i = start + 1;
  if (glob[i] === "!" || glob[i] === "^") i++;
  // A bracket that comes first is one of the characters.
  if (glob[i] === "]") i++;
  for (; i < glob.length; i++) {
    if (glob[i] === "/") return -1;
    if (glob[i] === "]") return i + 1;
    if (glob[i] === "\\") i++;
    else if (glob.startsWith("[:", i)) {
      const close = glob.indexOf(":]", i + 2);
      if (close >= 0) i = close + 1;
    }
  }
  return -1;
}

/** What stands where a character of braces could: escapes and bracket expressions are passed over whole. */
function skip(glob: string, i: number): number {
  if (glob[i] === "\\") return i + 2;
  const end = glob[i] === "[" ? bracketEnd(glob, i) : -1;
  return end > 0 ? end : i + 1;
}

/** The alternatives of the first pair of braces that has a comma: text before, each choice, text after. */
function splitBraces(glob: string): { before: string; choices: string[]; after: string } | undefined {
  for (let open = 0; open < glob.length; open = skip(glob, open)) {
    if (glob[open] !== "{") continue;
    const commas = [open];
    let depth = 0;
    for (let i = open; i < glob.length; i = skip(glob, i)) {
      if (glob[i] === "{") depth++;
      else if (glob[i] === "," && depth === 1) commas.push(i);
      else if (glob[i] === "}" && --depth === 0) {
        if (commas.length === 1) break;
        const choices = commas.map((comma, n) => glob.slice(comma + 1, commas[n + 1] ?? i));
        return { before: glob.slice(0, open), choices, after: glob.slice(i + 1) };
      }
    }
  }
  return undefined;
}

/** Every pattern that the braces of one stand for. Unpaired braces, and those without a comma, mean themselves. */
function expandBraces(glob: string): string[] {
  const expanded: string[] = [];
  const pending = [glob];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const split = splitBraces(next);
    if (split === undefined) expanded.push(next);
    else for (const choice of split.choices.reverse()) pending.push(split.before + choice + split.after);
    if (expanded.length + pending.length > MAX_ALTERNATIVES) {
      throw new UsageError(
        `Cannot use the pattern "${glob}": its braces stand for over ${MAX_ALTERNATIVES} alternatives`,
      );
    }
  }
  return expanded;
}

function tokenize(glob: string): Token[] {
  const tokens: Token[] = [];
  for (let i = 0; i < glob.length;) {
    const character = glob[i] as string;
    if (character === "*") {
      let end = i;
      while (glob[end] === "*") end++;
      const wholePart = end - i === 2 && (i === 0 || glob[i - 1] === "/") && glob[end] === "/";
      tokens.push({ kind: wholePart ? "parts" : end - i > 1 ? "deep" : "star" });
      i = wholePart ? end + 1 : end;
    } else if (character === "?") {
      tokens.push({ kind: "any" });
      i++;
    } else if (character === "[" && bracketEnd(glob, i) > 0) {
      const end = bracketEnd(glob, i);
      tokens.push(readClass(glob.slice(i + 1, end - 1)));
      i = end;
    } else {
      // A backslash at the very end means itself.
      if (character === "\\" && i + 1 < glob.length) i++;
      const code = glob.codePointAt(i) as number;
      tokens.push({ kind: "character", code });
      i += code > 0xffff ? 2 : 1;
    }
  }
  return tokens;
}

/** POSIX classes in ASCII, as pairs of first and last character. */
const CLASSES: Readonly<Record<string, string>> = {
  alnum: "09AZaz",
  alpha: "AZaz",
  blank: "\t\t  ",
  cntrl: "\0\x1f\x7f\x7f",
  digit: "09",
  graph: "!~",
  lower: "az",
  print: " ~",
  punct: "!/:@[`{~",
  space: "\t\r  ",
  upper: "AZ",
  xdigit: "09AFaf",
};

/** A bracket expression, given what is between the brackets. */
function readClass(text: string): Token {
  const negated = text.startsWith("!") || text.startsWith("^");
  const ranges: (readonly [number, number])[] = [];
  const body = negated ? text.slice(1) : text;
  for (let i = 0; i < body.length;) {
    const named = /^\[:([a-z]+):\]/.exec(body.slice(i));
    const pairs = CLASSES[named?.[1] ?? ""];
    if (named !== null && pairs !== undefined) {
      for (let p = 0; p < pairs.length; p += 2) ranges.push([pairs.charCodeAt(p), pairs.charCodeAt(p + 1)]);
      i += named[0].length;
      continue;
    }
    const first = readMember(body, i);
    const dash = body[first.end] === "-" && first.end + 1 < body.length;
    const last = dash ? readMember(body, first.end + 1) : first;
    ranges.push([first.code, last.code]);
    i = last.end;
  }
  return { kind: "class", negated, ranges };
}

function readMember(body: string, start: number): { code: number; end: number } {
  const i = body[start] === "\\" && start + 1 < body.length ? start + 1 : start;
  const code = body.codePointAt(i) as number;
  return { code, end: i + (code > 0xffff ? 2 : 1) };
}

function literalPrefix(tokens: readonly Token[]): string {
  let prefix = "";
  for (const token of tokens) {
    if (token.kind !== "character") break;
    prefix += String.fromCodePoint(token.code);
  }
  return prefix;
}

/** The longest beginning that two texts share. */
export function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return a.slice(0, length);
}

/** Whether a token that is one character takes this one. */
function takes(token: Token, code: number): boolean {
  switch (token.kind) {
    case "character":
      return token.code === code;
    case "any":
      return code !== SLASH;
    case "class":
      return code !== SLASH && token.ranges.some(([first, last]) => first <= code && code <= last) !== token.negated;
    default:
      return false;
  }
}

/** A place to go back to: the token behind a `*` or `**`, and how far that reached into the text. */
interface Retry {
  token: number;
  at: number;
}

/**
 * Matches greedily for the shortest reach of each `*` and `**`. When that fails, only the last `*` of the current part
 * needs a longer reach, and when it meets a `/`, only the last `**`: whatever an earlier one could take, these can.
 */
function run(tokens: readonly Token[], text: string): boolean {
  let t = 0;
  let i = 0;
  let star: Retry | undefined;
  let deep: Retry & { readonly wholeParts: boolean } | undefined;
  while (true) {
    const token = tokens[t];
    if (token === undefined && i === text.length) return true;
    if (token?.kind === "star") {
      star = { token: ++t, at: i };
      continue;
    }
    if (token?.kind === "deep" || token?.kind === "parts") {
      deep = { token: ++t, at: i, wholeParts: token.kind === "parts" };
      star = undefined;
      continue;
    }
    const code = text.codePointAt(i);
    if (token !== undefined && code !== undefined && takes(token, code)) {
      t++;
      i += code > 0xffff ? 2 : 1;
      continue;
    }
    if (star !== undefined && star.at < text.length && text.charCodeAt(star.at) !== SLASH) {
      star.at = after(text, star.at);
      t = star.token;
      i = star.at;
      continue;
    }
    if (deep === undefined || deep.at >= text.length) return false;
    star = undefined;
    deep.at = deep.wholeParts ? text.indexOf("/", deep.at) + 1 : after(text, deep.at);
    if (deep.at === 0) return false;
    t = deep.token;
    i = deep.at;
  }
}

/** The place behind the character at `i`. */
function after(text: string, i: number): number {
  return i + ((text.codePointAt(i) as number) > 0xffff ? 2 : 1);
}
