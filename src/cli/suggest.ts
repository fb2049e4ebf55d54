/** The name that a mistyped one was probably meant to be. */
import { closestString } from "@std/text/closest-string";
import { levenshteinDistance } from "@std/text/levenshtein-distance";

/**
 * The candidate nearest to `word`, or `undefined` when none is near enough for a useful guess: a longer name that
 * begins with it, or about one mistake in three letters.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const begun = candidates.filter((candidate) => word.length >= 3 && candidate.startsWith(word));
  if (begun.length > 0) return closestString(word, begun);
  const guess = closestString(word, candidates);
  if (guess === undefined) return undefined;
  const mistakes = levenshteinDistance(word.toLowerCase(), guess.toLowerCase());
  // Two letters swapped, the commonest slip, count as two mistakes.
  return mistakes <= Math.max(guess.length < 4 ? 1 : 2, Math.floor(guess.length / 3)) ? guess : undefined;
}
