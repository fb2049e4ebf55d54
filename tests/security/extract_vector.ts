/** Extracts the archive of an extraction vector in any way there is. */
import { decodeHex } from "@std/encoding/hex";
import { Archive } from "../../src/archive/archive.ts";
import { ArchiveStream } from "../../src/archive/stream_reader.ts";
import type { Key } from "../../src/archive/unlock.ts";
import { TargetError } from "../../src/disk/atomic_file.ts";
import type { DiskCalls } from "../../src/disk/disk_calls.ts";
import { extractArchive, extractStream } from "../../src/disk/extract.ts";
import { FileSource } from "../../src/disk/file_source.ts";
import type { RestoreProblemKind } from "../../src/disk/refusal.ts";
import { RestoreTarget } from "../../src/disk/restore.ts";
import type { ExtractReport } from "../../src/disk/restorer.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { openInParallel } from "../../src/parallel/open_blocks.ts";
import { restoreInParallel } from "../../src/parallel/restore_files.ts";
import type { ExtractionVector } from "../vectors/extraction/extraction_vector.ts";
import { archiveOf } from "../vectors/vector_file.ts";

/** How an archive is extracted: with random access or as a stream, on so many threads. */
export interface Way {
  readonly from: "seek" | "stream";
  readonly jobs: number;
}

/** What extracting gave. */
export interface Extracted {
  /** The failure class, `none`, or `system` for an error of the file system. */
  readonly outcome: string;
  /** Entries that were not restored, sorted. */
  readonly refused: readonly (readonly [path: string, kind: RestoreProblemKind])[];
  /** Entries that were restored. */
  readonly entries: number;
}

/** From this length on, files are restored on threads. */
const PARALLEL_FROM = 2 ** 22;

/** An archive and what opens it. */
export interface Openable {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly keys: readonly Key[];
}

/** A vector's archive. */
export async function openable({ archive, archiveKey }: ExtractionVector): Promise<Openable> {
  return {
    bytes: new Uint8Array(await archiveOf({ archive })),
    keys: [{ kind: "archive-key", archiveKey: decodeHex(archiveKey) }],
  };
}

/** Extracts into a target. Whatever is no failure of an archive or the file system is thrown. */
export async function extractVector(
  archive: Openable,
  directory: string,
  way: Way,
  calls: DiskCalls,
): Promise<Extracted> {
  const refused: (readonly [path: string, kind: RestoreProblemKind])[] = [];
  const settings = {
    place: ({ path }: { readonly path: string }) => path,
    prefixes: [""],
    maxExpansion: 1000,
    distinctPlaces: true,
  };
  const told = (outcome: string, report?: ExtractReport): Extracted => ({
    outcome,
    refused: outcome === "none" ? refused.sort(([a], [b]) => a < b ? -1 : 1) : [],
    entries: report?.entries ?? 0,
  });
  const openTarget = () =>
    RestoreTarget.open({ directory, calls, onProblem: ({ path, kind }) => refused.push([path, kind]) });
  try {
    let report: ExtractReport;
    if (way.from === "stream") {
      const stream = await ArchiveStream.open(nativeEngine, [archive.bytes], archive);
      using target = openTarget();
      using openers = new DisposableStack();
      report = await extractStream(stream, target, {
        ...settings,
        opener: (setting) => openers.use(openInParallel(setting, { jobs: way.jobs })),
      });
      target.finish();
    } else {
      report = await bySeeking(archive, way.jobs, openTarget, settings);
    }
    return told("none", report);
  } catch (error) {
    if (error instanceof ArchiveError) return told(error.code);
    if (error instanceof TargetError || error instanceof Error && "code" in error) return told("system");
    throw error;
  }
}

async function bySeeking(
  { bytes, keys }: Openable,
  jobs: number,
  openTarget: () => RestoreTarget,
  settings: Parameters<typeof extractArchive>[3],
): Promise<ExtractReport> {
  const path = Deno.makeTempFileSync({ prefix: "coffer-vector-" });
  try {
    Deno.writeFileSync(path, bytes);
    using source = FileSource.open(path);
    const archive = await Archive.open(nativeEngine, source, { keys });
    using target = openTarget();
    // Small archives are not worth threads, which is no reason to leave threads untried.
    const setting = { ...archive.setting, end: Math.max(archive.setting.end, PARALLEL_FROM) };
    const report = await extractArchive(archive, bytes.length, target, {
      ...settings,
      ...(jobs === 1 ? {} : {
        crew: (host) =>
          restoreInParallel(host, setting, {
            jobs,
            descriptor: source.descriptor,
            access: (place) => archive.accessTo(place),
            metadata: {},
          }),
      }),
    });
    target.finish();
    return report;
  } finally {
    Deno.removeSync(path);
  }
}
