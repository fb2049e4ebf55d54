/** What can be read from front to back as it comes, and what has to be kept first, to go back and forth in it. */
import { ArchiveError } from "../format/errors.ts";
import { isDeduplicated } from "../format/header.ts";
import type { State } from "../format/locator.ts";
import type { OpenedHeader } from "./header_reader.ts";
import { openState } from "./header_state.ts";
import type { SnapshotChoice } from "./snapshots.ts";

/**
 * Why a snapshot cannot be read in one pass, as the rest of a sentence that begins with "the archive"; `undefined` when
 * it can. The header alone decides: a pipe that need not be kept is not.
 */
export function whyNotInOnePass(opened: OpenedHeader, choice: SnapshotChoice): string | undefined {
  if (isDeduplicated(opened.copy.header)) return "is deduplicated, and its files need what was stored with others";
  const state = stateOf(opened);
  // What is bad about the state, a reader of the stream tells at its end.
  if (state instanceof ArchiveError) return undefined;
  const count = state.kind === "known" ? state.locator.segment.number + 1 : 1;
  const isFirst = choice.kind === "first" || (choice.kind === "number" && choice.number === 1);
  if (isFirst || (count === 1 && (choice.kind === "latest" || choice.kind === "best"))) return undefined;
  return count === 1 ? "is asked for a snapshot by what its end says" : `has ${count} snapshots`;
}

/** What the header says of the newest segment, or what is bad about that. */
export function stateOf(opened: OpenedHeader): State | ArchiveError {
  try {
    return openState(opened);
  } catch (error) {
    if (error instanceof ArchiveError) return error;
    throw error;
  }
}
