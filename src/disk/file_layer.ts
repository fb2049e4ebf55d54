/**
 * The file operations under every writer of archives, as an interface: what they do when a disk fills up, lies about
 * a sync or loses power is tested with an implementation that fails on purpose and replays every crash.
 */
import type { Bytes } from "../engine/engine.ts";
import { reach } from "./descriptors.ts";
import { files } from "./files.ts";
import { type Identity, identityOf, statusOfDescriptor } from "./metadata.ts";
import { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } from "./open_flags.ts";
import { systemCode } from "./system_error.ts";

/** What a path names, symlinks not followed. */
export interface PathStatus extends Identity {
  /** What it is. */
  readonly kind: "file" | "directory" | "symlink" | "other";
}

/** A file open for writing. Every method throws what the system says. */
export interface WritableFile {
  /**
   * Writes at the end of what this method has written so far; returns the bytes written, which may be fewer than
   * given but not none.
   */
  write(bytes: Bytes): number;
  /** Writes at `position` (bytes from the start) without moving the place of {@linkcode write}; may be short too. */
  writeAt(position: number, bytes: Bytes): number;
  /** Makes the file `length` bytes long. */
  truncate(length: number): void;
  /** Returns when content and length are on the disk. */
  sync(): void;
  /** Which file it is. */
  identity(): Identity;
  /** Gives the file back. */
  close(): void;
}

/** The operations. Every method throws what the system says. */
export interface FileLayer {
  /** Makes a new file for writing; fails when anything has that name, a symlink to nothing included. */
  createExclusive(path: string, mode: number): WritableFile;
  /** What a path names; `undefined` when nothing does. */
  inspect(path: string): PathStatus | undefined;
  /** Where a path leads once all symlinks are followed. */
  resolve(path: string): string;
  /** Gives a file a second name; fails when anything has it. */
  link(from: string, to: string): void;
  /** Renames, replacing what has the name. */
  rename(from: string, to: string): void;
  /** Removes one name of a file. */
  remove(path: string): void;
  /** Returns when the names in a folder are on the disk. Does nothing where the system cannot do it. */
  syncDirectory(path: string): void;
}

/** The disk. */
export const diskFiles: FileLayer = {
  createExclusive(path: string, mode: number): WritableFile {
    return new DiskFile(reach(path, (there) => files.open(there, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode)));
  },
  inspect(path: string): PathStatus | undefined {
    let info: Deno.FileInfo;
    try {
      info = reach(path, (there) => Deno.lstatSync(there));
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      throw error;
    }
    const kind = info.isFile ? "file" : info.isDirectory ? "directory" : info.isSymlink ? "symlink" : "other";
    return { kind, ...identityOf(info) };
  },
  resolve: (path: string): string => Deno.realPathSync(path),
  link: (from: string, to: string): void => files.link(from, to),
  rename: (from: string, to: string): void => files.rename(from, to),
  remove: (path: string): void => files.unlink(path),
  syncDirectory(path: string): void {
    if (Deno.build.os === "windows") return;
    const descriptor = files.open(path, O_RDONLY);
    try {
      files.sync(descriptor);
    } catch (error) {
      // Network and FUSE file systems may know no such thing; an error of the device is another matter.
      const code = systemCode(error);
      if (code !== "EINVAL" && code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "ENOSYS") throw error;
    } finally {
      files.close(descriptor);
    }
  },
};

class DiskFile implements WritableFile {
  readonly #descriptor: number;
  #position = 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  write(bytes: Bytes): number {
    const written = files.write(this.#descriptor, bytes, this.#position);
    this.#position += written;
    return written;
  }

  writeAt(position: number, bytes: Bytes): number {
    return files.write(this.#descriptor, bytes, position);
  }

  truncate(length: number): void {
    files.truncate(this.#descriptor, length);
  }

  sync(): void {
    files.sync(this.#descriptor);
  }

  identity(): Identity {
    return identityOf(statusOfDescriptor(this.#descriptor));
  }

  close(): void {
    files.close(this.#descriptor);
  }
}
