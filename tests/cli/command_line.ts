/** What the parser makes of a command line, for tests of its parts. */
import { assertThrows } from "@std/assert";
import { UsageError } from "../../src/cli/command_error.ts";
import type { KeySources } from "../../src/cli/options.ts";
import { parse } from "../../src/cli/parse.ts";

/** The options of a command line that runs a command. */
export function options(...args: string[]): Record<PropertyKey, unknown> {
  const request = parse(args);
  if (request.kind !== "run") throw new Error(`Expected a command, got ${request.kind}`);
  return { ...request.options };
}

/** The keys of a command line that runs a command. */
export function keySources(...args: string[]): KeySources {
  return options(...args)["keys"] as KeySources;
}

/** The error that a command line is refused with. */
export function refusal(...args: string[]): UsageError {
  return assertThrows(() => parse(args), UsageError);
}
