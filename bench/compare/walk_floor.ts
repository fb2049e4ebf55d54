/**
 * Prints how many seconds this runtime takes to go through a folder: read every folder, look at every entry, and with
 * `read` also read every file. Nothing is done with what is read.
 *
 *     deno run -A bench/compare/walk_floor.ts FOLDER [read]
 *
 * @module
 */
import * as fs from "node:fs";

const BUFFER_BYTES = 2 ** 20;

function walk(folder: string, read: ((path: string) => void) | undefined): void {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    Deno.lstatSync(path);
    if (isDirectory) walk(path, read);
    else if (isFile) read?.(path);
  }
}

const buffer = new Uint8Array(BUFFER_BYTES);

function readAll(path: string): void {
  const descriptor = fs.openSync(path, "r");
  while (fs.readSync(descriptor, buffer) === BUFFER_BYTES);
  fs.closeSync(descriptor);
}

const [folder = ".", mode] = Deno.args;
const start = performance.now();
walk(folder, mode === "read" ? readAll : undefined);
console.log((performance.now() - start) / 1000);
