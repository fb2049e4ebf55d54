/** `coffer diff` */
import { Archive } from "../../archive/archive.ts";
import type { Change } from "../../archive/diff.ts";
import { pauseEvery } from "../../archive/pause.ts";
import { diffSnapshots } from "../../archive/snapshot_diff.ts";
import type { SnapshotChoice } from "../../archive/snapshots.ts";
import { type Difference, TreeComparison } from "../../disk/compare.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import type { PageEntry } from "../../format/page.ts";
import { comparePaths } from "../../format/path.ts";
import { compareSnapshot } from "../compare_snapshot.ts";
import type { CommandContext } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { checkFolder } from "../folders.ts";
import type { OpenedFile } from "../open_archive.ts";
import type { DiffOptions } from "../options.ts";
import { openFile } from "../open_file.ts";
import { escapeName, quoteName } from "../ui/escape.ts";
import { formatItems } from "../ui/quantities.ts";
import { entryJson } from "./entry_json.ts";

/** What a line begins with. */
const LETTERS = { added: "+", removed: "-", kind: "T", content: "C", metadata: "M", unreadable: "?" } as const;

/** What became of an entry, as the JSON says it. */
type Told = keyof typeof LETTERS;

/** Shows what differs between two snapshots, or between one and the files in a folder. */
export async function run(context: CommandContext, options: DiffOptions): Promise<ExitCode> {
  const { ui } = context;
  if (options.against !== undefined) checkFolder(options.against);
  using file = await openFile(context, { ...options, snapshot: options.before });
  const count = options.against === undefined
    ? await showChanges(context, file, await other(file, options.after))
    : await showDifferences(context, file.archive, options.against);
  const than = options.against === undefined ? "" : ` from ${quoteName(options.against)}`;
  if (!ui.json) ui.note(`${count === 0 ? "no difference" : formatItems(count, "difference")}${than}`);
  return count === 0 ? EXIT.done : EXIT.differs;
}

/** Another snapshot of an opened archive. */
async function other({ archive, source }: OpenedFile, snapshot: SnapshotChoice): Promise<Archive> {
  // Whatever the first opening warned of or accepted is known by now.
  return await Archive.openBehind(nativeEngine, source, archive.opened, { snapshot, acceptRollback: true });
}

async function showChanges({ ui, signal }: CommandContext, { archive }: OpenedFile, after: Archive): Promise<number> {
  const pause = pauseEvery();
  let count = 0;
  for await (const change of diffSnapshots(archive, after)) {
    await pause();
    signal.throwIfAborted();
    count++;
    ui.result(() => changeLine(change), () => changeJson(change));
  }
  return count;
}

function changeLine({ path, kind, fields, before, after }: Change<PageEntry, PageEntry>): string {
  const name = `${LETTERS[kind]} ${escapeName(path)}`;
  if (kind === "kind") return `${name} (${before?.row.kind}, now ${after?.row.kind})`;
  const others = fields.filter((field) => field !== kind);
  return others.length === 0 ? name : `${name} (${others.join(", ")})`;
}

function changeJson({ path, kind, fields, before, after }: Change<PageEntry, PageEntry>) {
  return {
    schema: "coffer/diff/1",
    path,
    change: kind,
    fields,
    before: before === undefined ? null : entryJson(before.row),
    after: after === undefined ? null : entryJson(after.row),
  } as const;
}

/** What differs is told from the archive's side: what is only on the disk was added since. */
const CHANGES: Readonly<Record<Difference["kind"], Told>> = {
  "only-in-archive": "removed",
  "only-on-disk": "added",
  "kind": "kind",
  "content": "content",
  "metadata": "metadata",
  "unreadable": "unreadable",
};

async function showDifferences({ ui, signal }: CommandContext, archive: Archive, directory: string): Promise<number> {
  const found = new Map<string, { change: Told; readonly messages: string[] }>();
  const comparison = new TreeComparison({
    directory,
    onDifference: ({ path, kind, message }) => {
      const change = CHANGES[kind];
      const known = found.get(path);
      if (known === undefined) found.set(path, { change, messages: [message] });
      else {
        known.messages.push(message);
        if (known.change === "metadata") known.change = change;
      }
    },
  });
  try {
    await compareSnapshot(archive, comparison, signal);
  } finally {
    comparison.close();
  }
  // A path may differ in several ways, and what is on the disk alone is met before the folder's own row.
  const sorted = [...found].sort(([a], [b]) => comparePaths(a, b));
  for (const [path, { change, messages }] of sorted) {
    const isPlain = change === "added" || change === "removed";
    ui.result(
      () => `${LETTERS[change]} ${escapeName(path)}${isPlain ? "" : ` (${messages.join(", ")})`}`,
      () => ({ schema: "coffer/diff-disk/1", path, change, messages }),
    );
  }
  return sorted.length;
}
