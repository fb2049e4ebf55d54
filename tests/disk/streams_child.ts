/** Copies standard input to standard output the way the program does; for streams_test.ts. */
import { isClosedPipe, openInput, writeAll } from "../../src/disk/streams.ts";

try {
  for await (const chunk of openInput("-")) await writeAll(Deno.stdout, chunk);
} catch (error) {
  if (!isClosedPipe(error)) throw error;
  Deno.exitCode = 77;
}
