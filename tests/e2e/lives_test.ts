/** Some lives of archives; tests/long/lives_test.ts lives many. */
import { inFolder } from "./conditions.ts";
import { live } from "./lives.ts";

for (const seed of [1, 5]) {
  Deno.test(`an archive's life gives back every snapshot (seed ${seed})`, async () => {
    await inFolder((folder) => live(seed, folder));
  });
}
