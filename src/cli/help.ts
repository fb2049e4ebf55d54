/** Help, made from the tables of verbs, options and exit codes. */
import { EXIT, EXIT_MEANINGS, type ExitCode } from "./exit_codes.ts";
import { type Flag, FLAG_GROUPS, type FlagGroup, FLAGS, spelling } from "./flags.ts";
import { usageLine, VERB_GROUPS, VERB_NAMES, type VerbName, verbOf, verbsOf } from "./verbs.ts";

/** Narrower is hard to lay out, wider is hard to read. */
const MIN_COLUMNS = 80;
const MAX_COLUMNS = 100;
/** Exit codes that every verb can end with. */
const COMMON_EXITS = [EXIT.done, EXIT.failed, EXIT.usage, EXIT.interrupted] as const;

/** Words in lines of at most `columns`, each behind `indent` blanks. */
function wrap(text: string, columns: number, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > columns) {
      lines.push(" ".repeat(indent) + line);
      line = word;
    } else {
      line += line === "" ? word : ` ${word}`;
    }
  }
  return [...lines, " ".repeat(indent) + line];
}

type Row = readonly [term: string, text: string];

/** Terms with their explanations beside them; below, where a term is too long for its column. */
function table(rows: readonly Row[], columns: number, widest = 26): string[] {
  const column = Math.min(widest, Math.max(...rows.map(([term]) => term.length))) + 4;
  return rows.flatMap(([term, text]) => {
    const lines = wrap(text, columns, column);
    const head = `  ${term}`;
    if (head.length + 2 > column) return [head, ...lines];
    return [head + (lines[0] as string).slice(head.length), ...lines.slice(1)];
  });
}

/** The options of a verb that belong to a group. */
function flagRows(verb: VerbName, group: FlagGroup): Row[] {
  const rows: Row[] = [];
  for (const name of verbOf(verb).flags) {
    const flag: Flag = FLAGS[name];
    if (flag.group !== group) continue;
    const isSwitch = flag.kind === "switch" || verbOf(verb).switches?.includes(name);
    const value = isSwitch ? "" : ` ${flag.value}`;
    const summary = typeof flag.summary === "string" ? flag.summary : flag.summary[verb] ?? flag.summary[""] ?? "";
    // Options without a letter line up behind those with one.
    rows.push([`${flag.short === undefined ? "    " : ""}${spelling(name)}${value}`, summary]);
  }
  return rows;
}

function exitRows(exits: readonly ExitCode[]): Row[] {
  const codes = [...new Set([...COMMON_EXITS, ...exits])].sort((a, b) => a - b);
  return codes.map((code) => [String(code).padStart(3), EXIT_MEANINGS[code]]);
}

/** The help of one verb, for a terminal of so many columns. */
export function verbHelp(verb: VerbName, terminalColumns: number | undefined): string {
  const columns = clamp(terminalColumns);
  const { alias, dash, exits, notes, examples, summary } = verbOf(verb);
  const forms = [`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`];
  if (dash !== undefined) forms.push(`ARCHIVE may be - for ${dash}.`);
  if (alias !== undefined) forms.push(`Short form: coffer ${alias}.`);
  const lines = [`Usage: ${usageLine(verb)}`, "", ...wrap(forms.join(" "), columns, 0), "", "Examples:"];
  for (const [command, does] of examples) lines.push(`  ${command}`, ...wrap(does, columns, 6));
  for (const note of notes) lines.push("", ...wrap(note, columns, 0));
  for (const group of FLAG_GROUPS) {
    const rows = flagRows(verb, group);
    if (rows.length > 0) lines.push("", `${group}:`, ...table(rows, columns));
  }
  lines.push("", "Exit codes:", ...table(exitRows(exits), columns));
  return `${lines.join("\n")}\n`;
}

/** The help of a word that begins several verbs. */
export function groupHelp(group: string, terminalColumns: number | undefined): string {
  const columns = clamp(terminalColumns);
  const verbs = verbsOf(group);
  const summary = VERB_GROUPS[group] ?? "";
  const lines = [
    `Usage: coffer ${group} ACTION [OPTIONS] ARCHIVE`,
    "",
    ...wrap(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`, columns, 0),
    "",
    "Actions:",
    ...table(verbs.map((name) => [name, verbOf(name).summary] as const), columns),
    "",
    ...wrap(`coffer ${group} ACTION --help explains one and its options.`, columns, 0),
  ];
  return `${lines.join("\n")}\n`;
}

/** The help of the whole program: `short` leaves out everything but the verbs. */
export function mainHelp(terminalColumns: number | undefined, short = false): string {
  const columns = clamp(terminalColumns);
  const lines = ["Usage: coffer VERB [OPTIONS] ARCHIVE [ARGUMENTS]", ""];
  if (!short) lines.push("Coffer keeps files and folders in one encrypted archive.", "");
  const rows: Row[] = [];
  for (const name of VERB_NAMES) {
    const group = name.split(" ")[0] as string;
    const { alias, summary } = verbOf(name);
    if (group === name) rows.push([alias === undefined ? name : `${name}, ${alias}`, summary]);
    else if (verbsOf(group)[0] === name) rows.push([group, VERB_GROUPS[group] ?? ""]);
  }
  lines.push("Verbs:", ...table(rows, columns));
  if (!short) {
    lines.push("", "Begin with:", "  coffer create photos.coffer photos", "  coffer list photos.coffer");
    lines.push("  coffer extract photos.coffer -C restored");
    const all = Object.keys(EXIT_MEANINGS).map(Number) as ExitCode[];
    lines.push("", "Exit codes:", ...table(exitRows(all), columns));
    lines.push("", ...wrap("Options stand anywhere; -- ends them, for names that begin with a dash.", columns, 0));
  }
  const more = "coffer VERB --help explains a verb and its options; coffer --version tells the version.";
  lines.push("", ...wrap(more, columns, 0));
  return `${lines.join("\n")}\n`;
}

function clamp(columns: number | undefined): number {
  return Math.max(MIN_COLUMNS, Math.min(MAX_COLUMNS, columns ?? MIN_COLUMNS));
}
