import * as fc from "fast-check";
import { cases, check } from "./resealed.ts";

Deno.test("whatever is sealed in a frame, readers give an ArchiveError or agree", async () => {
  await fc.assert(fc.asyncProperty(cases, check), { numRuns: 600, seed: 20_260_103 });
});
