/** What somebody may have meant by a path that is not in the archive. */
import type { Archive } from "../archive/archive.ts";
import { pauseEvery } from "../archive/pause.ts";
import { lastPart } from "../disk/target_paths.ts";

/** Entries that are looked at: a hint must not take longer than the answer. */
const MOST_ENTRIES = 200_000;

/** A path like the one given but for capitals, or else one whose last part is; `undefined` when there is none. */
export async function nearPath(archive: Archive, given: string, signal: AbortSignal): Promise<string | undefined> {
  const wanted = given.replace(/^(?:\.?\/)+|\/+$/g, "").toLowerCase();
  const wantedName = lastPart(wanted);
  if (wantedName === "") return undefined;
  const pause = pauseEvery();
  let near: string | undefined;
  let seen = 0;
  for await (const { row: { path } } of archive.entries()) {
    await pause();
    signal.throwIfAborted();
    if (++seen > MOST_ENTRIES) break;
    const lower = path.toLowerCase();
    if (lower === wanted) return path;
    if (near === undefined && lastPart(lower) === wantedName) near = path;
  }
  return near;
}
