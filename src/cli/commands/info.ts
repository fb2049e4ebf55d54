/** `coffer info` */
import { orBest } from "../../archive/snapshots.ts";
import { Archive } from "../../archive/archive.ts";
import { findCopies } from "../../archive/header_reader.ts";
import { FileSource } from "../../disk/file_source.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import { FORMAT_VERSION, type Header, isDeduplicated, recoveryPercent } from "../../format/header.ts";
import type { CommandContext } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { areKeysGiven } from "../keys.ts";
import { describeTryHere } from "../kdf_cost.ts";
import { attempt, bestCopy, peekAt } from "../open_archive.ts";
import type { InfoOptions } from "../options.ts";
import { describeSlot, slotRecord } from "../slot_text.ts";
import { escapeName } from "../ui/escape.ts";
import { formatBytes, formatCount, formatItems } from "../ui/quantities.ts";
import type { JsonRecord } from "../ui/ui.ts";

const SUITE_NAMES: Readonly<Record<Header["suite"], string>> = { 1: "chacha20-poly1305", 2: "aes-256-gcm" };

/** Shows what anyone can see, and with a key the snapshot. */
export async function run(context: CommandContext, options: InfoOptions): Promise<ExitCode> {
  const { ui } = context;
  using source = FileSource.open(options.archive);
  const { copies, faults } = await findCopies(nativeEngine, peekAt(source), "shown");
  const { header } = bestCopy(copies);
  for (const name of ["A", "B"] as const) {
    const copy = copies.find((copy) => copy.name === name);
    if (copy?.intact) continue;
    ui.warn(`header copy ${name} is damaged`, faults.get(name)?.message);
  }
  const archive = areKeysGiven(context, options)
    ? await attempt(
      context,
      options,
      peekAt(source),
      (how) => Archive.open(nativeEngine, source, { ...how, snapshot: orBest(options.snapshot) }),
    )
    : undefined;
  const cost = ui.json ? undefined : await describeTryHere(header.slots);
  ui.result(
    () => [...outside(header, source.size, cost), ...(archive === undefined ? [] : inside(archive))].join("\n"),
    () => json(header, source.size, archive, options.archive),
  );
  if (archive === undefined) {
    ui.note("with a key (--passphrase-file, --key-file, --identity, COFFER_PASSPHRASE) it shows what is inside");
  }
  return EXIT.done;
}

function line(name: string, value: string): string {
  return `${`${name}:`.padEnd(20)}${value}`;
}

function outside(header: Header, length: number, cost: string | undefined): string[] {
  const percent = recoveryPercent(header);
  return [
    line("format", `Coffer, version ${FORMAT_VERSION}`),
    line("cipher suite", SUITE_NAMES[header.suite]),
    line("length", `${formatCount(length)} bytes (${formatBytes(length)})`),
    line("header generation", formatCount(header.generation)),
    ...(percent === 0 ? [] : [line("recovery record", `${percent} %`)]),
    ...(isDeduplicated(header) ? [line("deduplicated", "yes: equal content is stored once")] : []),
    ...header.slots.map((slot, i) => line(`key ${i + 1}`, describeSlot(slot))),
    ...(cost === undefined ? [] : [line("passphrase", `${cost} for each one tried`)]),
  ];
}

function inside({ trailer, id, newest, number }: Archive): string[] {
  const { totals } = trailer;
  const kinds = [
    [totals.files, "file"],
    [totals.directories, "folder"],
    [totals.symlinks, "symlink"],
    [totals.hardlinks, "hard link"],
    [totals.fifos, "FIFO"],
  ] as const;
  return [
    line("snapshot", id.toHex()),
    ...(newest.locator.segment.number === 0
      ? []
      : [line("snapshots", `${formatCount(newest.locator.segment.number + 1)}, this is number ${number}`)]),
    line("made", new Date(trailer.time.seconds * 1000).toISOString()),
    ...(trailer.label === "" ? [] : [line("label", escapeName(trailer.label))]),
    ...(trailer.writer === "" ? [] : [line("made by", escapeName(trailer.writer))]),
    line(
      "entries",
      `${formatCount(totals.entries)} (${
        kinds.filter(([count]) => count > 0).map(([count, name]) => `${formatItems(count, name)}`).join(", ")
      })`,
    ),
    line("content", `${formatCount(totals.bytes)} bytes (${formatBytes(totals.bytes)})`),
    ...(trailer.checkpoint ? [line("unfinished", "yes: its writer was interrupted, and more was to come")] : []),
    ...(trailer.partial ? [line("complete", "no: some entries could not be read, or changed meanwhile")] : []),
  ];
}

function json(header: Header, length: number, archive: Archive | undefined, name: string): JsonRecord {
  const record = {
    schema: "coffer/info/1" as const,
    archive: name,
    version: FORMAT_VERSION,
    suite: SUITE_NAMES[header.suite],
    archiveBytes: length,
    generation: header.generation,
    recovery: recoveryPercent(header),
    deduplicated: isDeduplicated(header),
    keys: header.slots.map(slotRecord),
  };
  if (archive === undefined) return { ...record, snapshot: null };
  const { trailer } = archive;
  return {
    ...record,
    snapshots: archive.newest.locator.segment.number + 1,
    snapshot: {
      id: archive.id.toHex(),
      number: archive.number,
      time: new Date(trailer.time.seconds * 1000 + Math.floor(trailer.time.nanoseconds / 1_000_000)).toISOString(),
      label: trailer.label,
      writer: trailer.writer,
      partial: trailer.partial,
      checkpoint: trailer.checkpoint === true,
      ...trailer.totals,
    },
  };
}
