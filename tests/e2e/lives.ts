/**
 * Lives of archives: created with any mixture of options, updated after a tree has changed in every way, protected,
 * damaged and repaired, given other keys, copied. Each feature has tests of its own; these are about all of them
 * together. Every snapshot must give back the tree as it was, from the file and from a pipe.
 */
import { assertEquals } from "@std/assert";
import { dirname } from "@std/path";
import { Random } from "../../bench/random.ts";
import { expectExit, jsonLines, QUICK } from "./program.ts";
import { describeTree, exists } from "./trees.ts";

/** Bytes on and beside the borders of chunks, cells and blocks. */
const SIZES = [0, 1, 40, 700, 4095, 4096, 4097, 65_520, 65_521, 300_000, 2 ** 21 - 1, 2 ** 21, 2 ** 21 + 5000];
const PAGE = 4096;
const STEPS = 6;
/** Bits that a step flips; a record of 10 % mends so few wherever they are. */
const DAMAGES = 2;

/** Lives one archive's life in an empty folder; equal seeds give equal lives. */
export async function live(seed: number, folder: string): Promise<void> {
  await new Life(new Random(seed), folder).live();
}

/** A tree as it was when a snapshot was taken. */
type Described = Record<string, string>;

class Life {
  readonly #random: Random;
  readonly #at: { readonly cwd: string };
  readonly #tree: string;
  readonly #archive: string;
  readonly #snapshots: Described[] = [];
  #isProtected = false;

  constructor(random: Random, folder: string) {
    this.#random = random;
    this.#at = { cwd: folder };
    this.#tree = `${folder}/tree`;
    this.#archive = `${folder}/x.coffer`;
  }

  async live(): Promise<void> {
    Deno.mkdirSync(this.#tree);
    for (let i = 0; i < 8; i++) this.#writeNew();
    await this.#create();
    for (let i = 0; i < STEPS; i++) {
      for (let n = this.#random.below(4); n >= 0; n--) this.#change();
      await this.#update();
      if (this.#chance(3)) await this.#betweenUpdates();
    }
    await this.#check("x.coffer");
    await this.#copy();
  }

  #chance(one: number): boolean {
    return this.#random.below(one) === 0;
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)] as T;
  }

  async #create(): Promise<void> {
    const options = [...QUICK, "--jobs", this.#pick(["1", "2"])];
    if (this.#chance(2)) options.push("--dedup");
    if (this.#chance(3)) options.push("--suite", "aes-256-gcm");
    if (this.#chance(3)) options.push("--pad");
    if (this.#chance(4)) options.push("--store");
    if (this.#chance(3)) options.push("--checkpoint", "1MiB");
    this.#isProtected = this.#chance(3);
    if (this.#isProtected) options.push("--recovery", "10");
    await expectExit(0, ["create", ...options, "x.coffer", "tree"], this.#at);
    this.#snapshots.push(await describeTree(this.#tree));
  }

  async #update(): Promise<void> {
    const options = ["--always"];
    if (this.#chance(4)) options.push("--checksum");
    if (this.#chance(4)) options.push("--replace");
    if (this.#chance(4)) options.push("--checkpoint", "100KiB");
    await expectExit(0, ["update", ...options, "x.coffer", "tree"], this.#at);
    this.#snapshots.push(await describeTree(this.#tree));
  }

  async #betweenUpdates(): Promise<void> {
    const step = this.#random.below(4);
    if (step === 0) {
      this.#isProtected = !this.#isProtected;
      await expectExit(0, ["protect", "--recovery", this.#isProtected ? "10" : "0", "x.coffer"], this.#at);
    } else if (step === 1) {
      await expectExit(0, ["keygen", "-o", "k.key"], this.#at);
      await expectExit(0, ["keys", "add", "x.coffer", "--new-key-file", "k.key"], this.#at);
      Deno.removeSync(`${this.#at.cwd}/k.key`);
    } else if (step === 2) {
      await expectExit(0, ["verify", "x.coffer", "--against", "."], this.#at);
    } else if (this.#isProtected) await this.#damage();
  }

  /** Flips bits behind the header, and expects them mended. */
  async #damage(): Promise<void> {
    const before = Deno.readFileSync(this.#archive);
    const bytes = before.slice();
    for (let i = 0; i < DAMAGES; i++) {
      const at = 2 * PAGE + this.#random.below(bytes.length - 2 * PAGE);
      bytes[at] = (bytes[at] as number) ^ (1 << this.#random.below(8));
    }
    Deno.writeFileSync(this.#archive, bytes);
    await expectExit(0, ["repair", "x.coffer"], this.#at);
    assertEquals(equal(Deno.readFileSync(this.#archive), before), true, "repair did not give the archive back");
  }

  /** Every snapshot of an archive, by random access; the newest and the first from a pipe too. */
  async #check(archive: string, snapshots: readonly Described[] = this.#snapshots): Promise<void> {
    await expectExit(0, ["verify", archive], this.#at);
    const listed = jsonLines((await expectExit(0, ["snapshots", "--json", archive], this.#at)).out);
    assertEquals(listed.length, snapshots.length);
    for (const [i, described] of snapshots.entries()) {
      await this.#checkOne(["--snapshot", String(listed[i]?.number), archive], described);
    }
    const stdin = Deno.readFileSync(`${this.#at.cwd}/${archive}`);
    await this.#checkOne(["-"], snapshots[snapshots.length - 1] as Described, stdin);
    if (listed[0]?.number === 1) {
      await this.#checkOne(["--snapshot", "first", "-"], snapshots[0] as Described, stdin);
    }
  }

  async #checkOne(args: readonly string[], described: Described, stdin?: Uint8Array<ArrayBuffer>): Promise<void> {
    const options = ["--jobs", this.#pick(["1", "2"]), "--same-permissions", "-C", "out"];
    await expectExit(0, ["extract", ...options, ...args], { ...this.#at, ...(stdin === undefined ? {} : { stdin }) });
    assertEquals(await describeTree(`${this.#at.cwd}/out/tree`), described);
    Deno.removeSync(`${this.#at.cwd}/out`, { recursive: true });
  }

  async #copy(): Promise<void> {
    const options = [...QUICK, "--new-passphrase-file", "words"];
    Deno.writeTextFileSync(`${this.#at.cwd}/words`, "nine kites above the old harbour wall");
    if (this.#chance(2)) options.push("--dedup");
    if (this.#chance(2)) options.push("--recovery", "5");
    const kept = this.#chance(2) ? 1 + this.#random.below(3) : this.#snapshots.length;
    options.push("--keep-last", String(kept));
    await expectExit(0, ["copy", ...options, "x.coffer", "y.coffer"], this.#at);
    Deno.renameSync(`${this.#at.cwd}/y.coffer`, this.#archive);
    const env = { COFFER_PASSPHRASE: "nine kites above the old harbour wall" };
    Object.assign(this.#at, { env });
    await this.#check("x.coffer", this.#snapshots.slice(-kept));
  }

  #change(): void {
    const files = this.#filesBelow(this.#tree);
    const file = files.length > 0 ? this.#pick(files) : undefined;
    const action = this.#random.below(11);
    if (file === undefined || action < 2) this.#writeNew();
    else if (action === 2) Deno.writeFileSync(file, this.#content(this.#random.below(3000)), { append: true });
    else if (action === 3) Deno.removeSync(file);
    else if (action === 4) this.#move(file);
    else if (action === 5) Deno.copyFileSync(file, this.#newPath());
    else if (action === 6) this.#changePage(file);
    else if (action === 7) Deno.writeFileSync(file, join(this.#content(10_000), Deno.readFileSync(file)));
    else if (action === 8) Deno.linkSync(file, this.#newPath());
    else if (action === 9) Deno.symlinkSync(this.#pick(["nowhere", "/etc/passwd", "../up"]), this.#newPath());
    else Deno.chmodSync(file, this.#pick([0o600, 0o644, 0o755, 0o4711]));
  }

  #move(file: string): void {
    // Now and then a whole folder goes with it, or gives way to a file of its name.
    const from = this.#chance(3) && dirname(file) !== this.#tree ? dirname(file) : file;
    const to = `${this.#tree}/moved${this.#random.next()}`;
    Deno.renameSync(from, to);
    if (from !== file && this.#chance(2)) Deno.writeFileSync(from, this.#content(50));
  }

  #changePage(file: string): void {
    const bytes = Deno.readFileSync(file);
    const at = PAGE * this.#random.below(Math.floor(bytes.length / PAGE) + 1);
    const page = this.#chance(3) ? new Uint8Array(PAGE) : this.#content(PAGE);
    bytes.set(page.subarray(0, Math.min(PAGE, bytes.length - at)), at);
    Deno.writeFileSync(file, bytes);
  }

  #writeNew(): void {
    Deno.writeFileSync(this.#newPath(), this.#content(this.#pick(SIZES)));
  }

  #newPath(): string {
    const folder = this.#chance(2) ? this.#tree : `${this.#tree}/folder${this.#random.below(4)}`;
    // What was a folder may be a file by now.
    const isTaken = exists(folder) && !Deno.lstatSync(folder).isDirectory;
    const parent = isTaken ? this.#tree : folder;
    Deno.mkdirSync(parent, { recursive: true });
    return `${parent}/${this.#pick(["a", "é", "z z", "-rf", "λ"])}${this.#random.next()}`;
  }

  /** Content that compresses, content that does not, and content with holes. */
  #content(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(Math.ceil(length / 4) * 4);
    const kind = this.#random.below(3);
    if (kind === 0) this.#random.fill(bytes);
    else if (kind === 1) { for (let i = 0; i < bytes.length; i++) bytes[i] = 97 + this.#random.below(3); }
    else {for (let i = 0; i < bytes.length; i += 30_000) {
        this.#random.fill(bytes.subarray(i, Math.min(i + 400, bytes.length)));
      }}
    return bytes.subarray(0, length);
  }

  #filesBelow(folder: string): string[] {
    return [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1).flatMap((
      { name, isFile, isDirectory },
    ) => isDirectory ? this.#filesBelow(`${folder}/${name}`) : isFile ? [`${folder}/${name}`] : []);
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
