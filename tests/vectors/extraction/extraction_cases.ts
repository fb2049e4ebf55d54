/** What the extraction vectors are made from. Each states what is to happen, from FORMAT.md's section "Restoring". */
import type { RestoreProblemKind } from "../../../src/disk/refusal.ts";
import type { Draft, Item } from "../../archive/archive_draft.ts";
import { directory, file, row } from "../../archive/sample_tree.ts";
import type { Outcome } from "../vector_case.ts";
import type { LeftTree } from "./extraction_vector.ts";

type Refused = readonly (readonly [path: string, kind: RestoreProblemKind])[];

/** One vector before it is written down. */
export interface ExtractionCase {
  readonly name: string;
  /** The end of a sentence that begins with "An archive". */
  readonly about: string;
  readonly like?: readonly string[];
  readonly items: readonly Item[];
  readonly change?: (draft: Draft) => void;
  /** Of random access and of a pipe, where they differ. */
  readonly outcome: Outcome | { readonly seek: Outcome; readonly stream: Outcome };
  /** Entries that are not restored although the outcome is `none`. */
  readonly refused?: Refused;
  readonly before?: LeftTree;
  readonly folding?: boolean;
  readonly onWindows?: readonly string[];
  readonly attacker?: string;
}

const symlink = (path: string, link: string): Item => ({ row: row(path, "symlink", { link, mode: 0o777 }) });
const hardlink = (path: string, link: string): Item => ({ row: row(path, "hardlink", { link }) });
const fifo = (path: string): Item => ({ row: row(path, "fifo") });
const hostile = (path: string): Item => file(path, "hostile");

/** Names that must not reach a disk; random access and pipes both find them in the first rows that they see. */
function escapes(): ExtractionCase[] {
  const named = (name: string, path: string, about: string, like: readonly string[] = []): ExtractionCase => ({
    name: `escape_${name}`,
    about,
    like,
    items: [directory("."), file("a", "good"), hostile(path)],
    outcome: "unsafe",
  });
  return [
    named("parent", "../outside/new", "with a name that begins with ../", ["CVE-2001-1267", "CVE-2007-4559"]),
    named("slash_parent", "/../outside/new", "with a name that begins with /..", ["CVE-2002-0399"]),
    named("dot_slash_parent", "./../outside/new", "with a name that begins with ./..", ["CVE-2002-0399"]),
    named("empty_parts_parent", "b//../../outside/new", "with a name of empty parts and ..", ["CVE-2007-4131"]),
    named("through_member", "a/../b", "with a name that goes down and up again inside the target", ["CVE-2016-6321"]),
    named("parent_last", "b/..", "with a name that ends in .."),
    named("parent_alone", "..", "with the name .."),
    named("absolute", "/coffer-outside/new", "with an absolute name", ["CVE-2007-4559"]),
    named("many_slashes", "////coffer-outside/new", "with an absolute name that begins with slashes", ["CVE-2021-32804"]),
    named("beside_good", "../new", "with one name that leads out among good ones, of which nothing is left", ["CVE-2025-4435"]),
    named("nul", "a\0/../../outside/new", "with a NUL in a name"),
    named("empty", "", "with an empty name"),
    named("dot", "b/./c", "with a part that is ."),
    named("slash_last", "b/", "with a slash at a name's end"),
    named("long_part", `${"b".repeat(256)}`, "with a part of 256 bytes"),
  ];
}

/** Files that lie below what is no directory. */
function throughLinks(): ExtractionCase[] {
  const through = (
    name: string,
    about: string,
    like: readonly string[],
    items: readonly Item[],
    outcome: ExtractionCase["outcome"] = "unsafe",
  ): ExtractionCase => ({ name: `link_${name}`, about, like, items, outcome });
  const long = "d".repeat(247);
  const deep = Array.from({ length: 15 }, (_, i) => Array(i + 1).fill(long).join("/"));
  const twice = { seek: "unsafe", stream: "malformed" } as const;
  return [
    through("then_file", "with a symlink out of the target and a file through it", [
      "CVE-2006-6097",
      "CVE-2015-8860",
      "CVE-2015-1038",
      "CVE-2025-11001",
      "CVE-2026-62268",
    ], [symlink("a", "../outside"), hostile("a/new")]),
    through("then_existing", "with a symlink and a file through it over one that is there", ["CVE-2026-62268"], [
      symlink("a", "../outside"),
      hostile("a/precious"),
    ]),
    through("then_directory", "with a symlink and a directory's mode and time through it", ["CVE-2024-12718"], [
      symlink("a", "../outside"),
      directory("a/folder", { mode: 0o777, mtime: { seconds: 1, nanoseconds: 0 } }),
    ]),
    through("then_symlink", "with a symlink and a symlink through it", ["CVE-2025-4138"], [
      symlink("a", "../outside"),
      symlink("a/new", "precious"),
    ]),
    through("then_hardlink", "with a symlink and a hardlink through it", [], [
      symlink("a", "../outside"),
      hardlink("a/new", "b"),
      file("b", "b"),
    ]),
    through("absolute_then_file", "with an absolute symlink and a file through it", ["CVE-2026-23745"], [
      symlink("a", "/coffer-outside"),
      hostile("a/new"),
    ]),
    through("windows_target", "with a symlink to a Windows path and a file through it", [
      "CVE-2025-11001",
      "CVE-2025-11002",
    ], [symlink("a", "C:\\coffer-outside"), hostile("a/new")]),
    through("chain", "with symlinks through symlinks and a file through them", ["CVE-2025-4330", "CVE-2025-55188"], [
      symlink("a", "."),
      symlink("b", "a/.."),
      hostile("b/outside/new"),
    ]),
    through("chain_long", "with paths of nearly 4 KiB below which a symlink leads out, and a file through it", ["CVE-2025-4517"], [
      ...deep.map((path) => directory(path)),
      symlink(`${deep[14]}/e`, `${"../".repeat(16)}outside`),
      hostile(`${deep[14]}/e/new`),
    ]),
    through("to_itself", "with a symlink to itself and a file through it", [], [symlink("a", "a"), hostile("a/new")]),
    through("for_root", "with a symlink for a root", [], [symlink(".", "../outside"), hostile("new")], "malformed"),
    through("replaces_directory", "with a directory, a symlink of the same name and a file in it", ["CVE-2021-32803"], [
      directory("a"),
      symlink("a", "../outside"),
      hostile("a/new"),
    ], twice),
    through("replaced_by_file", "with a hardlink and a file of the same name", ["CVE-2018-20834"], [
      file("a", "a"),
      hardlink("b", "a"),
      hostile("b"),
    ], twice),
    through("below_file", "with a row below a file", [], [file("a", "a"), hostile("a/b")]),
    through("below_hardlink", "with a row below a hardlink", [], [file("a", "a"), hardlink("b", "a"), hostile("b/c")]),
    through("below_fifo", "with a row below a FIFO", [], [fifo("a"), hostile("a/b")]),
    {
      name: "link_anywhere",
      about: "with symlinks that point anywhere, which is stored as it was, and files beside them",
      like: ["CVE-2025-4138", "CVE-2025-4330"],
      items: [
        symlink("absolute", "/coffer-outside/precious"),
        file("beside", "beside"),
        symlink("dangling", "no/such/place"),
        symlink("outside", "../outside"),
      ],
      outcome: "none",
    },
    {
      name: "link_was_there",
      about: "with a file below what is a symlink in the target already",
      like: ["CVE-2026-62268"],
      items: [file("a/new", "hostile"), file("b", "b")],
      outcome: "none",
      refused: [["a/new", "unsafe"]],
      before: { "a": { link: "../outside" } },
    },
    {
      name: "link_was_there_as_file",
      about: "with a file whose name is a symlink in the target already",
      items: [file("a", "hostile"), file("b", "b")],
      outcome: "none",
      refused: [["a", "exists"]],
      before: { "a": { link: "../outside/precious" } },
    },
  ];
}

/** Hardlinks, which would give a name to somebody's file. */
function hardlinks(): ExtractionCase[] {
  const refused = (name: string, about: string, like: readonly string[], link: string): ExtractionCase => ({
    name: `hardlink_${name}`,
    about,
    like,
    items: [file("a", "good"), hardlink("b", link)],
    outcome: "unsafe",
  });
  return [
    refused("parent", "with a hardlink to ..", ["CVE-2026-62268"], "../outside/precious"),
    refused("absolute", "with a hardlink to an absolute path", ["CVE-2026-23745"], "/coffer-outside/precious"),
    refused("inner_parent", "with a hardlink through ..", ["CVE-2026-24842"], "a/../../outside/precious"),
    refused("itself", "with a hardlink to itself", [], "b"),
    refused("root", "with a hardlink to the root", [], "."),
    {
      name: "hardlink_to_existing",
      about: "with a hardlink to a file that was there before, and is not of the archive",
      like: ["CVE-2018-20834"],
      items: [hardlink("a", "mine")],
      outcome: "none",
      refused: [["a", "failed"]],
      before: { "mine": { file: "mine", mode: "600" } },
    },
    {
      name: "hardlink_to_symlink",
      about: "with a hardlink to a symlink that leads out",
      like: ["CVE-2026-62268"],
      items: [symlink("a", "../outside/precious"), hardlink("b", "a")],
      outcome: "none",
      refused: [["b", "failed"]],
    },
    {
      name: "hardlink_through_symlinks",
      about: "with a hardlink through a chain of symlinks that leads out",
      like: ["CVE-2026-26960"],
      items: [
        directory("a"),
        directory("a/b"),
        directory("a/b/c"),
        symlink("a/b/c/up", "../.."),
        symlink("a/b/escape", "c/up/../.."),
        hardlink("taken", "a/b/escape/outside/precious"),
      ],
      outcome: "none",
      refused: [["taken", "failed"]],
    },
    {
      name: "hardlink_to_nothing",
      about: "with a hardlink to nothing",
      items: [hardlink("a", "b")],
      outcome: "none",
      refused: [["a", "failed"]],
    },
    {
      name: "hardlink_to_directory",
      about: "with a hardlink to a directory",
      items: [directory("a"), hardlink("b", "a")],
      outcome: "none",
      refused: [["b", "failed"]],
    },
    {
      name: "hardlink_circle",
      about: "with two hardlinks to each other",
      items: [hardlink("a", "b"), hardlink("b", "a")],
      outcome: "none",
      refused: [["a", "failed"], ["b", "failed"]],
    },
  ];
}

/** Names that fall together. */
function collisions(): ExtractionCase[] {
  const both = (
    name: string,
    about: string,
    like: readonly string[],
    items: readonly Item[],
    refused: Refused,
  ): ExtractionCase[] => [
    { name: `collision_${name}`, about: `${about}, where they differ`, like, items, outcome: "none" },
    {
      name: `collision_${name}_folding`,
      about: `${about}, where they are the same`,
      like,
      items,
      outcome: "none",
      refused,
      folding: true,
    },
  ];
  return [
    ...both("case", "with two files whose names differ in case", [], [file("A", "first"), file("a", "second")], [
      ["a", "collision"],
    ]),
    ...both("normalisation", "with two files whose names differ in normalisation", [], [
      file("e\u0301", "first"),
      file("\u00e9", "second"),
    ], [["\u00e9", "collision"]]),
    ...both("case_symlink", "with a directory, a symlink of its name in small letters, and files in it", [
      "CVE-2021-37701",
    ], [directory("FOO"), hostile("FOO/new"), symlink("foo", "../outside")], [["foo", "collision"]]),
    ...both("symlink_case", "with a symlink, and a file below its name in small letters", ["CVE-2021-37701"], [
      symlink("FOO", "../outside"),
      hostile("foo/new"),
    ], [["FOO", "collision"]]),
    ...both("normalisation_symlink", "with directories and symlinks whose names differ in normalisation", [
      "CVE-2021-37712",
    ], [
      directory("caf\u0065\u0301"),
      hostile("caf\u0065\u0301/new"),
      symlink("caf\u00e9", "../outside"),
    ], [["caf\u00e9", "collision"]]),
  ];
}

/** Set-id bits, foreign owners, and modes that would keep out whoever restores them. */
function modes(): ExtractionCase[] {
  const root = { owner: { uid: 0, gid: 0, user: "root", group: "root" } };
  return [
    {
      name: "mode_set_id",
      about: "with set-id and sticky bits and the owner root, which are not asked for",
      items: [directory("d", { mode: 0o7777, ...root }), file("setuid", "x", { mode: 0o6777, ...root })],
      outcome: "none",
    },
    {
      name: "mode_none",
      about: "with a directory that nobody may enter, and a file in it",
      items: [directory("d", { mode: 0 }), file("d/f", "x", { mode: 0 })],
      outcome: "none",
    },
  ];
}

/** Names that Windows takes for something else. */
function reserved(): ExtractionCase[] {
  const names = ["C:..", "C:new", "aux.txt", "back\\..\\..\\slash", "file:stream", "nul", "PROGRA~1", "trailing.", "trailing "];
  return [
    {
      name: "reserved_windows",
      about: "with names that mean a drive, a device, a stream, a parent or another name on Windows",
      like: ["CVE-2021-37713", "CVE-2021-37701"],
      items: [...names].sort().map((name) => file(name, name)),
      outcome: "none",
      onWindows: names,
    },
    {
      name: "reserved_temporary",
      about: "with the names that are used for what is not complete yet",
      items: [file(".a.aaaaaaaaaaaa.coffer-tmp", "hidden"), file("a", "a")],
      outcome: "none",
    },
    {
      name: "reserved_terminal",
      about: "with names that a terminal would act on",
      items: [file("a\u001b[2J\u202e", "x"), file("b\nc", "y")],
      outcome: "none",
    },
  ];
}

/** Somebody else who writes to the target meanwhile. */
function races(): ExtractionCase[] {
  const files = (folder: string) => Array.from({ length: 60 }, (_, i) => hostile(`${folder}/f${String(i).padStart(2, "0")}`));
  return [
    {
      name: "race_directory",
      about: "with many files in a directory that an attacker swaps for a symlink meanwhile",
      items: [directory("a"), ...files("a"), file("z", "z")],
      outcome: "none",
      attacker: "a",
    },
    {
      name: "race_deep",
      about: "with many files below a directory that an attacker swaps for a symlink meanwhile",
      items: [
        directory("a"),
        directory("a/b"),
        ...files("a/b"),
        hardlink("a/c", "a/b/f00"),
        symlink("a/d", "precious"),
        hardlink("precious", "a/b/f00"),
      ],
      outcome: "none",
      attacker: "a",
    },
  ];
}

/** All but the bombs and forgeries. */
export function extractionCases(): ExtractionCase[] {
  return [
    ...escapes(),
    ...throughLinks(),
    ...hardlinks(),
    ...collisions(),
    ...modes(),
    ...reserved(),
    ...races(),
  ];
}
