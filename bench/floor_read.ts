/**
 * Walks a tree and reads every file, on one thread and with the cheapest calls: what archiving it costs at the least
 * before anything is done with the bytes.
 *
 *     deno run -A bench/floor_read.ts FOLDER
 *
 * @module
 */
const buffer = new Uint8Array(2 ** 20);

function walk(folder: string): void {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    Deno.lstatSync(path);
    if (isDirectory) walk(path);
    else if (isFile) {
      using file = Deno.openSync(path);
      while (file.readSync(buffer) !== null);
    }
  }
}

const [folder = "."] = Deno.args;
walk(folder);
