/**
 * V8's flags of the program, however it is run; deno.json and README, which can't import them, are held to them by
 * tests/bundle_test.ts. Code that was compiled under other flags, the runtime's own included, is not used again.
 *
 * More memory for young objects than 4 MiB spares little work and takes tens of megabytes a thread. With `--no-lazy`
 * functions are compiled with their module, and so come from Deno's cache the next time: it keeps none that is compiled
 * when it is first called.
 */
export const V8_FLAGS = "--v8-flags=--max-semi-space-size=4,--initial-heap-size=32,--no-lazy";
