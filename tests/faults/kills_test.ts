import { assert } from "@std/assert";
import { POSIX, testWith } from "../e2e/conditions.ts";
import { killRounds } from "./kills.ts";

testWith(
  POSIX,
  "kill -9 at random moments leaves the old or the new archive, and the next run works (a sample)",
  async () => {
    const counts = [...(await killRounds(12)).values()];
    assert(counts.reduce((sum, { killed }) => sum + killed, 0) > 0, "no run was killed before its end");
  },
);
