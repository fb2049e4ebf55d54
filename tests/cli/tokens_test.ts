import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseArgs } from "node:util";
import { type Token, tokenize } from "../../src/cli/tokens.ts";

const OPTIONS = {
  verbose: { type: "boolean", short: "v" },
  quiet: { type: "boolean", short: "q" },
  directory: { type: "string", short: "C" },
  label: { type: "string" },
} as const;

const SYNTAX = {
  takesValue: (name: string) => name === "directory" || name === "label",
  longName: (letter: string) => ({ v: "verbose", q: "quiet", C: "directory" })[letter] ?? letter,
};

/** What node:util makes of the same, without the places of the arguments. */
function expected(args: readonly string[]): Token[] {
  const { tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens.map((token): Token => {
    if (token.kind === "option-terminator") return { kind: token.kind };
    if (token.kind === "positional") return { kind: token.kind, value: token.value };
    const { kind, name, rawName, value, inlineValue } = token;
    return { kind, name, rawName, value: value as string | undefined, inlineValue };
  });
}

Deno.test("tokenize() splits command lines as node:util does", () => {
  const piece = fc.constantFrom("-", "--", "v", "q", "C", "z", "=", "label", "directory", "verbose", "a", "é", "𝒳", "");
  const arg = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(""));
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(arg, { maxLength: 6 }), (args) => {
      const tokens = tokenize(args, SYNTAX);
      assertEquals(tokens, expected(args), JSON.stringify(args));
      for (const token of tokens) seen.add(token.kind === "option" ? `${token.kind} ${token.inlineValue}` : token.kind);
    }),
    { numRuns: 5000 },
  );
  assertEquals(seen.size, 5, [...seen].join(", "));
});

Deno.test("tokenize() takes whatever follows for the value of an option that needs one", () => {
  assertEquals(tokenize(["-vC", "--", "--label", "-v", "--", "-q"], SYNTAX), [
    { kind: "option", name: "verbose", rawName: "-v", value: undefined, inlineValue: undefined },
    { kind: "option", name: "directory", rawName: "-C", value: "--", inlineValue: false },
    { kind: "option", name: "label", rawName: "--label", value: "-v", inlineValue: false },
    { kind: "option-terminator" },
    { kind: "positional", value: "-q" },
  ]);
});
