/** What a few repeated measurements come to. The median leads: on a shared machine the mean tells of the neighbours. */

/** Smallest, middle and largest of some samples, in the samples' unit. */
export interface Summary {
  /** The smallest. */
  readonly min: number;
  /** The middle one, or halfway between the two in the middle. */
  readonly median: number;
  /** The largest. */
  readonly max: number;
}

/**
 * Summarises samples in any order.
 *
 * @throws {RangeError} when there are none, or one is no finite number.
 */
export function summarize(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new RangeError("Cannot summarize: there are no samples");
  const bad = samples.find((sample) => !Number.isFinite(sample));
  if (bad !== undefined) throw new RangeError(`Cannot summarize: ${bad} is not a measurement`);
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] as number;
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { min: at(0), median, max: at(sorted.length - 1) };
}

/** A number with three significant digits and no exponent: `0.123`, `4.56`, `78.9`, `1235`. */
export function threeDigits(value: number): string {
  if (value === 0) return "0";
  const digits = 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(Math.max(digits, 0), 6));
}
