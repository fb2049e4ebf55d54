/**
 * V8's flags of the program, however it is run; deno.json and README, which can't import them, are held to them by
 * tests/bundle_test.ts. Code that was compiled under other flags, the runtime's own included, is not used again.
 *
 * More memory for young objects than 4 MiB spares little work and takes tens of megabytes a thread. With `--no-lazy`
 * functions are compiled with their module, and so come from Deno's cache the next time: it keeps none that is compiled
 * when it is first called. V8's last compiler takes a sixth of the processor time of a run of a second for code that is
 * hardly faster than what the one before it makes: it gets what runs for much longer (bench/profile.md).
 */
export const V8_FLAGS =
  "--v8-flags=--max-semi-space-size=4,--initial-heap-size=32,--no-lazy,--invocation-count-for-turbofan=300000";
