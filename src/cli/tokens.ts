/**
 * Splits a command line into options, their values and words, as `parseArgs` of node:util does, whose rules these are
 * (a test compares): loading that takes as long as all else that the program does before it knows its verb.
 *
 * @std/cli's parseArgs is none for this: it takes values that begin with a dash for options, `-Cdir` for four letters,
 * "true" after a switch for its value, and forgets what was typed where, so that everything would have to be rewritten
 * before it and checked again after it.
 */

/** An option as it was typed. */
export interface OptionToken {
  /** `"option"`. */
  readonly kind: "option";
  /** The long name; for a letter or name the table does not have, that itself. */
  readonly name: string;
  /** As typed: `-C` or `--directory`. */
  readonly rawName: string;
  /** What follows it, if it takes a value. */
  readonly value: string | undefined;
  /** Whether the value was part of the same argument. */
  readonly inlineValue: boolean | undefined;
}

/** An option, a word, or the `--` behind which there are only words. */
export type Token = OptionToken | { readonly kind: "positional"; readonly value: string } | {
  readonly kind: "option-terminator";
};

/** What there is to know of options. */
export interface Syntax {
  /** Whether the option of that long name takes a value. */
  takesValue(name: string): boolean;
  /** The long name of a letter; the letter itself where it is none. */
  longName(letter: string): string;
}

/** The arguments as tokens. Lenient, so that it never throws: what it would say knows nothing of verbs. */
export function tokenize(args: readonly string[], syntax: Syntax): Token[] {
  const tokens: Token[] = [];
  const rest = [...args];
  /** An option whose value is the next argument, whatever that begins with. */
  const option = (name: string, rawName: string) => {
    const value = syntax.takesValue(name) ? rest.shift() : undefined;
    tokens.push({ kind: "option", name, rawName, value, inlineValue: value === undefined ? undefined : false });
  };
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") {
      tokens.push({ kind: "option-terminator" });
      for (const value of rest.splice(0)) tokens.push({ kind: "positional", value });
    } else if (arg.startsWith("--")) {
      if (arg.indexOf("=", 3) < 0) option(arg.slice(2), arg);
      else {
        const [rawName, value] = [arg.slice(0, arg.indexOf("=")), arg.slice(arg.indexOf("=") + 1)];
        tokens.push({ kind: "option", name: rawName.slice(2), rawName, value, inlineValue: true });
      }
    } else if (!arg.startsWith("-") || arg === "-") {
      tokens.push({ kind: "positional", value: arg });
    } else {
      const name = syntax.longName(arg[1]!);
      const rawName = arg.slice(0, 2);
      if (arg.length === 2) option(name, rawName);
      else if (syntax.takesValue(name)) {
        tokens.push({ kind: "option", name, rawName, value: arg.slice(2), inlineValue: true });
      } else {
        rest.unshift(...lettersOf(arg, syntax));
      }
    }
  }
  return tokens;
}

/** `-vCdir` as `-v`, `-Cdir`. */
function lettersOf(arg: string, syntax: Syntax): string[] {
  const letters: string[] = [];
  for (let i = 1; i < arg.length; i++) {
    if (syntax.takesValue(syntax.longName(arg[i]!))) return [...letters, `-${arg.slice(i)}`];
    letters.push(`-${arg[i]}`);
  }
  return letters;
}
