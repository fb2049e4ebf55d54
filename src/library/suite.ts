/** Cipher suites by name. */
import type { SuiteId } from "../engine/engine.ts";

/** The cipher that an archive is sealed with. */
export type Suite = "chacha20-poly1305" | "aes-256-gcm";

const SUITE_IDS: Readonly<Record<Suite, SuiteId>> = { "chacha20-poly1305": 1, "aes-256-gcm": 2 };

/** A suite's number in the format. */
export function suiteId(suite: Suite): SuiteId {
  if (Object.hasOwn(SUITE_IDS, suite)) return SUITE_IDS[suite];
  throw new TypeError(`Cannot use the suite "${suite}": there is no such suite`);
}

/** A suite's name. */
export function suiteName(id: SuiteId): Suite {
  return id === 1 ? "chacha20-poly1305" : "aes-256-gcm";
}
