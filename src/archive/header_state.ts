/** What an opened header says of the newest segment. */
import { ArchiveError } from "../format/errors.ts";
import { recoveryPercent } from "../format/header.ts";
import { decodeState, type State } from "../format/locator.ts";
import type { OpenedHeader } from "./header_reader.ts";
import { openRecord } from "./record_cipher.ts";

/**
 * Opens what the header says of the newest segment.
 *
 * @throws {ArchiveError} `malformed`.
 */
export function openState({ keys, copy }: Pick<OpenedHeader, "keys" | "copy">): State {
  const plain = openRecord(keys, "state", copy.header.state);
  if (plain === undefined) {
    throw new ArchiveError("malformed", "Cannot accept the header: its state does not authenticate");
  }
  const state = decodeState(plain);
  if (state.kind === "streamed") return state;
  const isSpread = recoveryPercent(copy.header) > 0 && state.locator.offset > 0;
  if ((state.physical !== undefined) === isSpread) return state;
  throw new ArchiveError("malformed", "Cannot accept the header: its state has a place for another kind of archive");
}
