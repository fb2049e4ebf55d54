import * as fc from "fast-check";
import { checkSplices, splices } from "./splices.ts";

Deno.test("nothing that is done to an archive without its key looks sealed, or is read as something else", async () => {
  await fc.assert(fc.asyncProperty(splices, checkSplices), { numRuns: 400, seed: 20_260_104 });
});
