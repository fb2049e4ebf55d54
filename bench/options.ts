/** The options of the programs in this folder. */
import { parseArgs } from "@std/cli/parse-args";

/** What can be said. */
export interface Options {
  /** Where to work, instead of a temporary folder. */
  readonly dir: string | undefined;
  /** Keep the corpora that were made in a temporary folder. */
  readonly keep: boolean;
  /** Factor on the size of the corpora. */
  readonly scale: number;
  /** How often each command is measured. */
  readonly rounds: number;
  /** Where to save the results. */
  readonly out: string | undefined;
}

/** Names of options. */
export type OptionName = keyof Options;

const DEFAULT_ROUNDS = 5;

/**
 * Reads the options that a program takes.
 *
 * @throws {TypeError} for any other argument, or a value that makes no sense.
 */
export function parseOptions(args: readonly string[], takes: readonly OptionName[]): Options {
  const valued = takes.filter((name) => name !== "keep");
  const given = parseArgs(args, {
    string: valued,
    boolean: takes.filter((name) => name === "keep"),
    unknown: (arg) => {
      throw new TypeError(`Cannot take "${arg}": the options are ${takes.map((name) => `--${name}`).join(", ")}`);
    },
  });
  const text = (name: OptionName): string | undefined => {
    const value = given[name];
    if (value === "") throw new TypeError(`Cannot take --${name}: it needs a value`);
    return typeof value === "string" ? value : undefined;
  };
  const number = (name: OptionName, fallback: number): number => {
    const value = Number(text(name) ?? fallback);
    if (!(value > 0 && value < Infinity)) throw new TypeError(`Cannot take --${name}: it must be a positive number`);
    return value;
  };
  const rounds = number("rounds", DEFAULT_ROUNDS);
  if (!Number.isInteger(rounds)) throw new TypeError("Cannot take --rounds: it must be a whole number");
  return { dir: text("dir"), keep: given.keep === true, scale: number("scale", 1), rounds, out: text("out") };
}
