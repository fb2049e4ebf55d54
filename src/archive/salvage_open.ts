/**
 * Opens a damaged archive: its only segment by what its frames are; by its catalog one of several snapshots, or one whose
 * files share content.
 */
import type { Engine } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { isDeduplicated } from "../format/header.ts";
import { KEY_BYTES } from "../format/keys.ts";
import { RECORD_BYTES } from "../format/locator.ts";
import { Archive } from "./archive.ts";
import { openAnyway } from "./lost_header.ts";
import { openRemains } from "./recovery_record.ts";
import { Salvage, type SalvageOptions, type SalvageSummary } from "./salvage.ts";
import type { SalvageEvent } from "./salvage_files.ts";
import { orBest } from "./snapshots.ts";
import { SnapshotSalvage } from "./salvage_snapshot.ts";
import { openLocatorOr, type SalvageStart, segmentAt, startSalvage } from "./salvage_start.ts";
import type { FoundSegment } from "./segment_tail.ts";
import type { Source } from "./source.ts";

/** A damaged archive, opened as far as it can be. */
export interface Salvaging {
  /** Everything that can be had; see `Salvage.events`. */
  events(): AsyncGenerator<SalvageEvent>;
  /** What is missing; complete when all events have been taken. */
  summary(): SalvageSummary;
}

/**
 * Opens what is left of an archive. Of several snapshots it is the one that is chosen, or, when what the newest ones
 * need is lost, the last one before.
 *
 * @throws {ArchiveError} when no key opens it, or when what its content needs is lost. @throws {SnapshotError} when there
 * is no such snapshot. I/O errors pass through.
 */
export async function openSalvage(engine: Engine, file: Source, options: SalvageOptions): Promise<Salvaging> {
  const source = await openRemains(engine, file);
  const start = await startSalvage(engine, source, options);
  for (const warning of start.warnings) options.onWarning?.(warning);
  const wanted = start.segment.number;
  const shares = start.opened === undefined ? undefined : isDeduplicated(start.opened.copy.header);
  if (wanted === 0 && shares !== true) {
    return await sharedSnapshot(engine, source, start, options) ?? await Salvage.open(engine, source, start, options);
  }
  const header = start.opened ?? await openAnyway(engine, source, options.keys, options.kdfLimits ?? {});
  const snapshot = orBest(options.snapshot ?? { kind: "latest" });
  for await (const segment of earlier(source, start)) {
    const { number } = segment.locator.segment;
    if (number === 0 && shares !== true) break;
    try {
      const newest = { ...segment, state: "known", tail: 0 } as const;
      const archive = await Archive.openBehind(engine, source, header, { newest, snapshot });
      return new SnapshotSalvage(engine, source, archive, number === wanted, options);
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      options.onWarning?.(`snapshot ${number + 1} cannot be read: what its end says of its files is damaged`);
    }
  }
  if (wanted === 0) return await Salvage.open(engine, source, start, options);
  const first = await segmentAt(source, start.bodyOffset);
  if (first === undefined) {
    throw new ArchiveError("damaged", "Cannot salvage the archive: of no snapshot there is enough left to open it");
  }
  options.onWarning?.("only the first snapshot is left to be salvaged");
  const only: SalvageStart = {
    ...start,
    segment: first,
    firstFrame: start.bodyOffset + KEY_BYTES,
    locator: undefined,
    locatorAt: undefined,
    isPart: true,
  };
  return await Salvage.open(engine, source, only, options);
}

/** The only snapshot of an archive whose header is lost, if its end says that its files share content. */
async function sharedSnapshot(
  engine: Engine,
  source: Source,
  start: SalvageStart,
  options: SalvageOptions,
): Promise<Salvaging | undefined> {
  if (start.opened !== undefined || start.locator === undefined) return undefined;
  try {
    const header = await openAnyway(engine, source, options.keys, options.kdfLimits ?? {});
    const archive = await Archive.openBehind(engine, source, header, {});
    return archive.isDeduplicated ? new SnapshotSalvage(engine, source, archive, true, options) : undefined;
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    return undefined;
  }
}

/** The segments that are known, and those before them by the locators that end where the next one begins. */
async function* earlier(source: Source, { known = [], keys, bodyOffset }: SalvageStart): AsyncGenerator<FoundSegment> {
  let last: FoundSegment | undefined;
  for (const segment of known) {
    if (last?.locator.segment.number === segment.locator.segment.number) continue;
    yield last = segment;
  }
  while (last !== undefined && last.locator.offset > 0) {
    const at = bodyOffset + last.locator.offset - RECORD_BYTES;
    last = openLocatorOr(keys, await source.read(at, RECORD_BYTES));
    if (last !== undefined) yield last;
  }
}
