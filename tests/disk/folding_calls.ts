/** A file system that takes names for one another that differ in case or normalisation, over the real one. */
import { type DiskCalls, diskCalls } from "../../src/disk/disk_calls.ts";

/**
 * The system's calls with every name below `root` folded. Unlike real ones it does not preserve the spelling it was
 * given; a listing shows the folded names.
 */
export function foldingCalls(root: string): DiskCalls {
  const fold = (path: string): string => {
    const base = /^\/proc\/self\/fd\/\d+\//.exec(path)?.[0] ?? (path.startsWith(`${root}/`) ? root : undefined);
    return base === undefined ? path : base + path.slice(base.length).normalize("NFC").toLowerCase();
  };
  return {
    ...diskCalls,
    open: (path, flags, mode) => diskCalls.open(fold(path), flags, mode),
    openItself: (path) => diskCalls.openItself(fold(path)),
    lookAt: (path) => diskCalls.lookAt(fold(path)),
    list: (path) => diskCalls.list(fold(path)),
    makeDirectory: (path, mode) => diskCalls.makeDirectory(fold(path), mode),
    removeDirectory: (path) => diskCalls.removeDirectory(fold(path)),
    unlink: (path) => diskCalls.unlink(fold(path)),
    link: (from, to) => diskCalls.link(fold(from), fold(to)),
    symlink: (target, path) => diskCalls.symlink(target, fold(path)),
    makeFifo: (path) => diskCalls.makeFifo(fold(path)),
    rename: (from, to) => diskCalls.rename(fold(from), fold(to)),
    setFolderTimes: (path, accessed, modified) => diskCalls.setFolderTimes(fold(path), accessed, modified),
    exactInode: (path) => diskCalls.exactInode(fold(path)),
    setLinkMetadata: (path, accessed, modified, owner) =>
      diskCalls.setLinkMetadata(fold(path), accessed, modified, owner),
  };
}
