/** Temporary files for what there is no room for in memory. What is put into them is sealed. */
import type { SpillFile } from "../archive/sealed_spill.ts";
import type { Bytes } from "../engine/engine.ts";
import { diskCalls, writeFully } from "./disk_calls.ts";
import { files } from "./files.ts";
import { O_CREAT, O_EXCL, O_RDWR } from "./open_flags.ts";
import { splitLocation, temporaryName } from "./temporary_name.ts";

/** Temporary files beside an archive; disposing closes and removes them. */
export class SpillFiles implements Disposable {
  readonly #folder: string;
  readonly #name: string;
  readonly #open: { readonly descriptor: number; readonly path: string | undefined }[] = [];

  /** They are made beside a file of that location. */
  constructor(location: string) {
    const { folder, name } = splitLocation(location);
    this.#folder = folder;
    this.#name = name;
  }

  /** Makes one, that only its owner can read. Where the system allows it, it loses its name at once. */
  make(): SpillFile {
    const path = `${this.#folder}${temporaryName(this.#name)}`;
    const descriptor = files.open(path, O_RDWR | O_CREAT | O_EXCL, 0o600);
    const keepsName = Deno.build.os === "windows";
    this.#open.push({ descriptor, path: keepsName ? path : undefined });
    if (!keepsName) files.unlink(path);
    let end = 0;
    return {
      append(bytes: Bytes): void {
        writeFully(diskCalls, descriptor, bytes, end);
        end += bytes.length;
      },
      read(offset: number, into: Bytes): void {
        for (let done = 0; done < into.length;) {
          const count = files.read(descriptor, into.subarray(done), offset + done);
          if (count === 0) throw new Error("Cannot go on: a temporary file was cut");
          done += count;
        }
      },
    };
  }

  /** Closes and removes them. */
  [Symbol.dispose](): void {
    for (const { descriptor, path } of this.#open.splice(0)) {
      files.close(descriptor);
      if (path !== undefined) files.unlink(path);
    }
  }
}
