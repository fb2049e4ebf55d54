/** A file whose writes and syncs are recorded, as what is changed in place. */
import type { WritableSource } from "../../src/archive/key_changes.ts";
import type { FaultyFiles } from "./faulty_files.ts";

/** A file of some files in memory, as what is changed in place. */
export function targetOn(files: FaultyFiles, path: string): WritableSource & Disposable {
  const open = files.openExisting(path);
  const content = () => files.files().get(path) as Uint8Array;
  return {
    size: content().length,
    read: (offset, length) => Promise.resolve(content().subarray(offset, offset + length)),
    // deno-lint-ignore require-await -- errors reject
    async write(offset, bytes) {
      for (let done = 0; done < bytes.length;) done += open.writeAt(offset + done, bytes.subarray(done));
    },
    // deno-lint-ignore require-await -- errors reject
    async sync() {
      open.sync();
    },
    [Symbol.dispose]: () => open.close(),
  };
}
