/** The properties of tests/property, over many more cases and with a new seed each time. */
import * as fc from "fast-check";
import { cases, check } from "../property/resealed.ts";
import { checkSplices, splices } from "../security/splices.ts";

const numRuns = 50_000;

Deno.test("whatever is sealed in a frame, readers give an ArchiveError or agree (many)", async () => {
  await fc.assert(fc.asyncProperty(cases, check), { numRuns });
});

Deno.test("nothing that is done to an archive without its key looks sealed, or is read as something else (many)", async () => {
  await fc.assert(fc.asyncProperty(splices, checkSplices), { numRuns });
});
