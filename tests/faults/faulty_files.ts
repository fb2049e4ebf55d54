/**
 * Files in memory that fail on purpose and remember every operation, so that a test can see each state in which a
 * crash could have left the disk.
 *
 * What may be lost is what POSIX allows, made coarse: content until the file is synced, page by page; names until
 * their folder is synced, the newest first (file systems keep the order of names, but not of content against names).
 */
import type { Bytes } from "../../src/engine/engine.ts";
import type { FileLayer, PathStatus, WritableFile } from "../../src/disk/file_layer.ts";

/** Bytes that a disk writes or loses together. */
const PAGE_BYTES = 4096;

/** One thing that was done. */
export type Operation =
  | { readonly kind: "create"; readonly file: number; readonly path: string }
  | { readonly kind: "write"; readonly file: number; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly file: number; readonly length: number }
  | { readonly kind: "sync"; readonly file: number }
  | { readonly kind: "link"; readonly from: string; readonly path: string }
  | { readonly kind: "rename"; readonly from: string; readonly path: string }
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "syncDirectory"; readonly path: string };

/** What goes wrong: an error with this code, or a write of only so many bytes. */
export type Fault = { readonly code: string } | { readonly short: number };

/** The disk after a crash. */
export interface CrashState {
  /** How it came about. */
  readonly label: string;
  /** Content by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

interface Planned {
  readonly kind: Operation["kind"] | "any";
  remaining: number;
  readonly fault: Fault;
}

/** A file system of regular files in one process's memory; folders exist as soon as they are named. */
export class FaultyFiles implements FileLayer {
  /** All that was done, in order; what failed is not in it. */
  readonly operations: Operation[] = [];
  readonly #initial: ReadonlyMap<string, Uint8Array>;
  readonly #contents: Uint8Array[] = [];
  readonly #names = new Map<string, number>();
  readonly #planned: Planned[] = [];
  /** Files that were opened and not closed. */
  openFiles = 0;

  /** Starts with files that are safely on the disk. */
  constructor(initial: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#initial = new Map([...initial].map(([path, bytes]) => [path, bytes.slice()]));
    for (const [path, bytes] of this.#initial) this.#names.set(path, this.#contents.push(bytes.slice()) - 1);
  }

  /** Makes the `nth` operation of a kind from now on (1 is the next) go wrong, once. */
  fail(kind: Operation["kind"] | "any", nth: number, fault: Fault): void {
    this.#planned.push({ kind, remaining: nth, fault });
  }

  /** What is there now: content by path. */
  files(): Map<string, Uint8Array> {
    return new Map([...this.#names].map(([path, file]) => [path, this.#content(file).slice()]));
  }

  createExclusive(path: string, mode: number): WritableFile {
    if (this.#names.has(path)) throw systemError("EEXIST");
    if (mode !== 0o600) throw new TypeError(`Cannot create "${path}": mode ${mode.toString(8)} lets others read it`);
    this.#check("create");
    const file = this.#contents.push(new Uint8Array(0)) - 1;
    this.#names.set(path, file);
    this.operations.push({ kind: "create", file, path });
    this.openFiles++;
    return this.#open(file);
  }

  /** Opens a file that is there, for writing in place. */
  openExisting(path: string): WritableFile {
    const file = this.#named(path);
    this.openFiles++;
    return this.#open(file);
  }

  inspect(path: string): PathStatus | undefined {
    const file = this.#names.get(path);
    return file === undefined ? undefined : { kind: "file", dev: 1, inode: file + 1 };
  }

  resolve(path: string): string {
    if (!this.#names.has(path)) throw systemError("ENOENT");
    return path;
  }

  link(from: string, to: string): void {
    const file = this.#named(from);
    if (this.#names.has(to)) throw systemError("EEXIST");
    this.#check("link");
    this.#names.set(to, file);
    this.operations.push({ kind: "link", from, path: to });
  }

  rename(from: string, to: string): void {
    const file = this.#named(from);
    this.#check("rename");
    this.#names.delete(from);
    this.#names.set(to, file);
    this.operations.push({ kind: "rename", from, path: to });
  }

  remove(path: string): void {
    this.#named(path);
    this.#check("remove");
    this.#names.delete(path);
    this.operations.push({ kind: "remove", path });
  }

  syncDirectory(path: string): void {
    this.#check("syncDirectory");
    this.operations.push({ kind: "syncDirectory", path: path === "/" ? path : path.replace(/\/+$/, "") });
  }

  /** Every state a crash could have left: after each operation, with what was not synced lost in parts or whole. */
  *replay(): Generator<CrashState, void, undefined> {
    for (let count = 0; count <= this.operations.length; count++) {
      yield* statesAfter(this.#initial, this.operations.slice(0, count));
    }
  }

  #open(file: number): WritableFile {
    let position = 0;
    let closed = false;
    const use = () => {
      if (closed) throw systemError("EBADF");
    };
    const write = (at: number, bytes: Bytes): number => {
      use();
      const short = this.#check("write");
      const taken = Uint8Array.from(bytes.subarray(0, short));
      this.#contents[file] = applyWrite(this.#content(file), at, taken);
      this.operations.push({ kind: "write", file, position: at, bytes: taken });
      return taken.length;
    };
    return {
      write(bytes) {
        const written = write(position, bytes);
        position += written;
        return written;
      },
      writeAt: write,
      truncate: (length) => {
        use();
        this.#check("truncate");
        this.#contents[file] = applyTruncate(this.#content(file), length);
        this.operations.push({ kind: "truncate", file, length });
      },
      sync: () => {
        use();
        this.#check("sync");
        this.operations.push({ kind: "sync", file });
      },
      identity: () => ({ dev: 1, inode: file + 1 }),
      close: () => {
        use();
        closed = true;
        this.openFiles--;
      },
    };
  }

  /** Throws the error planned for this operation, or returns how many bytes a write takes at most. */
  #check(kind: Operation["kind"]): number | undefined {
    let fault: Fault | undefined;
    for (const planned of this.#planned) {
      if ((planned.kind === "any" || planned.kind === kind) && --planned.remaining === 0) fault = planned.fault;
    }
    if (fault === undefined) return undefined;
    if ("code" in fault) throw systemError(fault.code);
    return fault.short;
  }

  #named(path: string): number {
    const file = this.#names.get(path);
    if (file === undefined) throw systemError("ENOENT");
    return file;
  }

  #content(file: number): Uint8Array {
    return this.#contents[file] ?? new Uint8Array(0);
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: on purpose`), { code });
}

function applyWrite(content: Uint8Array, position: number, bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(Math.max(content.length, position + bytes.length));
  result.set(content);
  result.set(bytes, position);
  return result;
}

function applyTruncate(content: Uint8Array, length: number): Uint8Array {
  const result = new Uint8Array(length);
  result.set(content.subarray(0, length));
  return result;
}

/** The folder of a path, as {@linkcode FaultyFiles.syncDirectory} names it. */
function folderOf(path: string): string {
  const cut = path.lastIndexOf("/");
  return cut < 0 ? "." : path.slice(0, cut) || "/";
}

/** Contents by file number, with everything written, and with only what is certain. */
interface Contents {
  readonly full: readonly Uint8Array[];
  readonly durable: readonly Uint8Array[];
}

function contentsAfter(initial: ReadonlyMap<string, Uint8Array>, operations: readonly Operation[]): Contents {
  const full: Uint8Array[] = [...initial.values()];
  const durable: Uint8Array[] = [...full];
  const of = (file: number) => full[file] ?? new Uint8Array(0);
  for (const operation of operations) {
    if (operation.kind === "create") full[operation.file] = durable[operation.file] = new Uint8Array(0);
    if (operation.kind === "write") {
      full[operation.file] = applyWrite(of(operation.file), operation.position, operation.bytes);
    }
    if (operation.kind === "truncate") full[operation.file] = applyTruncate(of(operation.file), operation.length);
    if (operation.kind === "sync") durable[operation.file] = of(operation.file);
  }
  return { full, durable };
}

/** Names after operations, those of which the last `lost` not yet synced ones about names never happened. */
function namesAfter(
  initial: ReadonlyMap<string, Uint8Array>,
  operations: readonly Operation[],
  lost: number,
): Map<string, number> {
  const uncertain = unsyncedNames(operations);
  const gone = new Set(uncertain.slice(uncertain.length - lost));
  const names = new Map([...initial.keys()].map((path, file) => [path, file]));
  for (const operation of operations) {
    if (gone.has(operation)) continue;
    if (operation.kind === "create") names.set(operation.path, operation.file);
    if (operation.kind === "remove") names.delete(operation.path);
    if (operation.kind !== "link" && operation.kind !== "rename") continue;
    const file = names.get(operation.from);
    if (file === undefined) throw new Error(`Cannot replay: "${operation.from}" is not there`);
    if (operation.kind === "rename") names.delete(operation.from);
    names.set(operation.path, file);
  }
  return names;
}

function unsyncedNames(operations: readonly Operation[]): Operation[] {
  let uncertain: Operation[] = [];
  for (const operation of operations) {
    if (operation.kind === "syncDirectory") {
      uncertain = uncertain.filter((earlier) => !("path" in earlier) || folderOf(earlier.path) !== operation.path);
    } else if (operation.kind !== "write" && operation.kind !== "truncate" && operation.kind !== "sync") {
      uncertain.push(operation);
    }
  }
  return uncertain;
}

function* statesAfter(
  initial: ReadonlyMap<string, Uint8Array>,
  operations: readonly Operation[],
): Generator<CrashState, void, undefined> {
  const { full, durable } = contentsAfter(initial, operations);
  const uncertain = unsyncedNames(operations).length;
  const after = `after ${operations.length} operations`;
  const build = (names: ReadonlyMap<string, number>, contents: readonly Uint8Array[]) =>
    new Map([...names].map(([path, file]) => [path, (contents[file] ?? new Uint8Array(0)).slice()]));
  for (let lost = 0; lost <= uncertain; lost++) {
    const names = namesAfter(initial, operations, lost);
    const what = lost === 0 ? after : `${after}, the last ${lost} names lost`;
    yield { label: what, files: build(names, full) };
    yield { label: `${what}, all content that was not synced lost`, files: build(names, durable) };
  }
  const names = namesAfter(initial, operations, 0);
  for (const [file, content] of full.entries()) {
    const certain = durable[file] ?? new Uint8Array(0);
    if (content === certain) continue;
    for (let page = 0; page < content.length; page += PAGE_BYTES) {
      for (const from of [page, page + PAGE_BYTES / 2]) {
        const changed = revert(content, certain, from, page + PAGE_BYTES);
        if (changed === undefined) continue;
        const how = from === page ? "lost" : "torn";
        const label = `${after}, page ${page / PAGE_BYTES} of file ${file} ${how}`;
        yield { label, files: build(names, full.with(file, changed)) };
      }
    }
  }
}

/** `content` with a range as it was in `certain`, zeros beyond its end; `undefined` when that changes nothing. */
function revert(content: Uint8Array, certain: Uint8Array, from: number, to: number): Uint8Array | undefined {
  const result = content.slice();
  let differs = false;
  for (let i = from; i < Math.min(to, content.length); i++) {
    const before = certain[i] ?? 0;
    differs ||= result[i] !== before;
    result[i] = before;
  }
  return differs ? result : undefined;
}
