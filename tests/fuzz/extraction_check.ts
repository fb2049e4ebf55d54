/** Extracts and salvages archives to real folders, and looks at what is there afterwards: inside and beside. */
import { Archive } from "../../src/archive/archive.ts";
import { openSalvage } from "../../src/archive/salvage_open.ts";
import { ArchiveStream, SeveralSnapshotsError, SharedContentError } from "../../src/archive/stream_reader.ts";
import { TargetError } from "../../src/disk/atomic_file.ts";
import { extractArchive, extractStream } from "../../src/disk/extract.ts";
import { RestoreTarget } from "../../src/disk/restore.ts";
import { salvageInto } from "../../src/disk/salvage.ts";
import { removeTree } from "../../src/disk/target_place.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { CountedSource } from "../archive/sources.ts";
import { describeTree, writeTree } from "../e2e/trees.ts";
import { type BuiltArchive, Finding } from "./archive_target.ts";

/** Larger files are holes for the most part: their sizes are compared, not their content. */
const MOST_BYTES = 2 ** 22;

type Way = "stream" | "seek" | "salvage";

/** A folder with something precious beside the place where archives are restored. */
export class ExtractionGround implements Disposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "coffer-fuzz-" });
  #before = "";

  /** Removes everything. */
  [Symbol.dispose](): void {
    removeTree(this.#folder);
  }

  /**
   * Extracts an archive in two ways, and salvages it.
   *
   * @throws {Finding} when something beside the target changed, or the ways disagree.
   */
  async check(built: BuiltArchive): Promise<void> {
    if (this.#before === "") {
      writeTree(this.#folder, { "beside/precious": "precious", "beside/folder/more": "more" });
      Deno.chmodSync(`${this.#folder}/beside/precious`, 0o640);
      this.#before = await this.#beside();
    }
    const [stream, streamed] = await this.#run(built, "stream");
    const [seek, sought] = await this.#run(built, "seek");
    await this.#run(built, "salvage");
    if (stream === "none" && (seek !== "none" || streamed !== sought)) {
      throw new Finding(`Extracted from a pipe: ${streamed}; by seeking: "${seek}" ${sought}`);
    }
  }

  async #beside(): Promise<string> {
    return JSON.stringify(await describeTree(`${this.#folder}/beside`));
  }

  async #run(built: BuiltArchive, way: Way): Promise<readonly [outcome: string, tree: string]> {
    const target = `${this.#folder}/target`;
    const refused: string[] = [];
    let outcome = "none";
    try {
      using restore = RestoreTarget.open({
        directory: target,
        onProblem: ({ path, kind, error }) => {
          if (error instanceof TypeError || error instanceof RangeError) throw error;
          refused.push(`${path}: ${kind}`);
        },
      });
      await extract(built, restore, way);
      restore.finish();
    } catch (error) {
      if (error instanceof ArchiveError) outcome = error.code;
      else if (error instanceof SeveralSnapshotsError) outcome = "several snapshots";
      else if (error instanceof SharedContentError) outcome = "shared content";
      else if (error instanceof TargetError || isSystemError(error)) outcome = "system";
      else throw error;
    }
    const names = [...Deno.readDirSync(this.#folder)].map(({ name }) => name).sort().join();
    if (names !== "beside" && names !== "beside,target") throw new Finding(`After ${way} there are ${names}`);
    if (await this.#beside() !== this.#before) throw new Finding(`${way} changed what is beside the target`);
    const isThere = names !== "beside";
    if (isThere !== (outcome === "none")) throw new Finding(`${way} ended as "${outcome}" and left ${names}`);
    const tree = isThere ? describe(target) : "";
    if (isThere) removeTree(target);
    return [outcome, `${tree} refused: ${refused.sort().join("; ")}`];
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code);
}

async function extract({ bytes, options }: BuiltArchive, target: RestoreTarget, way: Way): Promise<void> {
  const settings = { place: ({ path }: { readonly path: string }) => path, prefixes: [""], maxExpansion: 1000 };
  if (way === "stream") {
    await extractStream(await ArchiveStream.open(nativeEngine, [bytes], options), target, settings);
  } else if (way === "seek") {
    const archive = await Archive.open(nativeEngine, new CountedSource(bytes), options);
    await extractArchive(archive, bytes.length, target, settings);
  } else {
    const salvage = await openSalvage(nativeEngine, new CountedSource(bytes), options);
    await salvageInto(salvage, bytes.length, target, { maxExpansion: 1000 });
  }
}

/** What is below a folder: kinds, modes, sizes, targets, and contents of what is small. */
function describe(folder: string): string {
  const found: string[] = [];
  const visit = (prefix: string): void => {
    const names = [...Deno.readDirSync(folder + prefix)].map(({ name }) => name).sort();
    for (const name of names) {
      const path = `${prefix}/${name}`;
      const info = Deno.lstatSync(folder + path);
      const mode = ((info.mode ?? 0) & 0o7777).toString(8);
      let more = "";
      if (info.isSymlink) more = Deno.readLinkSync(folder + path);
      else if (info.isFile) {
        more = `${info.size} x${info.nlink} ${info.size <= MOST_BYTES ? contentOf(folder + path) : ""}`;
      }
      found.push(`${JSON.stringify(path)} ${mode} ${info.isDirectory ? "folder" : more}`);
      if (info.isDirectory) visit(path);
    }
  };
  visit("");
  return found.join("\n");
}

function contentOf(path: string): string {
  return nativeEngine.sha256(Deno.readFileSync(path)).toHex().slice(0, 16);
}
