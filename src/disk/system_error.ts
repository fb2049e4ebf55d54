/** What the operating system's errors mean, in words. Deno's own errors and node:fs's carry the same codes. */

/** The system's code of an I/O error, such as `ENOENT`; `undefined` when it has none. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  // For errors it has no class for, the runtime leaves the code out and the number in the message.
  const number = error instanceof Error ? /\(os error (\d+)\)/.exec(error.message)?.[1] : undefined;
  return number === undefined ? undefined : CODES_BY_NUMBER[number];
}

/** Codes that were seen without their names, by their numbers on Linux and macOS. */
const CODES_BY_NUMBER: Readonly<Record<string, string>> = { 27: "EFBIG" };

/** Codes as the end of a sentence. The messages of the runtime name internal paths, so they are not shown. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EBUSY: "it is busy",
  EDQUOT: "the disk quota is used up",
  EEXIST: "it exists already",
  EFBIG: "it is too large for this file system",
  EILSEQ: "this file system does not allow the name",
  EINVAL: "this file system does not allow it",
  EIO: "the device reports an input or output error",
  EISDIR: "it is a folder",
  ELOOP: "it is a symlink, or has too many of them on its way",
  EMFILE: "this process has too many files open",
  ENAMETOOLONG: "the name is too long for this file system",
  ENFILE: "the system has too many files open",
  ENOENT: "it does not exist",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of its path is not a folder",
  ENOTEMPTY: "the folder is not empty",
  ENOTSUP: "this file system does not support it",
  ENXIO: "no such device or address",
  EOPNOTSUPP: "this file system does not support it",
  EPERM: "the operation is not permitted",
  EPIPE: "the reader has closed the pipe",
  EROFS: "the file system is read-only",
  ESTALE: "the file server no longer knows it",
  ETXTBSY: "it is a running program",
  EXDEV: "it lies on another file system",
};

/** Why an I/O operation failed, as the end of a sentence: "the disk is full". */
export function systemReason(error: unknown): string {
  const code = systemCode(error);
  const reason = code === undefined ? undefined : REASONS[code];
  if (reason !== undefined) return reason;
  if (error instanceof Deno.errors.NotCapable) return "Deno was not given the permission";
  if (error instanceof Deno.errors.InvalidData) return "its name is not valid UTF-8";
  return error instanceof Error ? error.message : String(error);
}

/** Conditions of the whole disk or process: going on with the next entry would only fail in the same way. */
const FATAL: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO", "EMFILE", "ENFILE", "ENOMEM"]);

/** Whether an error concerns the whole disk or process, not one entry. */
export function isFatal(error: unknown): boolean {
  const code = systemCode(error);
  return code !== undefined && FATAL.has(code);
}

/** Whether the file system has no hard links, or not for this file. */
export function isLinkUnsupported(error: unknown): boolean {
  const code = systemCode(error);
  return code === "EPERM" || code === "ENOTSUP" || code === "EOPNOTSUPP" || code === "ENOSYS" || code === "EMLINK" ||
    code === "EXDEV" || code === "EINVAL";
}

/** Whether an error comes from the system or the runtime's permissions, and not from a mistake in this program. */
export function isSystemError(error: unknown): boolean {
  return systemCode(error) !== undefined || error instanceof Deno.errors.NotCapable ||
    error instanceof Deno.errors.InvalidData;
}
