/** Standard input and output that a signal makes stop waiting. */
import { abortable } from "../archive/abortable.ts";
import type { InputFile, StandardOutput, System } from "./system.ts";

/** The same process with a standard input and output that stop waiting when the signal aborts. */
export function abortableSystem(system: System, signal: AbortSignal): System {
  const stdin: InputFile = {
    read: (into) => abortable(() => system.stdin.read(into), signal),
    isTerminal: () => system.stdin.isTerminal(),
  };
  const stdout: StandardOutput = {
    write: (bytes) => abortable(() => system.stdout.write(bytes), signal),
    writeSync: (bytes) => system.stdout.writeSync(bytes),
    isTerminal: () => system.stdout.isTerminal(),
  };
  return { ...system, stdin, stdout };
}
