/**
 * One run of the comparison: who is measured when. Sides that are compared take turns within a round, so that a slow
 * minute of the machine meets all of them; what the time allows is decided on the way, and what was left out is said.
 */
import { join } from "@std/path";
import { describeMachine } from "../machine.ts";
import { summarize } from "../statistics.ts";
import { type Action, type Contender, CONTENDERS, type Keys, type Place } from "./contenders.ts";
import { type Corpus, type CorpusName, count } from "./corpora.ts";
import { measureFloors } from "./floors.ts";
import { AIMS } from "./reach.ts";
import type { Comparison, Floor, Taker } from "./results.ts";
import { outputOf, prepare, runPipeline, type Sample, type ShellOptions, type Stage } from "./shell.ts";
import { measureUpdates, type Updates } from "./updates.ts";

/** What a session is given. */
export interface SessionOptions {
  readonly coffer: Stage;
  /** Threads that Coffer is told to use; its default if absent. */
  readonly jobs: number | undefined;
  readonly corpora: readonly Corpus[];
  /** Names of those that take part. */
  readonly contenders: readonly string[];
  /** An empty folder for archives and extracted trees. */
  readonly work: string;
  /** Whether that folder is in memory. */
  readonly inMemory: boolean;
  /** All that is started is over by then, in milliseconds as `performance.now()` counts. */
  readonly deadlineMs: number;
  /** Rounds of the fast contenders that are always tried, and those added while there is time. */
  readonly rounds: { readonly wanted: number; readonly most: number };
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Called with what there is so far, after each part. */
  readonly save: (part: SessionResults) => Promise<void>;
  /** Whether only second runs are measured. */
  readonly onlyUpdates: boolean;
}

/** What a session has found out. */
export type SessionResults = Pick<Comparison, "takers" | "cells" | "floors" | "updates">;

/** What listing and one file are compared on. */
const LISTED: readonly CorpusName[] = ["small", "mixed"];
const BULK: readonly Action[] = ["create", "extract", "verify"];
/** What writes as much as a corpus has. */
const WRITING: readonly Action[] = ["create", "extract"];
const LOOK: readonly Action[] = ["list", "one"];
const LOOK_ROUNDS = 5;
/** What looks into one corpus may take; kept free while the slow ones make their archives. */
const LOOK_SECONDS = 75;
const KDF_ROUNDS = 5;
/** No run of one program may take the time of all others. */
const LONGEST_SECONDS = 300;

interface MutableCell {
  corpus: CorpusName;
  contender: string;
  action: Action;
  samples: Sample[];
  archiveBytes?: number;
  error?: string;
}

/** Runs it all; see {@linkcode SessionOptions}. */
export class Session {
  readonly #options: SessionOptions;
  readonly #cells = new Map<string, MutableCell>();
  readonly #floors: Floor[] = [];
  readonly #takers: Taker[] = [];
  #updates: Updates | undefined;
  #present: Contender[] = [];
  #keys: Keys | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Everything that fits into the time, the most telling first. */
  async run(): Promise<void> {
    const { corpora, rounds } = this.#options;
    try {
      await this.#enter();
      if (this.#options.onlyUpdates) return await this.#measureUpdates();
      const all = this.#present.filter(({ onlyUpdates }) => onlyUpdates !== true);
      const fast = all.filter(({ speed }) => speed === "fast");
      // Whoever takes longest comes last, so that what it leaves no time for is itself.
      const isLast = ({ name }: Contender) => Number(name === "7zz");
      const slow = all.filter(({ speed }) => speed === "slow").toSorted((a, b) => isLast(a) - isLast(b));
      let roundSeconds = 0;
      for (const corpus of corpora) {
        await this.#floor(corpus);
        const start = performance.now();
        await this.#fastRound(corpus, fast, 0);
        roundSeconds += (performance.now() - start) / 1000;
      }
      await this.#measureUpdates();
      const reserve = roundSeconds * (rounds.wanted - 1) * 1.1;
      const listed = corpora.filter(({ name }) => LISTED.includes(name));
      for (const [i, corpus] of listed.entries()) {
        await this.#slowRound(corpus, slow, reserve + LOOK_SECONDS * (listed.length - i));
        await this.#look(corpus, fast, slow, reserve + LOOK_SECONDS * (listed.length - i - 1));
      }
      for (let round = 1; round < rounds.wanted && this.#hasTime(roundSeconds, round); round++) {
        for (const corpus of corpora) await this.#fastRound(corpus, fast, round);
      }
      for (const corpus of corpora.filter(({ name }) => !LISTED.includes(name))) {
        await this.#slowRound(corpus, slow, 0);
      }
      for (let round = rounds.wanted; round < rounds.most && this.#left() > roundSeconds * 1.15; round++) {
        for (const corpus of corpora) await this.#fastRound(corpus, fast, round);
      }
    } finally {
      await this.#leave();
    }
  }

  #hasTime(seconds: number, round: number): boolean {
    if (this.#left() > seconds) return true;
    this.#options.say(`*** Round ${round + 1} and those after it are left out: there is no time ***`);
    return false;
  }

  #left(): number {
    return (this.#options.deadlineMs - performance.now()) / 1000;
  }

  /** Finds who is here, makes keys, and measures what deriving them costs. */
  async #enter(): Promise<void> {
    const { coffer, contenders, work, say, onlyUpdates } = this.#options;
    await Deno.mkdir(join(work, "home", "gnupg"), { recursive: true, mode: 0o700 });
    await Deno.mkdir(join(work, "home", "borg"), { recursive: true });
    const wanted = CONTENDERS.filter(({ name, update }) =>
      contenders.includes(name) && (!onlyUpdates || update !== undefined)
    );
    for (const contender of wanted) {
      const { name, title, keyNote } = contender;
      const missing: string[] = [];
      for (const program of contender.programs) {
        if (await outputOf(["sh", "-c", `command -v ${program}`]) === undefined) missing.push(program);
      }
      const version = missing.length > 0 ? undefined : await contender.version(coffer);
      if (version === undefined) say(`*** ABSENT: ${title}: ${missing.join(", ") || "it"} cannot be run ***`);
      else this.#present.push(contender);
      this.#takers.push({ name, title, version, keyNote, kdfSeconds: 0 });
    }
    this.#keys = await this.#makeKeys();
    for (const contender of this.#present.filter(({ derives }) => derives)) {
      try {
        const kdfSeconds = await this.#measureKdf(contender);
        say(`${contender.title}: deriving its key takes ${kdfSeconds.toFixed(3)} s`);
        const at = this.#takers.findIndex(({ name }) => name === contender.name);
        this.#takers[at] = { ...this.#takers[at] as Taker, kdfSeconds };
      } catch (error) {
        this.#options.signal.throwIfAborted();
        say(`*** FAILED: ${contender.title}, deriving its key: ${messageOf(error)} ***`);
      }
    }
  }

  async #makeKeys(): Promise<Keys> {
    const { work, coffer } = this.#options;
    const folder = join(work, "keys");
    await Deno.mkdir(folder);
    const passphrase = "correct horse battery staple measures again";
    const keys = {
      cofferKey: join(folder, "coffer.key"),
      ageIdentity: join(folder, "age.txt"),
      passphraseFile: join(folder, "passphrase"),
      passphrase,
    };
    await Deno.writeTextFile(keys.passphraseFile, `${passphrase}\n`);
    if (this.#present.some(({ name }) => name.startsWith("coffer"))) {
      await prepare([...coffer, "keygen", "--output", keys.cofferKey], { cwd: folder });
    }
    if (!this.#present.some(({ programs }) => programs.includes("age"))) return { ...keys, ageRecipient: "" };
    await prepare(["age-keygen", "-o", keys.ageIdentity], { cwd: folder });
    const recipient = /public key: (\S+)/.exec(await Deno.readTextFile(keys.ageIdentity))?.[1] ?? "";
    return { ...keys, ageRecipient: recipient };
  }

  /** Listing an archive of one file, with and without a key: the difference of the least, where least noise is. */
  async #measureKdf(contender: Contender): Promise<number> {
    const folder = join(this.#options.work, "tiny");
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(join(folder, "file"), "hello\n");
    const least: number[] = [];
    for (const encrypted of [true, false]) {
      const place = await this.#place(contender, { folder, sample: "file" }, `tiny-${encrypted}`);
      await contender.init?.(place, encrypted);
      const options = this.#shell(contender, place, 60);
      const run = async (action: Action) => {
        const pipeline = contender.pipeline(action, place, encrypted);
        return pipeline === undefined ? undefined : await runPipeline(pipeline, options);
      };
      await run("create");
      const seconds: number[] = [];
      for (let i = 0; i < KDF_ROUNDS; i++) seconds.push((await run("list"))?.seconds ?? 0);
      least.push(summarize(seconds).min);
      await remove(place.folder);
    }
    const [withKey = 0, without = 0] = least;
    return Math.max(0, withKey - without);
  }

  async #floor(corpus: Corpus): Promise<void> {
    const { say, work } = this.#options;
    say(`${corpus.name}: ${corpus.files} files, ${(corpus.bytes / 1e6).toFixed(0)} MB: floors`);
    const target = join(work, "floor");
    const fresh = async () => {
      await remove(target);
      await Deno.mkdir(target);
      return target;
    };
    const options = { ...this.#shell(undefined, undefined, LONGEST_SECONDS) };
    this.#floors.push(...await measureFloors(corpus, 3, fresh, options));
    await remove(target);
    await this.#save();
  }

  /** Second runs, over the small corpus. */
  async #measureUpdates(): Promise<void> {
    const { corpora, rounds, work, say, signal } = this.#options;
    const corpus = corpora.find(({ name }) => name === "small");
    const contenders = this.#present.filter(({ update }) => update !== undefined);
    if (corpus === undefined || contenders.length === 0) return;
    say(`${corpus.name}: second runs`);
    const about = {
      date: new Date().toISOString(),
      machine: describeMachine(),
      loadBefore: Deno.loadavg()[0] ?? 0,
    };
    const found = await measureUpdates(corpus, rounds.wanted, {
      contenders,
      work,
      signal,
      say,
      place: (contender, folder, part) => this.#place(contender, { folder, sample: "" }, part),
      shell: (contender, place) => this.#shell(contender, place, LONGEST_SECONDS),
      remove,
    });
    this.#updates = { ...about, ...found };
    await this.#save();
  }

  /** All fast contenders, in turn, for each action; who begins changes with the round. */
  async #fastRound(corpus: Corpus, contenders: readonly Contender[], round: number): Promise<void> {
    const order = rotate(contenders, round);
    for (const action of BULK) {
      for (const contender of order) await this.#measure(corpus, contender, action, round, LONGEST_SECONDS);
    }
    for (const contender of order) await remove(this.#folder(contender, corpus.name));
    await this.#save();
  }

  /** The slow ones once, as far as the time goes that is not reserved. */
  async #slowRound(corpus: Corpus, slow: readonly Contender[], reserve: number): Promise<void> {
    const isListed = LISTED.includes(corpus.name);
    for (const contender of slow) {
      // Without its rivals a look has nobody to be compared with, so they may take of what rounds would have.
      const kept = contender.name !== "7zz" && isRival(contender.name, "list") ? reserve / 2 : reserve;
      for (const action of BULK) {
        const expected = this.#expected(corpus, contender, action);
        const seconds = Math.min(LONGEST_SECONDS, this.#left() - kept);
        if (seconds < Math.max(expected, 5)) {
          const cell = this.#cell(corpus.name, contender, action);
          if (cell.samples.length === 0) cell.error ??= "left out: no time";
          this.#options.say(`${corpus.name}: ${action}: ${contender.title} left out, there is no time`);
        } else {
          await this.#measure(corpus, contender, action, 0, seconds);
        }
      }
      if (!isListed) await remove(this.#folder(contender, corpus.name));
      await this.#save();
    }
  }

  /** Looks into all archives, several times: an archive is made once, those of the slow ones are still there. */
  async #look(corpus: Corpus, fast: readonly Contender[], slow: readonly Contender[], reserve: number): Promise<void> {
    for (const contender of fast) await this.#makeArchive(corpus, contender);
    const all = [...fast, ...slow];
    for (let round = 0; round < LOOK_ROUNDS; round++) {
      for (const action of LOOK) {
        // Those that no aim names read everything for a look; two rounds of that are enough.
        const turns = rotate(all, round).filter(({ name }) => round < 2 || name === "coffer" || isRival(name, action));
        for (const contender of turns) {
          await this.#measure(corpus, contender, action, round, Math.min(60, this.#left() - reserve / 2));
        }
      }
    }
    for (const contender of all) await remove(this.#folder(contender, corpus.name));
    await this.#save();
  }

  /** What it would take, going by what it took for other bytes. */
  #expected(corpus: Corpus, contender: Contender, action: Action): number {
    for (const other of this.#options.corpora) {
      const seconds = this.#cells.get(key(other.name, contender.name, action))?.samples[0]?.seconds;
      if (seconds !== undefined && other.bytes > 0) return 1.2 * seconds * corpus.bytes / Math.max(other.bytes, 5e8);
    }
    return 0;
  }

  /** An archive to look into; a failure shows in the cells that needed it. */
  async #makeArchive(corpus: Corpus, contender: Contender): Promise<void> {
    const place = await this.#place(contender, corpus, corpus.name);
    try {
      const pipeline = contender.pipeline("create", place, true);
      if (pipeline !== undefined) {
        await runPipeline(pipeline, this.#shell(contender, place, LONGEST_SECONDS));
        this.#made.add(place.folder);
      }
    } catch {
      this.#options.signal.throwIfAborted();
    }
  }

  readonly #made = new Set<string>();

  async #measure(
    corpus: Corpus,
    contender: Contender,
    action: Action,
    round: number,
    timeoutSeconds: number,
  ): Promise<void> {
    const { say, signal } = this.#options;
    const cell = this.#cell(corpus.name, contender, action);
    if (cell.error !== undefined) return;
    const label = `${corpus.name}: ${action}, round ${round + 1}: ${contender.title}`;
    let place: Place | undefined;
    try {
      if (timeoutSeconds < 1) {
        if (cell.samples.length > 0) return;
        throw new Error("left out: no time");
      }
      if (action === "create") {
        place = await this.#place(contender, corpus, corpus.name);
        await contender.init?.(place, true);
      } else {
        if (!this.#made.has(this.#folder(contender, corpus.name))) throw new Error("there is no archive");
        place = this.#placeOf(contender, corpus, corpus.name);
        await remove(place.target);
        await Deno.mkdir(place.target, { recursive: true });
      }
      const pipeline = contender.pipeline(action, place, true);
      if (pipeline === undefined) throw new Error("it cannot do this");
      if (this.#options.inMemory && WRITING.includes(action)) await touchMemory(place.folder, corpus.bytes);
      const sample = await runPipeline(pipeline, this.#shell(contender, place, timeoutSeconds));
      if (action === "create") {
        cell.archiveBytes = count(place.folder).bytes;
        this.#made.add(place.folder);
      }
      if (action === "extract" && round === 0) checkExtracted(corpus, place.target);
      cell.samples.push(sample);
      const peak = sample.peakBytes === undefined ? "" : `, ${(sample.peakBytes / 2 ** 20).toFixed(0)} MiB`;
      const size = action === "create" ? `, makes ${((cell.archiveBytes ?? 0) / 1e6).toFixed(1)} MB` : "";
      say(`${label}: ${sample.seconds.toFixed(2)} s${peak}${size}`);
    } catch (error) {
      signal.throwIfAborted();
      cell.error = messageOf(error);
      say(`*** FAILED: ${label}: ${cell.error} ***`);
    } finally {
      if (place !== undefined) await remove(place.target);
    }
  }

  #cell(corpus: CorpusName, contender: Contender, action: Action): MutableCell {
    const name = key(corpus, contender.name, action);
    const found = this.#cells.get(name);
    if (found !== undefined) return found;
    const cell: MutableCell = { corpus, contender: contender.name, action, samples: [] };
    this.#cells.set(name, cell);
    return cell;
  }

  #folder(contender: Contender, part: string): string {
    return join(this.#options.work, "archives", `${part}-${contender.name}`);
  }

  #placeOf(contender: Contender, corpus: Place["corpus"], part: string): Place {
    const { work, coffer, jobs } = this.#options;
    if (this.#keys === undefined) throw new Error("Cannot measure: there are no keys yet");
    const folder = this.#folder(contender, part);
    const target = join(work, "extracted");
    return { corpus, folder, target, keys: this.#keys, coffer, jobs, home: join(work, "home") };
  }

  /** An empty place for a new archive. */
  async #place(contender: Contender, corpus: Place["corpus"], part: string): Promise<Place> {
    const place = this.#placeOf(contender, corpus, part);
    await remove(place.folder);
    this.#made.delete(place.folder);
    await Deno.mkdir(place.folder, { recursive: true });
    return place;
  }

  #shell(contender: Contender | undefined, place: Place | undefined, timeoutSeconds: number): ShellOptions {
    const { work, signal } = this.#options;
    const env = contender === undefined || place === undefined ? {} : contender.env?.(place) ?? {};
    return { scratch: work, env, timeoutSeconds, signal };
  }

  async #save(): Promise<void> {
    await this.#options.save({
      takers: this.#takers,
      cells: [...this.#cells.values()],
      floors: this.#floors,
      ...(this.#updates === undefined ? {} : { updates: this.#updates }),
    });
  }

  async #leave(): Promise<void> {
    await this.#save();
    // gpg leaves a server behind, in the home that is about to be removed.
    if (this.#present.some(({ name }) => name === "gpg")) {
      await outputOf(["gpgconf", "--kill", "all"], { env: { GNUPGHOME: join(this.#options.work, "home", "gnupg") } });
    }
  }
}

/**
 * Fills as much memory as is about to be written, and gives it back. A virtual machine's host finds memory when it is
 * touched first, which takes seven times as long as using it again; whose turn that is would be chance.
 */
async function touchMemory(folder: string, bytes: number): Promise<void> {
  const path = join(folder, ".touched");
  const zeros = new Uint8Array(2 ** 22);
  try {
    using file = await Deno.create(path);
    for (let left = bytes; left > 0; left -= zeros.length) file.writeSync(zeros);
  } finally {
    await remove(path);
  }
}

/** A quick run that restores nothing is no good. Symlinks are not counted: zpaq does not store them. */
function checkExtracted(corpus: Corpus, target: string): void {
  const { files, bytes } = count(target);
  if (files !== corpus.files || bytes !== corpus.bytes) {
    throw new Error(`${files} files with ${bytes} bytes came out of ${corpus.files} with ${corpus.bytes}`);
  }
}

function isRival(name: string, action: Action): boolean {
  return AIMS.some((aim) => aim.action === action && aim.against.includes(name));
}

function key(corpus: string, contender: string, action: string): string {
  return `${corpus}/${contender}/${action}`;
}

function rotate<T>(items: readonly T[], by: number): T[] {
  const at = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function remove(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
