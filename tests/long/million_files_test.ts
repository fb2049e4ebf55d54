/**
 * An archive of a million files, made, listed, checked and restored by the program: memory must not grow with their
 * number. Takes minutes, and 14 GB of disk (a block of 4 KiB a file, three times) that is free again afterwards. What
 * is restored is not removed in between: ext4 makes files twenty times as slowly for a while after a million were
 * deleted.
 */
import { assert } from "@std/assert";
import { measure } from "../../bench/measure.ts";
import { Random } from "../../bench/random.ts";
import { inFolder, LINUX, testWith } from "../e2e/conditions.ts";
import { environment, PROGRAM, QUICK } from "../e2e/program.ts";

const FOLDERS = 1000;
const FILES_PER_FOLDER = 1000;
/** Most bytes of memory that a run may have resident, besides what its key derivation fills. */
const BOUND = 300 * 2 ** 20;
/** What scrypt fills at the least cost that the program makes: 128 bytes × 8 × 2^15. */
const KDF_BYTES = 2 ** 25;

/** Files with names and contents that hardly compress, so that every row has to be kept for what it is. */
function writeFiles(folder: string): void {
  for (let d = 0; d < FOLDERS; d++) {
    const generator = new Random(1 + d);
    const random = new Uint8Array(Uint32Array.from({ length: 8 * FILES_PER_FOLDER }, () => generator.next()).buffer);
    const inside = `${folder}/folder-${random.slice(0, 4).toHex()}-${d}`;
    Deno.mkdirSync(inside);
    for (let f = 0; f < FILES_PER_FOLDER; f++) {
      const own = random.subarray(32 * f, 32 * f + 32);
      Deno.writeFileSync(
        `${inside}/${own.slice(0, 10).toHex()}-${f}.data`,
        own.subarray(12, 12 + (own[0] as number) % 20),
      );
    }
  }
}

testWith(
  LINUX,
  "a million files are made into an archive, listed, checked and restored in bounded memory",
  async () => {
    await inFolder(async (folder) => {
      Deno.mkdirSync(`${folder}/tree`);
      writeFiles(`${folder}/tree`);
      const archive = `${folder}/archive.coffer`;
      const piped = (
        words: readonly string[],
      ) => ["sh", "-c", 'archive=$1; shift; exec "$@" <"$archive"', "sh", archive, ...words];
      const runs: readonly (readonly [what: string, command: readonly string[]])[] = [
        ["create", [...PROGRAM, "create", ...QUICK, "-q", archive, "-C", `${folder}/tree`, "."]],
        ["create to a pipe", [...PROGRAM, "create", ...QUICK, "-q", "-", "-C", `${folder}/tree`, "."]],
        ["list", [...PROGRAM, "list", archive]],
        ["list from a pipe", piped([...PROGRAM, "list", "-"])],
        ["verify", [...PROGRAM, "verify", "-q", archive]],
        ["verify on one thread", [...PROGRAM, "verify", "-q", "--jobs", "1", archive]],
        ["extract", [...PROGRAM, "extract", "-q", archive, "-C", `${folder}/restored`]],
        ["extract from a pipe", piped([...PROGRAM, "extract", "-q", "-", "-C", `${folder}/restored-2`])],
      ];
      const over: string[] = [];
      for (const [what, command] of runs) {
        const { seconds, peakBytes } = await measure(command, { cwd: folder, env: environment() });
        assert(peakBytes !== undefined, `${what}: its memory is not known`);
        const said = `${what}: ${Math.round(seconds)} s, ${Math.round(peakBytes / 2 ** 20)} MiB`;
        console.log(said);
        if (peakBytes > BOUND + KDF_BYTES) over.push(said);
      }
      assert(over.length === 0, `more memory than ${(BOUND + KDF_BYTES) / 2 ** 20} MiB: ${over.join("; ")}`);
    });
  },
);
