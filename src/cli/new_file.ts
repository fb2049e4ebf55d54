/** Small files that hold keys: never in the place of others, and for their owner only. */
import { diskFiles } from "../disk/file_layer.ts";
import { systemCode } from "../disk/system_error.ts";
import { splitLocation } from "../disk/temporary_name.ts";
import { CommandError } from "./command_error.ts";
import { EXIT } from "./exit_codes.ts";
import { quoteName } from "./ui/escape.ts";

/** Writes a file that did not exist, readable for its owner only; all of it, or none. */
export function writeNew(path: string, bytes: Uint8Array): void {
  let file: ReturnType<typeof diskFiles.createExclusive>;
  try {
    file = diskFiles.createExclusive(path, 0o600);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    throw new CommandError(
      EXIT.failed,
      `Cannot write ${quoteName(path)}: it exists already`,
      "A key that is overwritten is lost, and with it what only it opens; name another file",
    );
  }
  try {
    try {
      for (let done = 0; done < bytes.length;) done += file.write(bytes.subarray(done));
      file.sync();
    } finally {
      file.close();
    }
  } catch (error) {
    diskFiles.remove(path);
    throw error;
  }
  diskFiles.syncDirectory(splitLocation(path).folder || ".");
}
