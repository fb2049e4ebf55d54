import { assertEquals } from "@std/assert";
import { diskCalls } from "../../src/disk/disk_calls.ts";
import { TargetFolders } from "../../src/disk/target_folders.ts";
import { TargetNames } from "../../src/disk/target_names.ts";
import { decodePage, encodePage } from "../../src/format/page.ts";
import { fileRow } from "../format/arbitrary_rows.ts";
import { withFolder } from "./surroundings.ts";

Deno.test("TargetNames knows which paths this run wrote, also when they are too many to wait", () => {
  const path = (number: number) => `folder/${"x".repeat(200)}/${`${number}`.padStart(6, "0")}`;
  const isWritten = (number: number) => number % 1000 >= 10 && number % 1000 < 990;
  withFolder((folder) => {
    const folders = new TargetFolders(diskCalls, folder, false);
    const names = new TargetNames(diskCalls, folders, false, "refuse");
    const asked: boolean[] = [];
    for (let first = 0; first < 60_000; first += 1000) {
      const entries = Array.from({ length: 1000 }, (_, i) => ({
        ...{ row: fileRow(path(first + i)), provisional: false, extents: [] },
      }));
      const { rows } = decodePage(Uint8Array.from(encodePage({ entries, continues: false })), entries.length);
      names.wroteRows({ table: rows, from: 10, to: 990 });
      // Asking in between changes nothing.
      if (first === 10_000) asked.push(names.isOurs(path(10_500)), names.isOurs(path(11_500)));
    }
    names.wrote("alone");
    assertEquals(asked, [true, false]);
    for (const number of [0, 9, 10, 500, 989, 990, 30_000, 59_000, 59_010, 59_989, 59_999, 60_500]) {
      assertEquals(names.isOurs(path(number)), number < 60_000 && isWritten(number), `${number}`);
    }
    assertEquals(names.isOurs("alone"), true);
    folders.close();
  });
});
