/** Standard output as the place of an archive or of contents. */
import { isClosedPipe, writeAll } from "../disk/streams.ts";
import { systemCode, systemReason } from "../disk/system_error.ts";
import type { Bytes } from "../engine/engine.ts";
import { CommandError } from "./command_error.ts";
import { EXIT } from "./exit_codes.ts";
import type { System } from "./system.ts";

/**
 * Writes all of `bytes`. A closed pipe throws as it is, to end quietly.
 *
 * @throws {CommandError} when the system refuses for another reason, such as a full disk.
 */
export async function writeToStandardOutput(system: System, bytes: Bytes): Promise<void> {
  try {
    await writeAll(system.stdout, bytes);
  } catch (error) {
    if (isClosedPipe(error) || systemCode(error) === undefined) throw error;
    const message = `Cannot write to standard output: ${systemReason(error)}`;
    throw new CommandError(EXIT.failed, message, undefined, { cause: error });
  }
}
