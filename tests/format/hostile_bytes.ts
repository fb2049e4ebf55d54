/** What every decoder has to do with bytes that nobody vouches for: give a value, or throw an `ArchiveError`. */

import { assertInstanceOf } from "@std/assert";
import fc from "fast-check";
import type { Bytes } from "../../src/engine/engine.ts";
import { ArchiveError, type ArchiveErrorCode } from "../../src/format/errors.ts";

/** Runs `decode`; returns the error's code, or `undefined` when it gave a value. Any other error passes through. */
export function outcome(decode: () => unknown): ArchiveErrorCode | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    assertInstanceOf(error, ArchiveError);
    return error.code;
  }
}

/** Bytes with some of them changed, cut or added, of which some are still right. */
export function mutated(valid: fc.Arbitrary<Bytes>): fc.Arbitrary<Bytes> {
  const changes = fc.array(fc.record({ at: fc.nat(), value: fc.nat(255) }), { maxLength: 4 });
  const cut = fc.option(fc.nat(), { nil: undefined });
  const tail = fc.uint8Array({ maxLength: 4 });
  return fc.tuple(valid, changes, cut, tail).map(([bytes, changes, cut, tail]) => {
    const kept = cut === undefined ? bytes.length : cut % (bytes.length + 1);
    const out = new Uint8Array(kept + tail.length);
    out.set(bytes.subarray(0, kept));
    out.set(tail, kept);
    for (const { at, value } of changes) if (out.length > 0) out[at % out.length] = value;
    return out;
  });
}

/**
 * Feeds `decode` with valid bytes, mutations of them and random ones. Returns how often it refused and how often it
 * did not, so that a test can insist that both happened.
 */
export function feedHostile(
  valid: fc.Arbitrary<Bytes>,
  decode: (bytes: Bytes) => unknown,
  numRuns = 500,
): { refused: number; taken: number } {
  const counts = { refused: 0, taken: 0 };
  const bytes = fc.oneof(
    { weight: 6, arbitrary: mutated(valid) },
    { weight: 1, arbitrary: valid },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }) },
  );
  const property = fc.property(bytes, (bytes) => {
    if (outcome(() => decode(bytes)) === undefined) counts.taken++;
    else counts.refused++;
  });
  fc.assert(property, { numRuns });
  return counts;
}

/** Bytes from hexadecimal digits; white space is left out. */
export function hex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(text.replace(/\s+/g, ""));
}
