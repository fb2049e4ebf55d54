import { assertEquals, assertThrows } from "@std/assert";
import { type OptionName, parseOptions } from "../../bench/options.ts";

const ALL: readonly OptionName[] = ["dir", "keep", "scale", "rounds", "out"];

Deno.test("parseOptions() has a value for all that is not said", () => {
  assertEquals(parseOptions([], ALL), { dir: undefined, keep: false, scale: 1, rounds: 5, out: undefined });
});

Deno.test("parseOptions() takes values in both forms, the last of several, and leaves names alone", () => {
  assertEquals(
    parseOptions(["--scale", "0.1", "--rounds=3", "--dir", "a", "--dir", "007", "--keep", "--out=a.json"], ALL),
    {
      dir: "007",
      keep: true,
      scale: 0.1,
      rounds: 3,
      out: "a.json",
    },
  );
});

Deno.test("parseOptions() refuses what it does not know and what makes no sense", () => {
  const cases: readonly (readonly [args: readonly string[], message: string])[] = [
    [["--sclae", "2"], "--sclae"],
    [["file"], "file"],
    [["--scale"], "--scale"],
    [["--scale", "0"], "--scale"],
    [["--scale", "-1"], "-1"],
    [["--scale", "half"], "--scale"],
    [["--scale", "Infinity"], "--scale"],
    [["--rounds", "1.5"], "--rounds"],
    [["--dir="], "--dir"],
  ];
  for (const [args, message] of cases) assertThrows(() => parseOptions(args, ALL), TypeError, message);
  assertThrows(() => parseOptions(["--keep"], ["dir", "scale"]), TypeError, "--keep");
});
