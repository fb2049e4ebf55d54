/** `coffer snapshots` */
import type { Snapshot } from "../../archive/snapshots.ts";
import type { CommandContext } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { openFile } from "../open_file.ts";
import type { SnapshotsOptions } from "../options.ts";
import { localTime } from "../ui/local_time.ts";
import { escapeName } from "../ui/escape.ts";
import { formatBytes, formatItems } from "../ui/quantities.ts";
import type { JsonRecord } from "../ui/ui.ts";

/** Lists the snapshots of an archive, the oldest first. */
export async function run(context: CommandContext, options: SnapshotsOptions): Promise<ExitCode> {
  const { ui, signal } = context;
  using file = await openFile(context, { ...options, snapshot: { kind: "best" } });
  // Of a snapshot that was finished, nobody needs what was there before it was.
  const latest = file.archive.number;
  for await (const snapshot of file.archive.snapshots()) {
    signal.throwIfAborted();
    if (snapshot.checkpoint && snapshot.number < latest && !options.unfinished) continue;
    ui.result(() => line(snapshot, ui.verbose), () => json(snapshot));
  }
  return EXIT.done;
}

/** Digits of an id that tell it from the others of an archive, in practice. */
const ID_DIGITS = 12;

function line({ number, id, time, label, totals, partial, checkpoint, addedBytes }: Snapshot, whole: boolean): string {
  const digits = id.toHex();
  const { files, bytes } = totals;
  return [
    String(number).padStart(5),
    whole ? digits : digits.slice(0, ID_DIGITS),
    localTime(time.seconds),
    `${formatItems(files, "file")}, ${formatBytes(bytes)}`,
    `added ${formatBytes(addedBytes)}`,
    ...(checkpoint ? ["unfinished"] : []),
    ...(partial ? ["partial"] : []),
    ...(label === "" ? [] : [escapeName(label)]),
  ].join("  ");
}

function json({ number, id, time, label, totals, partial, checkpoint, addedBytes }: Snapshot): JsonRecord {
  return {
    schema: "coffer/snapshots/1",
    number,
    id: id.toHex(),
    time: new Date(time.seconds * 1000 + Math.floor(time.nanoseconds / 1_000_000)).toISOString(),
    label,
    partial,
    checkpoint: checkpoint === true,
    addedBytes,
    ...totals,
  };
}
