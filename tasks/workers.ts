/** What worker threads begin with: no import names it, so what packs the program is told. */
export const WORKERS: readonly string[] = ["create", "extract", "scout", "stream", "verify"].map((verb) =>
  `src/parallel/${verb}_worker.ts`
);
