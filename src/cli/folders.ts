/** Folders that are compared with. */
import { CommandError } from "./command_error.ts";
import { EXIT } from "./exit_codes.ts";
import { quoteName } from "./ui/escape.ts";

/**
 * Checks that a path leads to a folder.
 *
 * @throws {CommandError} when it leads elsewhere. I/O errors pass through.
 */
export function checkFolder(path: string): void {
  if (Deno.statSync(path).isDirectory) return;
  throw new CommandError(EXIT.failed, `Cannot compare with ${quoteName(path)}: it is no folder`);
}
