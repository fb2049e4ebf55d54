/** 500 runs that are killed, or as many as `COFFER_KILLS` says. */
import { assert } from "@std/assert";
import { POSIX, testWith } from "../e2e/conditions.ts";
import { killRounds } from "../faults/kills.ts";

const ROUNDS = Number(Deno.env.get("COFFER_KILLS") ?? 500);

testWith(POSIX, `kill -9 at random moments leaves the old or the new archive (${ROUNDS} rounds)`, async () => {
  const all = await killRounds(ROUNDS);
  for (const [name, { killed, ended, old, fresh, leftovers }] of all) {
    console.log(
      `${name}: ${killed} killed (${old} old, ${fresh} new, ${leftovers} with a temporary file), ${ended} had ended`,
    );
  }
  const killed = [...all.values()].reduce((sum, counts) => sum + counts.killed, 0);
  assert(killed > ROUNDS / 2, `only ${killed} runs were killed before their end`);
});
