/** What trying passphrases costs: here, and for who opens an archive without raising any limit. */
import type { ScryptCost } from "../engine/engine.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { DEFAULT_KDF_MEMORY, DEFAULT_KDF_WORK } from "../format/limits.ts";
import { isCostInRange, kdfMemory, kdfWork, type Slot } from "../format/slots.ts";
import { KDF_BLOCK_BYTES } from "./flags.ts";
import { formatBytes } from "./ui/quantities.ts";
import type { Ui } from "./ui/ui.ts";

/** Enough memory that caches do not flatter it; takes some 50 ms. */
const SAMPLE: ScryptCost = { logN: 14, r: 8, p: 1 };

/** Seconds that one unit of scrypt work takes here, by a sample. */
async function secondsPerWork(): Promise<number> {
  const begun = performance.now();
  await nativeEngine.scrypt(new Uint8Array(16), new Uint8Array(32), SAMPLE, 32);
  return (performance.now() - begun) / 1000 / kdfWork(SAMPLE);
}

/** A time as an estimate deserves: `0.5 s`, `12 s`, `3 min`. */
function roughly(seconds: number): string {
  if (seconds < 0.1) return "less than 0.1 s";
  if (seconds < 9.95) return `about ${seconds.toFixed(1)} s`;
  return seconds < 120 ? `about ${Math.round(seconds)} s` : `about ${Math.round(seconds / 60)} min`;
}

/** The costs of the slots that a passphrase is tried on. */
function costsOf(slots: readonly Slot[]): ScryptCost[] {
  return slots.flatMap((slot) => slot.kind === "passphrase" && isCostInRange(slot.cost) ? [slot.cost] : []);
}

/** Time and memory that trying one passphrase on these slots takes here; `undefined` without passphrases. */
export async function describeTryHere(slots: readonly Slot[]): Promise<string | undefined> {
  const costs = costsOf(slots);
  if (costs.length === 0) return undefined;
  const work = costs.reduce((sum, cost) => sum + kdfWork(cost), 0);
  const memory = Math.max(...costs.map(kdfMemory));
  return `${roughly(work * await secondsPerWork())} and ${formatBytes(memory)} of memory here`;
}

/** Warns when a passphrase of these slots may not be reached by who opens the archive with the usual limits. */
export function warnOfCosts(ui: Ui, costs: readonly ScryptCost[]): void {
  const work = costs.reduce((sum, cost) => sum + kdfWork(cost), 0);
  const memory = Math.max(0, ...costs.map(kdfMemory));
  const options = [
    ...(memory > DEFAULT_KDF_MEMORY ? [`--max-kdf-memory ${memory}`] : []),
    ...(work > DEFAULT_KDF_WORK ? [`--max-kdf-work ${work * KDF_BLOCK_BYTES}`] : []),
  ];
  if (options.length === 0) return;
  ui.warn(
    "trying every passphrase of this archive is more work than is allowed by default",
    `Opening it may take ${options.join(" ")}`,
  );
}

/** {@linkcode warnOfCosts} for the slots of an archive. */
export function warnOfSlots(ui: Ui, slots: readonly Slot[]): void {
  warnOfCosts(ui, costsOf(slots));
}
