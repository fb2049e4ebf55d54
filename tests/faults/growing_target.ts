/** A file whose writes, cuts and syncs are recorded, as an archive that is updated in place. */
import type { AppendableSource } from "../../src/archive/update.ts";
import type { FaultyFiles } from "./faulty_files.ts";

/** A file of some files in memory, as what is changed in place and grows. */
export function growingTarget(files: FaultyFiles, path: string): AppendableSource & Disposable {
  const open = files.openExisting(path);
  const content = () => files.files().get(path) as Uint8Array;
  const writeAll = (offset: number, bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length;) done += open.writeAt(offset + done, bytes.subarray(done));
  };
  return {
    get size(): number {
      return content().length;
    },
    read: (offset, length) => Promise.resolve(content().slice(offset, offset + length)),
    // deno-lint-ignore require-await -- errors reject
    async write(offset, bytes) {
      writeAll(offset, bytes);
    },
    // deno-lint-ignore require-await -- errors reject
    async append(bytes) {
      writeAll(content().length, bytes);
    },
    // deno-lint-ignore require-await -- errors reject
    async truncate(length) {
      open.truncate(length);
    },
    // deno-lint-ignore require-await -- errors reject
    async sync() {
      open.sync();
    },
    [Symbol.dispose]: () => open.close(),
  };
}
