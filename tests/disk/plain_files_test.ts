import * as fs from "node:fs";
import { assert, assertEquals } from "@std/assert";
import { diskCalls } from "../../src/disk/disk_calls.ts";
import { libc } from "../../src/disk/libc.ts";
import { PlainFiles } from "../../src/disk/plain_files.ts";
import { MetadataSetter } from "../../src/disk/restore_metadata.ts";
import { encodeUtf8 } from "../../src/format/bytes.ts";
import type { FileValues } from "../../src/format/row_table.ts";
import { withFolder } from "./surroundings.ts";

const there = { ignore: libc() === undefined };
const HELLO = new TextEncoder().encode("hello");

function fileAt(path: string, mode: number, size: number): FileValues {
  // With a NUL behind it, as where it comes from.
  const paths = encodeUtf8(`before\0${path}\0`);
  return {
    ...{ paths, pathStart: 7, pathEnd: paths.length - 1, mode, size, seconds: 1_000_000, nanoseconds: 250_999_999 },
    ...{ ctime: 0, dev: 0, inode: 0, owner: undefined, isChanged: false, contentHash: undefined },
  };
}

function nameStart({ paths, pathStart, pathEnd }: FileValues): number {
  return Math.max(pathStart, paths.lastIndexOf(0x2f, pathEnd) + 1);
}

function withPlainFiles(
  work: (
    folder: string,
    make: (path: string, mode: number, content?: Uint8Array<ArrayBuffer>, size?: number) => boolean,
  ) => void,
  options: { readonly samePermissions?: boolean } = {},
): void {
  withFolder((folder) => {
    const metadata = new MetadataSetter(diskCalls, options, () => assert(false));
    const plain = PlainFiles.by(metadata) as PlainFiles;
    const descriptor = fs.openSync(folder, fs.constants.O_RDONLY);
    try {
      plain.enter(descriptor);
      work(folder, (path, mode, content, size = content?.length ?? 0) => {
        const file = fileAt(path, mode, size);
        return plain.make(file, nameStart(file), content);
      });
    } finally {
      fs.closeSync(descriptor);
    }
  });
}

/** The mode of a file. */
function modeOf(path: string): number {
  return (Deno.lstatSync(path).mode as number) & 0o7777;
}

Deno.test({
  name: "PlainFiles makes files with their content, mode and time, whatever the umask",
  ...there,
  fn() {
    for (const umask of [0, 0o022, 0o077, 0o777]) {
      withPlainFiles((folder, make) => {
        const before = Deno.umask(umask);
        try {
          for (const [i, mode] of [0o644, 0o644, 0o755, 0o400, 0, 0o666, 0o644].entries()) {
            assert(make(`a/b/ü${i}`, mode, HELLO));
            assertEquals(modeOf(`${folder}/ü${i}`), mode, `${umask} ${mode}`);
          }
        } finally {
          Deno.umask(before);
        }
        assertEquals(Deno.readFileSync(`${folder}/ü0`), HELLO);
        assertEquals(Deno.statSync(`${folder}/ü0`).mtime?.getTime(), 1_000_000_250);
        assert(make("empty", 0o640));
        assertEquals([Deno.statSync(`${folder}/empty`).size, modeOf(`${folder}/empty`)], [0, 0o640]);
      });
    }
  },
});

Deno.test({
  name: "PlainFiles sets set-id bits only where they are asked for, after the content",
  ...there,
  fn() {
    for (const samePermissions of [false, true]) {
      withPlainFiles((folder, make) => {
        for (const name of ["one", "two"]) {
          assert(make(name, 0o4755, HELLO));
          assertEquals(modeOf(`${folder}/${name}`), samePermissions ? 0o4755 : 0o755);
        }
      }, { samePermissions });
    }
  },
});

Deno.test({
  name: "PlainFiles leaves what is unusual to others, and nothing of what it could not make",
  ...there,
  fn() {
    withPlainFiles((folder, make) => {
      Deno.writeTextFileSync(`${folder}/taken`, "mine");
      Deno.symlinkSync("elsewhere", `${folder}/link`);
      assertEquals(make("taken", 0o644, HELLO), false);
      assertEquals(make("link", 0o644, HELLO), false);
      assertEquals(make("x".repeat(256), 0o644, HELLO), false);
      assertEquals(make("x".repeat(5000), 0o644, HELLO), false);
      // A hole at its end.
      assertEquals(make("sparse", 0o644, HELLO, 6), false);
      const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
      assertEquals(names, ["link", "taken"]);
      assertEquals(Deno.readTextFileSync(`${folder}/taken`), "mine");
    });
    assertEquals(PlainFiles.by(new MetadataSetter(diskCalls, { sameOwner: true }, () => {})), undefined);
  },
});
