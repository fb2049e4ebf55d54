/** The program, bound to this process and its commands. */
import { run } from "./run.ts";
import { denoSystem } from "./system.ts";

/** Runs the program with its arguments and returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  return await run(args, denoSystem(), {
    create: () => import("./commands/create.ts"),
    extract: () => import("./commands/extract.ts"),
    list: () => import("./commands/list.ts"),
    cat: () => import("./commands/cat.ts"),
    verify: () => import("./commands/verify.ts"),
    info: () => import("./commands/info.ts"),
    keygen: () => import("./commands/keygen.ts"),
  });
}
