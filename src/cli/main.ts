/** The program, bound to this process and its commands. */
import { run } from "./run.ts";
import { denoSystem } from "./system.ts";

/** Runs the program with its arguments and returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  return await run(args, denoSystem(), {
    create: () => import("./commands/create.ts"),
    update: () => import("./commands/update.ts"),
    diff: () => import("./commands/diff.ts"),
    snapshots: () => import("./commands/snapshots.ts"),
    extract: () => import("./commands/extract.ts"),
    list: () => import("./commands/list.ts"),
    cat: () => import("./commands/cat.ts"),
    verify: () => import("./commands/verify.ts"),
    salvage: () => import("./commands/salvage.ts"),
    repair: () => import("./commands/repair.ts"),
    protect: () => import("./commands/protect.ts"),
    info: () => import("./commands/info.ts"),
    "keys list": () => import("./commands/keys_list.ts"),
    "keys add": () => import("./commands/keys_add.ts"),
    "keys remove": () => import("./commands/keys_remove.ts"),
    "keys change": () => import("./commands/keys_change.ts"),
    "keys backup": () => import("./commands/keys_backup.ts"),
    "keys restore": () => import("./commands/keys_restore.ts"),
    copy: () => import("./commands/copy.ts"),
    keygen: () => import("./commands/keygen.ts"),
  });
}
