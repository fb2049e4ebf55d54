/** A disk that is soon full. */
import { assert } from "@std/assert";
import { inFolder } from "./conditions.ts";

/** Calls `use` with a mounted tmpfs of so many MiB. */
export async function onSmallDisk(mib: number, use: (disk: string, folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const disk = `${folder}/disk`;
    Deno.mkdirSync(disk);
    const mount = (...args: string[]) => new Deno.Command(args[0] as string, { args: args.slice(1) }).outputSync();
    assert(mount("mount", "-t", "tmpfs", "-o", `size=${mib}m`, "tmpfs", disk).success);
    try {
      await use(disk, folder);
    } finally {
      assert(mount("umount", disk).success);
    }
  });
}
