/** How hard a passphrase is to guess. The library and its word lists are large: load this module only when needed. */
import { type TranslationKeys, ZxcvbnFactory } from "@zxcvbn-ts/core";
import { adjacencyGraphs, dictionary as commonDictionary } from "@zxcvbn-ts/language-common";
import translations from "@zxcvbn-ts/language-en/translations";

/**
 * The lowest score that raises no warning. zxcvbn calls 3 "safely unguessable: moderate protection from offline
 * slow-hash scenario", which is what an archive in the wrong hands is.
 */
const GOOD_SCORE = 3;

/** What is wrong with a passphrase; neither text quotes it. */
export interface Weakness {
  /** Why it is weak, as the end of a sentence. */
  readonly reason: string;
  /** What would help, as a sentence without its full stop. */
  readonly advice: string;
}

/** Why a passphrase is easy to guess, or `undefined` when it is not. */
export function findWeakness(passphrase: string): Weakness | undefined {
  const estimator = new ZxcvbnFactory({
    // Leaked passwords and diceware's words: with all lists of English words and names, a look at one passphrase costs
    // 90 MiB instead of 40, and three times the time.
    dictionary: commonDictionary,
    graphs: adjacencyGraphs,
    // The package's types take this file for a CommonJS one, whose default would be its whole namespace.
    translations: translations as unknown as TranslationKeys,
  });
  const { score, guessesLog10, feedback } = estimator.check(passphrase);
  if (score >= GOOD_SCORE) return undefined;
  const why = withoutStop(feedback.warning ?? "It is short, or follows a pattern");
  return {
    reason: `${why.charAt(0).toLowerCase()}${why.slice(1)} (about 10^${Math.max(0, Math.round(guessesLog10))} guesses)`,
    advice: feedback.suggestions.length > 0
      ? feedback.suggestions.map(withoutStop).join("; ")
      : "Use several unrelated words, or --generate-passphrase",
  };
}

function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, "");
}
