/**
 * Opening a library of the system's, for native code that is faster than the runtime's; see docs/adr/0015.
 *
 * Nothing depends on these: they are looked for on 64-bit Linux with the GNU C library where native calls are allowed
 * in general, and whoever uses one tries first whether it does what it should, and has the runtime's own otherwise.
 */

/**
 * The bytes that a thread has the runtime cipher or decode before it opens a library: only more than that wins back
 * what opening and trying one takes.
 */
export const BYTES_BEFORE_LIBRARY = 2 ** 24;

/** The loader's flag for a library that stays until the process ends. */
const RTLD_NODELETE = 0x1000;
const RTLD_NOW = 2;

let allowed: boolean | undefined;

/**
 * The functions of a library, by its name as the system's loader knows it; `undefined` where it cannot be had. Asks
 * nobody for permission.
 */
export function openSystemLibrary<const S extends Deno.ForeignLibraryInterface>(
  name: string,
  symbols: S,
): Deno.DynamicLibrary<S>["symbols"] | undefined {
  allowed ??= isAllowed();
  if (!allowed) return undefined;
  try {
    stay(name);
    return Deno.dlopen(name, symbols).symbols;
  } catch {
    return undefined;
  }
}

/** Other runtimes come here as well. */
function isAllowed(): boolean {
  return typeof Deno === "object" && Deno.build.os === "linux" &&
    (Deno.build.arch === "x86_64" || Deno.build.arch === "aarch64") &&
    Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}

/**
 * Keeps a library in memory. The runtime closes what a worker has opened when the worker ends, and what the library
 * would do later, at the end of that thread, would no longer be there.
 */
function stay(name: string): void {
  const loader = Deno.dlopen("libc.so.6", { dlopen: { parameters: ["buffer", "i32"], result: "pointer" } });
  const path = new TextEncoder().encode(`${name}\0`);
  const isThere = loader.symbols.dlopen(path, RTLD_NOW | RTLD_NODELETE) !== null;
  loader.close();
  if (!isThere) throw new Error(`Cannot open ${name}`);
}
