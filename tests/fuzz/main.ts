/**
 * The fuzzer as a program:
 *
 *     deno task fuzz --minutes 10           with a seed of its own, which it names
 *     deno task fuzz --minutes 10 --seed 7  the same inputs again, as far as the time goes
 *     deno task fuzz --repeat FILE          one input that was found
 *
 * The work is done by a second process, because only from outside can it be seen, and ended, when an input does not
 * come to an end, or takes the process with it.
 */
import { parseArgs } from "@std/cli/parse-args";
import { fromFileUrl } from "@std/path";
import { ExtractionGround } from "./extraction_check.ts";
import { type FindingFile, type Trial, tryFinding, writeFinding } from "./finding_file.ts";
import { Fuzzer, type FuzzReport } from "./fuzzer.ts";

/** Work that no input is worth, in milliseconds of processor time, or of any time where that cannot be told. */
const MAX_WORK_MS = 10_000;
const MAX_WAIT_MS = 120_000;
const CLOCK_TICK_MS = 10;

const FINDINGS = fromFileUrl(new URL("./found", import.meta.url));

/** The trial at hand, as the child writes it for its parent. */
type NamedTrial = { readonly number: number; readonly trial: Omit<Trial, "bytes"> & { readonly bytes: string } };

function encodeTrial(number: number, trial: Trial): string {
  return JSON.stringify({ number, trial: { ...trial, bytes: new Uint8Array(trial.bytes).toBase64() } }) + "\n";
}

function decodeTrial(text: string): { readonly number: number; readonly trial: Trial } | undefined {
  try {
    const { number, trial } = JSON.parse(text.slice(0, text.indexOf("\n"))) as NamedTrial;
    return { number, trial: { ...trial, bytes: Uint8Array.fromBase64(trial.bytes) } as Trial };
  } catch {
    return undefined;
  }
}

async function tell(trial: Trial, what: string): Promise<void> {
  const path = await writeFinding(FINDINGS, trial, what.split("\n")[0] ?? "");
  console.log(`FOUND ${what}\n  again: deno task fuzz --repeat ${path}`);
}

/** Fuzzes, and writes each trial down before it is begun. */
async function work(seed: number, forMs: number, place: string): Promise<FuzzReport> {
  using file = Deno.openSync(place, { write: true, create: true });
  const encoder = new TextEncoder();
  using fuzzer = new Fuzzer({
    seed,
    forMs,
    onTrial: (number, trial) => {
      file.seekSync(0, Deno.SeekMode.Start);
      file.writeSync(encoder.encode(encodeTrial(number, trial)));
    },
    onFinding: (trial, error) => tell(trial, error instanceof Error ? error.stack ?? error.message : String(error)),
  });
  return await fuzzer.run();
}

/** Processor time of a process so far, in milliseconds. */
function workOf(pid: number): number | undefined {
  try {
    const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS;
  } catch {
    return undefined;
  }
}

/** Starts a process that fuzzes, and ends it when an input does not. */
async function supervise(seed: number, forMs: number): Promise<FuzzReport | undefined> {
  const place = Deno.makeTempFileSync({ prefix: "coffer-fuzz-trial-" });
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      fromFileUrl(import.meta.url),
      ...["--work", place, "--seed", `${seed}`, "--seconds", `${forMs / 1000}`],
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = new Response(child.stdout).text();
  let last = { number: -1, at: performance.now(), work: 0 };
  let isOver = false;
  const watch = setInterval(() => {
    const now = performance.now();
    const done = workOf(child.pid);
    const number = decodeTrial(Deno.readTextFileSync(place))?.number ?? -1;
    if (number !== last.number) last = { number, at: now, work: done ?? 0 };
    const tooMuch = done !== undefined && number >= 0 && done - last.work > MAX_WORK_MS;
    if (tooMuch || now - last.at > MAX_WAIT_MS) {
      isOver = true;
      child.kill("SIGKILL");
      clearInterval(watch);
    }
  }, 500);
  const [status, text] = [await child.status, await output];
  clearInterval(watch);
  const trial = decodeTrial(Deno.readTextFileSync(place))?.trial;
  Deno.removeSync(place);
  const lines = text.trimEnd().split("\n");
  if (status.success) {
    if (lines.length > 1) console.log(lines.slice(0, -1).join("\n"));
    return JSON.parse(lines.at(-1) ?? "") as FuzzReport;
  }
  console.log(text);
  if (trial === undefined) throw new Error("Cannot fuzz: the process ended before its first input");
  await tell(trial, isOver ? "An input did not come to an end" : `The process ended: ${status.signal ?? status.code}`);
  return undefined;
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseArgs([...args], { string: ["minutes", "seconds", "seed", "work", "repeat"] });
  if (typeof options.repeat === "string") {
    using ground = new ExtractionGround();
    await tryFinding(JSON.parse(Deno.readTextFileSync(options.repeat)) as FindingFile, ground);
    console.log("Nothing is wrong with it");
    return 0;
  }
  const seconds = Number(options.seconds ?? 60 * Number(options.minutes ?? NaN));
  const seed = Number(options.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
    console.error("Usage: deno task fuzz --minutes N [--seed S], or --repeat FILE");
    return 2;
  }
  if (typeof options.work === "string") {
    console.log(JSON.stringify(await work(seed, 1000 * seconds, options.work)));
    return 0;
  }
  const start = performance.now();
  const report = await supervise(seed, 1000 * seconds);
  if (report === undefined) return 1;
  const { archives, grown, accepted, salvaged, extracted, codecs, answers, findings, rss, slowestMs } = report;
  const perSecond = (count: number) => Math.round(1000 * count / (performance.now() - start));
  console.log(
    `seed ${seed}: ${archives} archives (${perSecond(archives)} a second; ${accepted} taken, ${salvaged} salvaged, ` +
      `${extracted} extracted), ${grown} of several segments, ${codecs} inputs of decoders (${
        perSecond(codecs)
      } a second), ${answers} different ` +
      `answers, at most ${Math.round(rss / 2 ** 20)} MiB and ${slowestMs} ms, ${findings} findings`,
  );
  return findings === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
