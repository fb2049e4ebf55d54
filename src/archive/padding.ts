/** How far lengths are rounded up when the user asks for it. */

/**
 * The next length that Padmé allows (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
 * Communication with PURBs", PoPETS 2019, §4): as many of the low bits are zero as the exponent has more than its own
 * length, which costs at most 12 % and leaves O(log log) different lengths.
 */
export function padmeLength(length: number): number {
  if (length < 2) return length;
  const exponent = Math.floor(Math.log2(length));
  const kept = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** Math.max(0, exponent - kept);
  return Math.ceil(length / step) * step;
}
