import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Flag, FLAGS } from "../../src/cli/flags.ts";
import { groupHelp, mainHelp, verbHelp } from "../../src/cli/help.ts";
import { parse } from "../../src/cli/parse.ts";
import { usageLine, VERB_GROUPS, VERB_NAMES, verbOf, verbsOf } from "../../src/cli/verbs.ts";
import { commandWords } from "../../src/cli/values.ts";

Deno.test("verbHelp() shows every option and exit code of its verb, and no other option", () => {
  for (const verb of VERB_NAMES) {
    const help = verbHelp(verb, 80);
    assertStringIncludes(help, `Usage: ${usageLine(verb)}\n`);
    for (const [name, flag] of Object.entries<Flag>(FLAGS)) {
      const shown = new RegExp(`^ +(-., )?--${name}\\b(?!-)`, "m").test(help);
      assertEquals(shown, verbOf(verb).flags.some((own) => own === name), `${verb} --${name}`);
      if (
        shown && flag.kind !== "switch" && !verbOf(verb).switches?.some((own) => own === name)
      ) {
        assertStringIncludes(help, `--${name} ${flag.value}`);
      }
    }
    for (const exit of [0, 1, 2, 130, ...verbOf(verb).exits]) assertMatch(help, new RegExp(`^ +${exit}  `, "m"));
  }
});

Deno.test("verbHelp() and mainHelp() fit the terminal, between 80 and 100 columns", () => {
  for (const [terminal, columns] of [[undefined, 80], [40, 80], [80, 80], [93, 93], [100, 100], [250, 100]] as const) {
    for (
      const help of [
        mainHelp(terminal),
        mainHelp(terminal, true),
        ...VERB_NAMES.map((v) => verbHelp(v, terminal)),
      ]
    ) {
      for (const line of help.split("\n")) assert(line.length <= columns, `${columns}: "${line}"`);
      assert(!/[ \t]$/m.test(help), "a line ends in a blank");
      assert(!help.includes("undefined"));
    }
  }
});

Deno.test("verbHelp() shows examples that parse", () => {
  for (const verb of VERB_NAMES) {
    const { examples } = verbOf(verb);
    assert(examples.length > 0);
    for (const [command] of examples) {
      const call = command.split("|").find((part) => /^\s*coffer /.test(part)) ?? "";
      const request = parse(commandWords(call, "example", false).slice(1));
      assert(request.kind === "run" && request.options.verb === verb, command);
    }
  }
});

Deno.test("mainHelp() names every verb and alias, and every exit code", () => {
  const help = mainHelp(80);
  for (const [group, summary] of Object.entries(VERB_GROUPS)) {
    assertStringIncludes(help, `  ${group} `);
    assertStringIncludes(help, summary);
  }
  for (const verb of VERB_NAMES) {
    const { alias, summary } = verbOf(verb);
    if (verb.includes(" ")) continue;
    assertStringIncludes(help, `  ${verb}${alias === undefined ? "" : `, ${alias}`} `);
    assertStringIncludes(help, summary);
  }
  for (const exit of [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 130]) assertMatch(help, new RegExp(`^ +${exit}  `, "m"));
});

Deno.test("mainHelp() is short when it was not asked for", () => {
  const short = mainHelp(80, true);
  // On the smallest terminal, without scrolling.
  assert(short.split("\n").length < 24);
  for (const verb of VERB_NAMES) assertStringIncludes(short, verb.split(" ")[0] as string);
});

Deno.test("groupHelp() shows what a group's verbs do", () => {
  for (const group of Object.keys(VERB_GROUPS)) {
    const help = groupHelp(group, 80);
    assert(verbsOf(group).length > 1);
    for (const verb of verbsOf(group)) assertStringIncludes(help, `  ${verb} `);
    for (const request of [parse([group, "--help"]), parse(["help", group])]) {
      assert(request.kind === "help" && request.group === group && request.asked);
    }
  }
});
