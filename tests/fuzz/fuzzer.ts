/**
 * Makes inputs, feeds them to readers and decoders, and keeps those that reach an answer that was not seen before: the
 * messages of refusals, without names and numbers, tell well where in the code an input came to.
 */
import type { Bytes } from "../../src/engine/engine.ts";
import { type ArchiveRecipe, buildArchive, checkArchive, nearRecipe, randomRecipe } from "./archive_target.ts";
import { mutateBytesOften, mutateText } from "./byte_mutations.ts";
import { Chance } from "./chance.ts";
import { CODEC_TARGETS, type CodecTarget } from "./codec_targets.ts";
import { ExtractionGround } from "./extraction_check.ts";
import { buildGrown, checkGrown, randomGrown } from "./grown_target.ts";
import { runCodec, type Trial } from "./finding_file.ts";

/** Decoders are a hundred times quicker than whole archives. */
const CODECS_PER_ARCHIVE = 40;
/** Inputs kept of one target. */
const MOST_KEPT = 200;
/** Longer ones are not kept, or they would grow for ever. */
const MOST_BYTES = 2 ** 16;
/** What no input may cost, beyond what the process has already. */
const MAX_GROWTH = 300 * 2 ** 20;

/** How long, and from which number on. */
export interface FuzzOptions {
  readonly seed: number;
  /** Ends the run, in milliseconds. */
  readonly forMs: number;
  /** Told before each input is tried. */
  readonly onTrial: (number: number, trial: Trial) => void;
  /** Told of what must not be. */
  readonly onFinding: (trial: Trial, error: unknown) => Promise<void>;
}

/** What a run came to. */
export interface FuzzReport {
  readonly archives: number;
  readonly accepted: number;
  readonly extracted: number;
  readonly salvaged: number;
  /** Archives of several segments. */
  readonly grown: number;
  readonly codecs: number;
  /** Different answers that were seen. */
  readonly answers: number;
  readonly findings: number;
  /** Peak of the process's memory as sampled, in bytes. */
  readonly rss: number;
  /** Time of the slowest input, in milliseconds. */
  readonly slowestMs: number;
}

/** One run. */
export class Fuzzer implements Disposable {
  readonly #chance: Chance;
  readonly #options: FuzzOptions;
  readonly #ground = new ExtractionGround();
  readonly #answers = new Set<string>();
  readonly #recipes: ArchiveRecipe[] = [];
  readonly #kept: Bytes[][];
  readonly #counts = {
    archives: 0,
    accepted: 0,
    extracted: 0,
    salvaged: 0,
    grown: 0,
    codecs: 0,
    findings: 0,
    rss: 0,
    slowestMs: 0,
  };
  readonly #found = new Set<string>();
  #number = 0;

  /** Prepares a run. */
  constructor(options: FuzzOptions) {
    this.#options = options;
    this.#chance = new Chance(options.seed);
    this.#kept = CODEC_TARGETS.map(({ seeds }) => [...seeds]);
  }

  /** Removes the folders of extractions. */
  [Symbol.dispose](): void {
    this.#ground[Symbol.dispose]();
  }

  /** Tries inputs until the time is over. */
  async run(): Promise<FuzzReport> {
    for (const end = performance.now() + this.#options.forMs; performance.now() < end;) {
      if (this.#chance.oneIn(6)) await this.#grown();
      else await this.#archive();
      for (let i = 0; i < CODECS_PER_ARCHIVE; i++) await this.#codec();
      this.#counts.rss = Math.max(this.#counts.rss, Deno.memoryUsage().rss);
    }
    return { ...this.#counts, answers: this.#answers.size };
  }

  async #archive(): Promise<void> {
    const chance = this.#chance;
    const recipe = this.#recipes.length > 0 && !chance.oneIn(3)
      ? nearRecipe(chance.pick(this.#recipes), chance)
      : randomRecipe(chance);
    const sample = chance.u32();
    const built = buildArchive(recipe);
    if (built === undefined) return;
    await this.#try({ target: "archive", recipe, bytes: built.bytes }, async () => {
      this.#counts.archives++;
      const checks = { salvage: sample % 4 === 0, splits: sample % 8 === 1, otherEngine: sample % 32 === 2 };
      const signs = await checkArchive(built, checks);
      const isNew = this.#isNew(signs);
      if (signs[0]?.startsWith("stream none")) this.#counts.accepted++;
      if (checks.salvage) this.#counts.salvaged++;
      if (isNew && this.#recipes.push(recipe) > MOST_KEPT) this.#recipes.splice(chance.below(MOST_KEPT), 1);
      if (isNew || sample % 16 === 3) {
        this.#counts.extracted++;
        await this.#ground.check(built);
      }
    });
  }

  async #grown(): Promise<void> {
    const recipe = randomGrown(this.#chance);
    const bytes = buildGrown(recipe);
    await this.#try({ target: "grown", recipe, bytes }, async () => {
      this.#counts.grown++;
      this.#isNew(await checkGrown(bytes));
    });
  }

  async #codec(): Promise<void> {
    const chance = this.#chance;
    const at = chance.below(CODEC_TARGETS.length);
    const codec = CODEC_TARGETS[at] as CodecTarget;
    const kept = this.#kept[at] as Bytes[];
    const input = mutated(codec, chance.pick(kept), chance);
    await this.#try({ target: "codec", name: codec.name, bytes: input }, () => {
      this.#counts.codecs++;
      const isNew = this.#isNew([runCodec(codec, input)]);
      if (isNew && input.length <= MOST_BYTES && kept.push(input) > MOST_KEPT) kept.splice(chance.below(MOST_KEPT), 1);
    });
  }

  #isNew(signs: readonly string[]): boolean {
    const before = this.#answers.size;
    for (const sign of signs) this.#answers.add(sign);
    return this.#answers.size > before;
  }

  async #try(trial: Trial, action: () => void | Promise<void>): Promise<void> {
    this.#options.onTrial(++this.#number, trial);
    const start = performance.now();
    const { rss } = Deno.memoryUsage();
    try {
      await action();
      const growth = Deno.memoryUsage().rss - rss;
      if (growth > MAX_GROWTH) throw new RangeError(`It took ${Math.round(growth / 2 ** 20)} MiB of memory`);
    } catch (error) {
      await this.#report(trial, error);
    }
    this.#counts.slowestMs = Math.max(this.#counts.slowestMs, Math.round(performance.now() - start));
  }

  /** Many inputs come upon one mistake: it is told of once. */
  async #report(trial: Trial, error: unknown): Promise<void> {
    this.#counts.findings++;
    const text = error instanceof Error
      ? `${error.name} ${error.message} ${error.stack?.split("\n")[1] ?? ""}`
      : `${error}`;
    const kind = text.replace(/"(?:[^"\\]|\\.)*"/g, '""').replace(/[0-9a-f]{16,}|[0-9]+/g, "0");
    if (this.#found.has(kind)) return;
    this.#found.add(kind);
    await this.#options.onFinding(trial, error);
  }
}

function mutated({ isText = false }: CodecTarget, seed: Bytes, chance: Chance): Bytes {
  if (!isText || chance.oneIn(8)) return mutateBytesOften(seed, chance);
  let text = new TextDecoder().decode(new Uint8Array(seed));
  for (let left = 1 + chance.below(4); left > 0; left--) text = mutateText(text, chance);
  return new TextEncoder().encode(text);
}
