/**
 * Opens, lists and reads the archives of every so many-th vector in every way, one after the other, and prints as JSON
 * how many there were and the most bytes that this process ever had resident. Started with `--expose-gc`, so that what
 * one left behind is not counted with the next. Arguments: which of how many parts of all vectors.
 */
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { readBySeeking, readByStream } from "../archive/reading.ts";
import { CountedSource } from "../archive/sources.ts";
import { extractionVectorNames, readExtractionVector } from "../vectors/extraction/extraction_vector.ts";
import { archiveOf, keysOf, readVector, vectorNames } from "../vectors/vector_file.ts";
import { openable } from "./extract_vector.ts";

const archives = [
  ...vectorNames().map((name) => async () => {
    const vector = readVector(name);
    return { bytes: await archiveOf(vector), keys: keysOf(vector) };
  }),
  ...extractionVectorNames().map((name) => () => openable(readExtractionVector(name))),
];
const { gc } = globalThis as { readonly gc?: () => void };
if (gc === undefined) throw new Error("Cannot measure memory: the garbage of earlier archives would count");
const [part = 0, parts = 1] = Deno.args.map(Number);
const chosen = archives.filter((_, i) => i % parts === part);
for (const open of chosen) {
  gc();
  const { bytes, keys } = await open();
  await readBySeeking(nativeEngine, new CountedSource(bytes), { keys });
  await readByStream(nativeEngine, [bytes], { keys, segments: "all" });
  await readByStream(nativeEngine, [bytes], { keys, segments: "all" }, 3);
}
const peak = /^VmHWM:\s*(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
console.log(JSON.stringify({ archives: chosen.length, peakBytes: Number(peak) * 1024 }));
