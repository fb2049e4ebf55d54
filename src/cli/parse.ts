/**
 * From the arguments to what was typed: which verb, which options, which words are left. What that means is decided
 * in `options.ts`.
 */
import { UsageError } from "./command_error.ts";
import { type Flag, type FlagName, flagOf, FLAGS, type TypedFlags } from "./flags.ts";
import { type CommandOptions, interpret } from "./options.ts";
import { nearest } from "./suggest.ts";
import { type OptionToken, tokenize } from "./tokens.ts";
import { findVerb, VERB_GROUPS, VERB_NAMES, type VerbName, verbOf, verbsOf } from "./verbs.ts";

/** What a command line asks for. */
export type Request =
  | { readonly kind: "run"; readonly options: CommandOptions }
  /** `asked` is false when nothing was typed at all. */
  | { readonly kind: "help"; readonly verb: VerbName | undefined; readonly group?: string; readonly asked: boolean }
  | { readonly kind: "version" };

/** The long names of letters. */
const NAMES_BY_LETTER: ReadonlyMap<string, string> = new Map(
  Object.entries<Flag>(FLAGS).flatMap(([name, { short }]) => short === undefined ? [] : [[short, name] as const]),
);

/** The arguments as tokens; `switches` take no value, whatever the table says. */
function tokensOf(args: readonly string[], switches: readonly FlagName[] = []) {
  return tokenize(args, {
    takesValue(name) {
      const flag = flagOf(name);
      return flag !== undefined && "value" in flag && !switches.some((one) => one === name);
    },
    longName: (letter) => NAMES_BY_LETTER.get(letter) ?? letter,
  });
}

/**
 * Reads a command line.
 *
 * @throws {UsageError} when it cannot be carried out as typed.
 */
export function parse(args: readonly string[]): Request {
  const first = tokensOf(args);
  const named = first.find((token) => token.kind === "positional");
  const switches = named === undefined ? undefined : switchesOf(findVerb(named.value));
  const tokens = switches === undefined ? first : tokensOf(args, switches);
  const options = tokens.filter((token) => token.kind === "option");
  const [word, ...words] = joinGroup(
    tokens.flatMap((token) => token.kind === "positional" ? [token.value] : []),
  );
  const wantsHelp = options.some(({ name }) => name === "help");
  if (!wantsHelp && options.some(({ name }) => name === "version")) return { kind: "version" };
  if (word === undefined) {
    const unknown = options.find(({ name }) => flagOf(name)?.kind !== "switch");
    if (unknown !== undefined && !wantsHelp) throw unknownOption(unknown, undefined);
    return { kind: "help", verb: undefined, asked: wantsHelp };
  }
  if (word === "help") {
    const [topic] = joinGroup(words);
    if (isGroup(topic)) return { kind: "help", verb: undefined, group: topic, asked: true };
    return {
      kind: "help",
      verb: topic === undefined || topic === "help" ? undefined : requireVerb(topic),
      asked: true,
    };
  }
  if (isGroup(word)) {
    if (wantsHelp) return { kind: "help", verb: undefined, group: word, asked: true };
    const [action] = words;
    const verbs = verbsOf(word).map((name) => `"${name}"`).join(", ");
    const what = action === undefined ? "what to do is not named" : `"${action}" is not what it can do`;
    throw new UsageError(
      `Cannot find the verb "${word}${action === undefined ? "" : ` ${action}`}": ${what}`,
      `There are ${verbs}`,
    );
  }
  const verb = requireVerb(word);
  if (wantsHelp) return { kind: "help", verb, asked: true };
  return { kind: "run", options: interpret(verb, readFlags(verb, options), words) };
}

/** The first two words as one where they name a verb of a group: `keys list`. */
function joinGroup(words: readonly string[]): readonly string[] {
  const [first, second, ...rest] = words;
  const joined = `${first} ${second}`;
  return isGroup(first) && findVerb(joined) !== undefined ? [joined, ...rest] : words;
}

function isGroup(word: string | undefined): word is string {
  return word !== undefined && Object.hasOwn(VERB_GROUPS, word);
}

function switchesOf(verb: VerbName | undefined): readonly FlagName[] | undefined {
  return verb === undefined ? undefined : verbOf(verb).switches;
}

function requireVerb(word: string): VerbName {
  const verb = findVerb(word);
  if (verb !== undefined) return verb;
  // tar's letters in one word, as its users type them.
  if (/^-?(?=.*[cxt])[cxtvzjJpa]+f[vzjJ]*$/.test(word)) {
    throw new UsageError(
      `Cannot find the verb "${word}"`,
      "There is no -f: coffer c ARCHIVE PATH… stores, coffer x ARCHIVE restores, coffer t ARCHIVE lists",
    );
  }
  if (word.endsWith(".coffer")) {
    throw new UsageError(`Cannot find the verb "${word}"`, `coffer list ${word} shows what is in it`);
  }
  const guess = nearest(word, [...VERB_NAMES, ...Object.keys(VERB_GROUPS), "help"]);
  throw new UsageError(
    `Cannot find the verb "${word}"`,
    guess === undefined ? "coffer --help lists the verbs" : `Did you mean "${guess}"?`,
  );
}

function readFlags(verb: VerbName, options: readonly OptionToken[]): TypedFlags {
  const typed: Record<string, unknown> = {};
  for (const token of options) {
    const flag = flagOf(token.name);
    const name = token.name as FlagName;
    if (flag === undefined || !verbOf(verb).flags.includes(name)) {
      throw unknownOption(token, verb);
    }
    if (flag.kind !== "switch" && switchesOf(verb)?.includes(name)) {
      if (token.value !== undefined) throw new UsageError(`Cannot use a value with "${token.rawName}": it takes none`);
      typed[name] = [];
      continue;
    }
    if (flag.kind === "switch") {
      if (token.value !== undefined) throw new UsageError(`Cannot use a value with "${token.rawName}": it takes none`);
      typed[name] = true;
      continue;
    }
    const value = flag.read(requireValue(token, flag.value), token.rawName);
    if (flag.kind === "list") {
      typed[name] = [...(typed[name] as unknown[] | undefined) ?? [], value];
    } else if (name in typed) {
      throw new UsageError(`Cannot use "${token.rawName}" twice`);
    } else {
      typed[name] = value;
    }
  }
  return typed;
}

function requireValue({ value, inlineValue, rawName }: OptionToken, expected: string): string {
  if (value === undefined) {
    throw new UsageError(`Cannot use "${rawName}" without a value`, `Write ${rawName} ${expected}`);
  }
  // Any other value may begin with a dash, as with getopt. This one is nearly always a forgotten value.
  if (value === "--" && inlineValue === false) {
    throw new UsageError(
      `Cannot use "${rawName}" without a value: "--" follows`,
      `If "--" is meant as the value, write ${rawName}${rawName.startsWith("--") ? "=" : ""}--`,
    );
  }
  return value;
}

/** Why an option is not one of this verb: another verb's, or a mistyped one. */
function unknownOption({ name, rawName }: OptionToken, verb: VerbName | undefined): UsageError {
  const flag = flagOf(name);
  const shown = rawName === `--${name}`
    ? `"${rawName}"`
    : flag === undefined
    ? `"${rawName}"`
    : `"${rawName}" (--${name})`;
  if (flag !== undefined) {
    const owners = VERB_NAMES.filter((owner) => verbOf(owner).flags.includes(name as FlagName));
    if (verb === undefined) {
      return new UsageError(`Cannot use ${shown}: no verb is named`, "coffer --help lists the verbs");
    }
    return new UsageError(
      `Cannot use ${shown}: it is not an option of "${verb}"; it belongs to ${
        owners.map((owner) => `"${owner}"`).join(", ")
      }`,
    );
  }
  const message = `Cannot find the option ${shown}${verb === undefined ? "" : ` of "${verb}"`}`;
  const candidates = verb === undefined ? Object.keys(FLAGS) : verbOf(verb).flags;
  const guess = name.length > 1 ? nearest(name, candidates) : undefined;
  const help = verb === undefined ? "coffer --help" : `coffer ${verb} --help`;
  return new UsageError(message, guess === undefined ? `${help} lists the options` : `Did you mean "--${guess}"?`);
}
