/** The globs of `--exclude` and `--exclude-from`, together. */
import type { CommandContext } from "./command.ts";
import { readGlobFile } from "./lists.ts";
import type { ExcludeOptions } from "./options.ts";

/** All globs of `--exclude` and `--exclude-from`. */
export async function excludeGlobs({ system, signal }: CommandContext, options: ExcludeOptions): Promise<string[]> {
  const globs = [...options.exclude];
  for (const from of options.excludeFrom) globs.push(...await readGlobFile(from, { stdin: system.stdin, signal }));
  return globs;
}
