/** Creating an archive in a file: under a temporary name, in parts when it is large, or from where a run stopped. */
import type { Archive } from "../archive/archive.ts";
import { createInParts } from "../archive/create_in_parts.ts";
import type { UpdateOptions as StoringOptions } from "../archive/update.ts";
import type { WriterOptions, WrittenArchive } from "../archive/writer.ts";
import { AtomicFile, TargetError } from "../disk/atomic_file.ts";
import { fileContent } from "../disk/content.ts";
import { diskFiles } from "../disk/file_layer.ts";
import type { LockedFile } from "../disk/locked_file.ts";
import type { Identity } from "../disk/metadata.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { hasMagic, MAGIC_BYTES } from "../format/header.ts";
import type { CommandContext } from "./command.ts";
import { CommandError } from "./command_error.ts";
import { EXIT } from "./exit_codes.ts";
import { warnOfCosts } from "./kdf_cost.ts";
import { newKeys } from "./keys.ts";
import type { CreateOptions } from "./options.ts";
import {
  findPartial,
  identitiesOf,
  keepPartial,
  openPartial,
  type PartialArchive,
  partialPath,
  takeUpPartial,
} from "./partial_archive.ts";
import type { StorePlan } from "./store_plan.ts";
import { quoteName } from "./ui/escape.ts";
import { formatBytes, formatItems } from "./ui/quantities.ts";

/** How entries are stored, whichever part of an archive they go to. */
export type Storing = StoringOptions;

/** An archive that was created. */
export type Created = Pick<WrittenArchive, "id" | "length" | "totals" | "archiveKey"> & {
  /** The snapshot's number, where checkpoints may be before it. */
  readonly number?: number;
};

/** Where an archive is created; disposing it removes what is not to stay. */
export class Target implements Disposable {
  /** The file under the name that it has meanwhile. */
  readonly file: AtomicFile;
  /** What an interrupted run left. */
  readonly partial: PartialArchive | undefined;
  #locked: LockedFile | undefined;

  constructor(file: AtomicFile, partial: PartialArchive | undefined) {
    this.file = file;
    this.partial = partial;
  }

  /** Whether the archive is the one that an interrupted run left. */
  get goesOn(): boolean {
    return this.partial !== undefined && this.file.temporaryPath === this.partial.path && this.#locked === undefined;
  }

  /** Makes the archive one that can be gone on with; it has its header. */
  async keep(signal: AbortSignal): Promise<LockedFile> {
    return this.#locked = await keepPartial(this.file, this.partial, signal);
  }

  /** Gives the archive its name. */
  commit(): void {
    const replaced = this.goesOn || this.#locked !== undefined ? undefined : this.partial;
    this.file.commit();
    if (replaced !== undefined) diskFiles.remove(replaced.path);
  }

  [Symbol.dispose](): void {
    this.#locked?.close();
    this.partial?.[Symbol.dispose]();
    this.file.abort();
  }
}

/** Finds out where an archive goes, and from where. What is no archive is not offered for replacement. */
export async function openTarget({ signal }: CommandContext, options: CreateOptions): Promise<Target> {
  const { archive, force, restart } = options;
  let file: AtomicFile;
  try {
    file = AtomicFile.create(archive, { overwrite: force });
  } catch (error) {
    if (!(error instanceof TargetError) || !error.replaceable || isArchive(archive)) throw error;
    const hint = "It is no Coffer archive: ARCHIVE comes first, then the PATHs";
    throw new CommandError(EXIT.failed, error.message, hint, { cause: error });
  }
  try {
    const partial = await findPartial(file.targetPath, signal);
    if (partial === undefined || restart) return new Target(file, partial);
    file.abort();
    return new Target(takeUpPartial(partial, options), partial);
  } catch (error) {
    file.abort();
    throw error;
  }
}

function isArchive(path: string): boolean {
  try {
    using file = Deno.openSync(path);
    const start = new Uint8Array(MAGIC_BYTES);
    return file.readSync(start) === start.length && hasMagic(start, "A");
  } catch {
    return false;
  }
}

/** What a new archive has that no segment behind its first one changes. */
export async function newArchive(
  context: CommandContext,
  options: CreateOptions,
): Promise<Pick<WriterOptions, "keys" | "kdf" | "suite" | "recovery" | "dedup">> {
  const keys = await newKeys(context, options.keys);
  const kdf = { logN: options.kdfLogN, r: 8, p: 1 };
  warnOfCosts(context.ui, keys.filter(({ kind }) => kind === "passphrase").map(() => kdf));
  const { suite, dedup } = options;
  return { keys, kdf, suite, dedup, ...(options.recovery === 0 ? {} : { recovery: options.recovery }) };
}

/** Writes the archive: all but giving it its name. */
export async function createFile(
  context: CommandContext,
  options: CreateOptions,
  target: Target,
  plan: StorePlan,
  begin: () => Promise<Storing>,
): Promise<Created> {
  const { file, partial } = target;
  const canKeep = partialPath(file.targetPath) !== undefined;
  const checkpointBytes = canKeep ? options.checkpointBytes : Infinity;
  const own = identitiesOf(file, partial);
  if (partial !== undefined && target.goesOn) {
    const archive = await openPartial(context, options, partial);
    return await goOn(context, partial, archive, plan, own, { ...await begin(), checkpointBytes });
  }
  const how = { ...await newArchive(context, options), headerLast: true, checkpointBytes };
  const written = await createInParts(
    nativeEngine,
    plan.entries(own),
    { write: (bytes) => file.write(bytes) },
    {
      ...await begin(),
      ...how,
      begin: (first) => {
        file.writeAt(0, first.header);
        return target.keep(context.signal);
      },
    },
  );
  if (written.header !== undefined) file.writeAt(0, written.header);
  return written;
}

/** Goes on with an archive that an interrupted run left: as an update of it, of which only what is named stays. */
async function goOn(
  { ui }: CommandContext,
  partial: PartialArchive,
  archive: Archive,
  plan: StorePlan,
  own: readonly Identity[],
  storing: Storing,
): Promise<Created> {
  const { totals } = archive.trailer;
  ui.note(
    `going on from ${quoteName(partial.path)}, which has ${formatItems(totals.entries, "entry", "entries")} (${
      formatBytes(totals.bytes)
    })`,
  );
  const { ChangeFinder } = await import("../archive/changes.ts");
  const { updateArchive } = await import("../archive/update.ts");
  const finder = new ChangeFinder(nativeEngine, archive, {
    isGone: (path) => !plan.isUnseen(path),
    access: fileContent,
  });
  const found = plan.entries(own, { isKnown: (folder, name, glance) => finder.isKnown(folder, name, glance) });
  const written = await updateArchive(nativeEngine, partial.file, archive, finder, found, storing);
  const { archiveKey } = archive.opened.keys;
  if (written !== undefined) return { ...written, archiveKey };
  const { id, number } = archive;
  return { id, number, totals, archiveKey, length: partial.file.size };
}
