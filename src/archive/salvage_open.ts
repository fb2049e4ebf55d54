/**
 * Opens a damaged archive: its only segment by what its frames are; by its catalog one of several snapshots, or one
 * whose files share content.
 */
import type { Engine } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { isDeduplicated } from "../format/header.ts";
import { KEY_BYTES } from "../format/keys.ts";
import { RECORD_BYTES } from "../format/locator.ts";
import { Archive } from "./archive.ts";
import { BodySource } from "./body_source.ts";
import { openAnyway } from "./lost_header.ts";
import { openRemains } from "./recovery_record.ts";
import { Salvage, type SalvageOptions } from "./salvage.ts";
import { LayeredSalvage, type SalvageLayer, type Salvaging } from "./salvage_layers.ts";
import type { Damage } from "./salvage_losses.ts";
import { type SegmentRemains, segmentsOf } from "./salvage_segments.ts";
import { orBest } from "./snapshots.ts";
import { SnapshotSalvage } from "./salvage_snapshot.ts";
import { type SalvageStart, startSalvage } from "./salvage_start.ts";
import type { Source } from "./source.ts";

export type { Salvaging } from "./salvage_layers.ts";

/**
 * Opens what is left of an archive. Of several snapshots it is the one that is chosen, or the newest. When what that
 * needs to be read is lost, it is the last one before, and of all later ones what their blocks hold.
 *
 * @throws {ArchiveError} when no key opens it, or when what its content needs is lost. @throws {SnapshotError} when
 * there is no such snapshot. I/O errors pass through.
 */
export async function openSalvage(engine: Engine, file: Source, options: SalvageOptions): Promise<Salvaging> {
  const source = await openRemains(engine, file);
  const salvaging = await openRest(engine, source, options);
  if (!(source instanceof BodySource)) return salvaging;
  return {
    events: () => salvaging.events(),
    summary: () => {
      const summary = salvaging.summary();
      return { ...summary, damage: summary.damage.flatMap((one) => placesOf(source, one)) };
    },
  };
}

/** Where a damaged range lies in the file, which has recovery data in between. */
function placesOf(source: BodySource, damage: Damage): Damage[] {
  const { start, end } = damage;
  return source.inFile({ offset: start, length: end - start })
    .map(({ offset, length }) => ({ ...damage, start: offset, end: offset + length }));
}

/** As {@linkcode openSalvage}, of an archive without its recovery layer. */
async function openRest(engine: Engine, source: Source, options: SalvageOptions): Promise<Salvaging> {
  const start = await startSalvage(engine, source, options);
  for (const warning of start.warnings) options.onWarning?.(warning);
  const wanted = start.segment.number;
  const shares = start.opened === undefined ? undefined : isDeduplicated(start.opened.copy.header);
  if (wanted === 0 && shares !== true) {
    return await sharedSnapshot(engine, source, start, options) ?? await Salvage.open(engine, source, start, options);
  }
  const header = start.opened ?? await openAnyway(engine, source, options.keys, options.kdfLimits ?? {});
  const { snapshot = { kind: "latest" } } = options;
  const work: Work = { engine, source, start, options };
  const later: SegmentRemains[] = [];
  for await (const segment of segmentsOf(source, start, options.signal)) {
    const { number } = segment.identity;
    if (number === 0 && shares !== true) break;
    try {
      if (segment.found !== undefined) {
        const newest = { ...segment.found, state: "known", tail: 0 } as const;
        const archive = await Archive.openBehind(engine, source, header, { newest, snapshot: orBest(snapshot) });
        const base = new SnapshotSalvage(engine, source, archive, number === wanted, options);
        return await withBlocks(work, snapshot.kind === "latest" ? later : [], archive, base);
      }
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
    }
    options.onWarning?.(`snapshot ${number + 1} cannot be read: what its end says of its files is damaged`);
    later.push(segment);
  }
  if (wanted === 0) return await Salvage.open(engine, source, start, options);
  const salt = (await source.read(start.bodyOffset, KEY_BYTES)).slice();
  const identity = { salt, number: 0, link: new Uint8Array(KEY_BYTES) };
  const first = { identity, offset: 0, end: later.at(-1)?.offset ?? 0, found: undefined };
  options.onWarning?.(
    "the first snapshot comes out, and what was stored after it: files that were deleted meanwhile may be among them",
  );
  return new LayeredSalvage([...later, first].map((segment) => ({ open: () => openBlocks(work, segment) })));
}

/** What every part of a salvage takes. */
interface Work {
  readonly engine: Engine;
  readonly source: Source;
  readonly start: SalvageStart;
  readonly options: SalvageOptions;
}

/**
 * A snapshot whose catalog can be read, and what blocks hold besides: those of later segments, and of the snapshot's
 * own ones the paths that its catalog has lost.
 */
async function withBlocks(
  work: Work,
  later: readonly SegmentRemains[],
  archive: Archive,
  base: SnapshotSalvage,
): Promise<Salvaging> {
  await base.findLostPaths();
  if (later.length === 0 && !base.hasLostPaths) return base;
  const layers: SalvageLayer[] = later.map((segment) => ({ open: () => openBlocks(work, segment) }));
  layers.push({ open: () => Promise.resolve(base) });
  if (base.hasLostPaths) {
    for (let number = archive.number - 1; number >= 0; number--) {
      const open = async () => {
        const found = await archive.segments.get(number);
        const { segment: identity, offset, length } = found.locator;
        return await openBlocks(work, { identity, offset, end: offset + length, found });
      };
      layers.push({ open, takes: (path) => base.isLost(path) });
    }
  }
  const what = later.length > 0 ? "that was stored later" : "whose part of the catalog is lost";
  work.options.onWarning?.(`what ${what} comes out as blocks have it: files that were deleted may be among it`);
  return new LayeredSalvage(layers);
}

/** What the blocks of one segment hold; `undefined` when nothing of it can be found. */
async function openBlocks(
  { engine, source, start, options }: Work,
  { identity, offset, end, found }: SegmentRemains,
): Promise<Salvaging | undefined> {
  const { bodyOffset } = start;
  const segmentStart = bodyOffset + offset;
  return await Salvage.open(engine, source, {
    ...start,
    segment: identity,
    segmentStart,
    firstFrame: segmentStart + KEY_BYTES,
    end: bodyOffset + end,
    locator: found?.locator,
    locatorAt: found === undefined ? undefined : bodyOffset + end - RECORD_BYTES,
    isPart: true,
  }, options);
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
