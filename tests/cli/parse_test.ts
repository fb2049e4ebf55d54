import { assert, assertEquals, assertMatch, assertObjectMatch, assertStringIncludes } from "@std/assert";
import { type Flag, type FlagName, FLAGS } from "../../src/cli/flags.ts";
import { parse } from "../../src/cli/parse.ts";
import { VERB_NAMES, verbOf } from "../../src/cli/verbs.ts";
import { options, refusal } from "./command_line.ts";

Deno.test("parse() takes options anywhere before --, even before the verb", () => {
  const expected = { verb: "extract", archive: "a.coffer", patterns: ["p", "q"], directory: "out", verbose: true };
  assertObjectMatch(options("extract", "a.coffer", "p", "q", "-C", "out", "-v"), expected);
  assertObjectMatch(options("extract", "-C", "out", "a.coffer", "-v", "p", "q"), expected);
  assertObjectMatch(options("-v", "-C", "out", "extract", "a.coffer", "p", "q"), expected);
});

Deno.test("parse() takes everything after -- as it is", () => {
  assertObjectMatch(options("create", "a", "--", "-v", "--level", "--"), {
    paths: ["-v", "--level", "--"],
    verbose: false,
    level: "default",
  });
});

Deno.test("parse() takes values in every spelling", () => {
  for (const spelled of [["-C", "d"], ["-Cd"], ["--directory", "d"], ["--directory=d"], ["-vC", "d"], ["-vCd"]]) {
    assertObjectMatch(options("create", "a", "p", ...spelled), { directory: "d", paths: ["p"] });
  }
  assertObjectMatch(options("list", "a", "-l0"), { long: true, null: true });
  assertObjectMatch(options("create", "a", "p", "-qv"), { quiet: true, verbose: true });
});

Deno.test("parse() takes values that begin with a dash, have an equals sign, look like numbers, or are empty", () => {
  assertObjectMatch(options("create", "a", "p", "--exclude", "-x", "--exclude=--y", "--exclude", "a=b", "--label="), {
    exclude: ["-x", "--y", "a=b"],
    label: "",
  });
  assertObjectMatch(options("create", "007", "1e3", "true", "-C", "010"), {
    archive: "007",
    paths: ["1e3", "true"],
    directory: "010",
  });
  assertObjectMatch(options("create", "a", "-q", "true"), { paths: ["true"], quiet: true });
});

Deno.test("parse() takes a lone dash as an argument", () => {
  assertObjectMatch(options("create", "-", "p"), { archive: "-", paths: ["p"] });
  assertObjectMatch(options("extract", "-q", "-"), { archive: "-" });
});

Deno.test("parse() knows tar's letters", () => {
  assertEquals(options("c", "a", "p")["verb"], "create");
  assertEquals(options("x", "a")["verb"], "extract");
  assertEquals(options("t", "a")["verb"], "list");
});

Deno.test("parse() refuses a missing value, and -- in its place", () => {
  assertStringIncludes(refusal("create", "a", "p", "--label").message, 'Cannot use "--label" without a value');
  assertStringIncludes(refusal("create", "a", "p", "-C").message, 'Cannot use "-C" without a value');
  const error = refusal("create", "a", "--exclude", "--", "p");
  assertStringIncludes(error.message, '"--" follows');
  assertStringIncludes(error.hint ?? "", "--exclude=--");
  assertObjectMatch(options("create", "a", "p", "--exclude=--"), { exclude: ["--"] });
});

Deno.test("parse() refuses a value where none is taken", () => {
  assertStringIncludes(refusal("create", "a", "p", "--force=yes").message, '"--force": it takes none');
  assertStringIncludes(refusal("create", "a", "p", "--quiet=").message, '"--quiet": it takes none');
});

Deno.test("parse() refuses a single-valued option twice, and allows switches and lists", () => {
  assertStringIncludes(refusal("create", "a", "p", "--level", "1", "--level=1").message, 'Cannot use "--level" twice');
  assertStringIncludes(refusal("create", "a", "p", "-C", "x", "--directory", "x").message, "twice");
  assertObjectMatch(options("create", "a", "p", "-v", "-v", "--exclude=x", "--exclude=x"), {
    verbose: true,
    exclude: ["x", "x"],
  });
});

Deno.test("parse() names the nearest option, only among the verb's own and only when it is near", () => {
  assertEquals(refusal("create", "a", "p", "--excldue", "x").hint, 'Did you mean "--exclude"?');
  assertEquals(refusal("create", "a", "p", "--passphrase-fiel=x").hint, 'Did you mean "--passphrase-file"?');
  assertEquals(refusal("extract", "a", "--strip").hint, 'Did you mean "--strip-components"?');
  // "--verify" is near, but belongs to create.
  assertEquals(refusal("list", "a", "--verifi").hint, "coffer list --help lists the options");
  assertEquals(refusal("list", "a", "--wombat").hint, "coffer list --help lists the options");
  assertEquals(refusal("list", "a", "-z").message, 'Cannot find the option "-z" of "list"');
});

Deno.test("parse() says whose an option is that the verb does not have", () => {
  assertEquals(
    refusal("create", "a", "p", "--strip-components", "3").message,
    'Cannot use "--strip-components": it is not an option of "create"; it belongs to "extract"',
  );
  assertEquals(
    refusal("create", "a", "p", "-l").message,
    'Cannot use "-l" (--long): it is not an option of "create"; it belongs to "list"',
  );
  assertEquals(
    refusal("info", "a", "--exclude", "x").message,
    'Cannot use "--exclude": it is not an option of "info"; it belongs to "create", "update", "extract", "list"',
  );
});

Deno.test("parse() names the nearest verb", () => {
  assertEquals(refusal("extrct", "a").hint, 'Did you mean "extract"?');
  assertEquals(refusal("lits", "a").hint, 'Did you mean "list"?');
  assertEquals(refusal("exfract", "a").hint, 'Did you mean "extract"?');
  assertMatch(refusal("xvzf", "a").hint ?? "", /There is no -f/);
  assertEquals(refusal("frobnicate", "a").hint, "coffer --help lists the verbs");
});

Deno.test("parse() is not misled by the names of object properties", () => {
  for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    assertStringIncludes(refusal("list", "a", `--${name}`).message, "Cannot find the option");
    assertStringIncludes(refusal(name, "a").message, "Cannot find the verb");
  }
});

Deno.test("parse() gives help for every verb, whatever else is typed", () => {
  for (const verb of VERB_NAMES) {
    assertEquals(parse(["help", verb]), { kind: "help", verb, asked: true });
    assertEquals(parse([verb, "-h"]), { kind: "help", verb, asked: true });
    assertEquals(parse(["--help", verb, "a", "--wombat"]), { kind: "help", verb, asked: true });
  }
  assertEquals(parse(["--help"]), { kind: "help", verb: undefined, asked: true });
  assertEquals(parse(["help"]), { kind: "help", verb: undefined, asked: true });
  assertEquals(parse([]), { kind: "help", verb: undefined, asked: false });
  assertEquals(parse(["-q"]), { kind: "help", verb: undefined, asked: false });
});

Deno.test("parse() does not take a value or an argument for a call for help", () => {
  assertObjectMatch(options("create", "a", "p", "--exclude", "-h", "--", "--help"), {
    exclude: ["-h"],
    paths: ["p", "--help"],
  });
});

Deno.test("parse() gives the version, with or without a verb", () => {
  assertEquals(parse(["--version"]), { kind: "version" });
  assertEquals(parse(["create", "--version"]), { kind: "version" });
});

Deno.test("parse() refuses options without a verb", () => {
  assertStringIncludes(refusal("--wombat").message, 'Cannot find the option "--wombat"');
  assertStringIncludes(refusal("--level", "3").message, "no verb is named");
});

Deno.test("FLAGS has no letter twice, and every option belongs to a verb", () => {
  const letters = Object.values<Flag>(FLAGS).flatMap(({ short }) => short ?? []);
  assertEquals(letters.length, new Set(letters).size);
  for (const name of Object.keys(FLAGS)) {
    const owners = VERB_NAMES.filter((verb) => verbOf(verb).flags.includes(name as FlagName));
    assert(owners.length > 0, name);
  }
});
