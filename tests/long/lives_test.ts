/** Many lives of archives. `COFFER_SEED` begins elsewhere than at 6. */
import { inFolder } from "../e2e/conditions.ts";
import { live } from "../e2e/lives.ts";

const LIVES = 200;
const first = Number(Deno.env.get("COFFER_SEED") ?? 6);

for (let seed = first; seed < first + LIVES; seed++) {
  Deno.test(`an archive's life gives back every snapshot (seed ${seed})`, async () => {
    await inFolder((folder) => live(seed, folder));
  });
}
