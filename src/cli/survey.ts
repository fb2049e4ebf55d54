/** What `verify` says of an archive that is not whole: where it is damaged, and which files that touches. */
import type { OpenOptions } from "../archive/archive.ts";
import { type ByteRange, bytesIn } from "../archive/byte_ranges.ts";
import { openSalvage, type Salvaging } from "../archive/salvage_open.ts";
import type { Source } from "../archive/source.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import type { CommandContext } from "./command.ts";
import { damageJson, damageLines, damagePicture } from "./damage_map.ts";
import type { OpeningOptions } from "./options.ts";
import { escapeName } from "./ui/escape.ts";
import { formatCount, formatItems } from "./ui/quantities.ts";

/** Files that are named, and ranges that are listed, where somebody has to read them. */
const SHOWN_FILES = 20;
const SHOWN_RANGES = 10;

/**
 * Goes through an archive that was found bad at one place, to its end, and tells all that is. Nothing is said of what
 * cannot be surveyed: the first error is on its way.
 */
export async function tellDamage(
  { ui, signal }: CommandContext,
  { archive }: OpeningOptions,
  source: Source,
  how: OpenOptions,
  first: ArchiveError,
): Promise<void> {
  using progress = ui.progress("Surveying");
  let salvage: Salvaging;
  try {
    salvage = await openSalvage(nativeEngine, source, { keys: how.keys, kdfLimits: how.kdfLimits ?? {}, signal });
  } catch (error) {
    if (error instanceof ArchiveError) return;
    throw error;
  }
  let touched = 0;
  const tell = (path: string, status: "damaged" | "lost", size: number | null, lost: readonly ByteRange[]) => {
    touched++;
    const missing = size === null ? "its length and what follows" : formatItems(bytesIn(lost), "byte");
    const what = status === "lost" ? "lost" : `damaged, ${missing} lost`;
    ui.result(() => touched > SHOWN_FILES ? undefined : `${escapeName(path)}: ${what}`, () => ({
      schema: "coffer/verify-entry/1",
      path,
      status,
      size,
      lost: lost.map(({ start, end }) => ({ start, end })),
    }));
  };
  for await (const event of salvage.events()) {
    if (event.kind === "part") progress.add(event.pieces.reduce((sum, { bytes }) => sum + bytes.length, 0), 0);
    if (event.kind === "lost") tell(event.row.path, "lost", event.row.size, [{ start: 0, end: event.row.size }]);
    if (event.kind !== "file") continue;
    progress.add(event.pieces.reduce((sum, { bytes }) => sum + bytes.length, 0), 1);
    const { row, lost, isRowLost } = event;
    if (lost.length > 0 || isRowLost) tell(row.path, "damaged", isRowLost ? null : row.size, lost);
  }
  progress.end();
  const summary = salvage.summary();
  ui.result(() => undefined, () => ({
    schema: "coffer/verify-damage/1",
    archive,
    archiveBytes: source.size,
    code: first.code,
    error: first.message,
    damage: damageJson(summary.damage),
    entries: touched,
    mayLackMore: summary.mayLackMore,
    cutOff: summary.isCutOff,
    catalogWhole: summary.isCatalogWhole,
  }));
  if (ui.json) return;
  if (touched > SHOWN_FILES) ui.note(`and ${formatCount(touched - SHOWN_FILES)} more; --json names them all`);
  ui.note(`damage: ${damagePicture(summary.damage, source.size)}`);
  for (const line of damageLines(summary.damage, SHOWN_RANGES)) ui.note(`  ${line}`);
  if (summary.damage.length === 0) ui.note("  every frame that can be found is authentic");
  if (summary.mayLackMore) ui.note("more may be lost than is named: the catalog is damaged too");
}
