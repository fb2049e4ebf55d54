import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { UsageError } from "../../src/cli/command_error.ts";
import { compileGlob, literalOf } from "../../src/cli/glob.ts";

function check(glob: string, yes: readonly string[], no: readonly string[]): void {
  const { matches, prefix } = compileGlob(glob);
  for (const path of yes) {
    assert(matches(path), `"${glob}" should match "${path}"`);
    assert(path.startsWith(prefix), `"${path}" should begin with "${prefix}"`);
  }
  for (const path of no) assert(!matches(path), `"${glob}" should not match "${path}"`);
}

Deno.test("compileGlob() lets * and ? stay within a part of the path", () => {
  check("*", ["a", ".hidden", "a\nb", "🦕"], ["a/b"]);
  check("*.txt", ["a.txt", ".txt", "a.b.txt"], ["d/a.txt", "a.txt/b", "atxt"]);
  check("src/*/x", ["src/a/x", "src/.b/x"], ["src/x", "src/a/b/x"]);
  check("a?c", ["abc", "a\nc", "a🦕c", "aéc"], ["ac", "abbc", "a/c"]);
  check("*a*b*", ["ab", "xaxbx", "aab"], ["ba", "a/b"]);
});

Deno.test("compileGlob() lets ** cross parts", () => {
  check("**", ["a", "a/b", "a/b/c"], []);
  check("**/x", ["x", "a/x", "a/b/x"], ["ax", "x/a"]);
  check("a/**", ["a/b", "a/b/c"], ["a", "ab"]);
  check("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb", "a/b/c"]);
  check("a**b", ["ab", "axb", "a/b", "ax/yb"], ["a", "b", "ab/"]);
  check("**/*.ts", ["a.ts", "x/y/a.ts"], ["a.js"]);
  check("**/a/**/b/*", ["a/b/c", "x/a/y/b/c", "a/b/a/b/c"], ["a/b", "a/c", "a/b/c/d"]);
  check("a***b", ["a/b", "ab"], ["a"]);
});

Deno.test("compileGlob() knows brackets", () => {
  check("[abc]", ["a", "b", "c"], ["d", "ab", ""]);
  check("[a-cx-z]1", ["b1", "y1"], ["d1", "-1"]);
  check("[!a]", ["b", "\n", "🦕"], ["a", "/"]);
  check("[^a]", ["b"], ["a"]);
  check("[]a]", ["]", "a"], ["b"]);
  check("[!]a]", ["b"], ["]", "a"]);
  check("[a-]", ["a", "-"], ["b"]);
  check("[[:digit:][:upper:]_]", ["7", "Q", "_"], ["q", "٧", ":"]);
  check("[\\]\\-]", ["]", "-"], ["\\"]);
  check("[🦕-🦖]", ["🦕", "🦖"], ["🦗"]);
  check("[a", ["[a"], ["a"]);
  check("x[a/b]", ["x[a/b]"], ["xa"]);
  check("[z-a]", [], ["a", "z", "m"]);
});

Deno.test("compileGlob() knows braces and escapes", () => {
  check("*.{jpg,png}", ["a.jpg", "b.png"], ["a.gif", "a.{jpg,png}"]);
  check("{a,b/c}/x", ["a/x", "b/c/x"], ["b/x"]);
  check("{a,{b,c}d}", ["a", "bd", "cd"], ["b", "ad"]);
  check("a{,b}", ["a", "ab"], ["b"]);
  check("{a}", ["{a}"], ["a"]);
  check("{a,b", ["{a,b"], ["a"]);
  check("a,b}", ["a,b}"], ["b"]);
  check("\\{a,b}", ["{a,b}"], ["a"]);
  check("{\\,,x}", [",", "x"], ["\\"]);
  check("[{]a,b}", ["{a,b}"], ["a"]);
  check("\\*\\?\\[\\\\", ["*?[\\"], ["a"]);
  check("a\\", ["a\\"], ["a"]);
});

Deno.test("compileGlob() refuses braces that multiply beyond all bounds", () => {
  assertThrows(() => compileGlob("{a,b}".repeat(40)), UsageError, "over 1000 alternatives");
  compileGlob("{a,b}".repeat(9));
});

Deno.test("compileGlob() answers soon on patterns that make regular expressions run wild", () => {
  const name = "a".repeat(255);
  const path = `${`${name}/`.repeat(15)}${name}`;
  const started = performance.now();
  for (const glob of ["a*a*a*a*a*a*a*a*b", "a**a**a**a**a**b", "**/a*/**/a*/**/*a*b", "*a".repeat(60) + "b"]) {
    assertEquals(compileGlob(glob).matches(path), false);
    assertEquals(compileGlob(glob).matches(name), false);
  }
  assert(compileGlob("a**a**a**a**a").matches(path));
  // Minutes or centuries with backtracking; milliseconds here. The bound is wide for slow machines.
  assert(performance.now() - started < 5000, `${performance.now() - started} ms`);
});

Deno.test("literalOf() tells plain names from globs", () => {
  assertEquals(literalOf("a/b c"), "a/b c");
  assertEquals(literalOf("a\\*b"), "a*b");
  for (const glob of ["a*", "?", "[ab]", "{a,b}", "a/**"]) assertEquals(literalOf(glob), undefined);
});

/** The definition, as plainly as it can be written: what each token could take, tried one by one. */
function reference(glob: string, text: string): boolean {
  if (glob === "") return text === "";
  if (glob.startsWith("**/") && reference(glob.slice(3), text)) return true;
  if (glob.startsWith("**/")) {
    const slash = text.indexOf("/");
    return slash >= 0 && reference(glob, text.slice(slash + 1));
  }
  if (glob.startsWith("**")) return reference(glob.slice(2), text) || (text !== "" && reference(glob, text.slice(1)));
  if (glob[0] === "*") {
    return reference(glob.slice(1), text) || (text !== "" && text[0] !== "/" && reference(glob, text.slice(1)));
  }
  if (glob[0] === "?") return text !== "" && text[0] !== "/" && reference(glob.slice(1), text.slice(1));
  return text[0] === glob[0] && reference(glob.slice(1), text.slice(1));
}

Deno.test("compileGlob() agrees with the definition", () => {
  const part = fc.array(fc.constantFrom("a", "b", "?", "*"), { minLength: 1, maxLength: 4 }).map((tokens) =>
    // Stars side by side would be another sign.
    tokens.join("").replace(/\*+/g, "*")
  );
  const glob = fc.array(fc.oneof(part, fc.constant("**")), { minLength: 1, maxLength: 5 }).map((parts) =>
    parts.join("/")
  );
  const text = fc.array(fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 5,
  }).map((parts) => parts.join("/"));
  let matched = 0;
  fc.assert(
    fc.property(glob, text, (glob, text) => {
      const expected = reference(glob, text);
      if (expected) matched++;
      assertEquals(compileGlob(glob).matches(text), expected, `"${glob}" on "${text}"`);
    }),
    { numRuns: 3000 },
  );
  assert(matched > 100, "hardly any example matched: the test says little");
});
