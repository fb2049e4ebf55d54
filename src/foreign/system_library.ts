/**
 * The system's libraries, for native code that is faster than the runtime's, or that it does not have; see
 * docs/adr/0011 and docs/adr/0015.
 *
 * Nothing depends on these: they are looked for on 64-bit Linux with the GNU C library where native calls are allowed
 * in general, and whoever uses one tries first whether it does what it should, and has the runtime's own otherwise.
 */

/** A function as {@linkcode Deno.dlopen} takes it; `rarely` has it called without being compiled. */
export type SystemFunction = Deno.ForeignFunction & { readonly rarely?: true };

/** The functions of a library, by their names there. */
export type SystemFunctions<S extends Readonly<Record<string, SystemFunction>>> = Deno.DynamicLibrary<S>["symbols"];

/** The loader's flag for a library that stays until the process ends. */
const RTLD_NODELETE = 0x1000;
const RTLD_NOW = 2;

const LOADER = {
  dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
  dlsym: { parameters: ["pointer", "buffer"], result: "pointer" },
} as const;

let loader: Deno.DynamicLibrary<typeof LOADER>["symbols"] | null | undefined;
/** What was opened, by its table of functions. Each thread has its own. */
const opened = new Map<object, object>();

/**
 * The functions of a library, by its name as the system's loader knows it; `undefined` where it cannot be had, or lacks
 * one. Asks nobody for permission.
 *
 * The runtime compiles a way into each function, which takes 0.1 to 0.3 ms: more than opening a large library does. So
 * that is done when a function is first called, and for those that are called `rarely` not at all: a call then takes
 * 2 µs more.
 */
export function openSystemLibrary<const S extends Readonly<Record<string, SystemFunction>>>(
  name: string,
  symbols: S,
): SystemFunctions<S> | undefined {
  const before = opened.get(symbols);
  if (before !== undefined) return before as SystemFunctions<S>;
  loader ??= isAllowed() ? openLoader() : null;
  // It stays in memory. The runtime closes what a worker has opened when the worker ends, and what the library would do
  // later, at the end of that thread, would no longer be there.
  const library = loader?.dlopen(cString(name), RTLD_NOW | RTLD_NODELETE) ?? null;
  if (loader === null || library === null) return undefined;
  const functions = {};
  for (const [symbol, definition] of Object.entries(symbols)) {
    const place = loader.dlsym(library, cString(symbol));
    if (place === null) return undefined;
    const { rarely, ...compiled } = definition;
    const property = rarely === true
      ? { value: uncompiled(place, compiled) }
      : { get: () => replaced(functions, symbol, Deno.dlopen(name, { [symbol]: compiled }).symbols[symbol]) };
    Object.defineProperty(functions, symbol, { ...property, enumerable: true, configurable: true });
  }
  opened.set(symbols, functions);
  return functions as SystemFunctions<S>;
}

function uncompiled(place: Deno.PointerObject, definition: Deno.ForeignFunction) {
  const pointer = new Deno.UnsafeFnPointer(place as Deno.PointerObject<Deno.ForeignFunction>, definition);
  return (...parameters: Parameters<typeof pointer.call>) => pointer.call(...parameters);
}

function replaced(functions: object, symbol: string, value: unknown): unknown {
  Object.defineProperty(functions, symbol, { value, enumerable: true });
  return value;
}

/** Other runtimes come here as well. */
function isAllowed(): boolean {
  return typeof Deno === "object" && Deno.build.os === "linux" &&
    (Deno.build.arch === "x86_64" || Deno.build.arch === "aarch64") &&
    Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}

function openLoader(): Deno.DynamicLibrary<typeof LOADER>["symbols"] | null {
  try {
    return Deno.dlopen("libc.so.6", LOADER).symbols;
  } catch {
    return null;
  }
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
