/**
 * Puts together what several parts of a damaged archive hold: of each path what the newest part has, and nothing of
 * what older ones have there (FORMAT.md, "Salvage").
 */
import { comparePaths } from "../format/path.ts";
import type { Row } from "../format/row.ts";
import type { SalvageEvent } from "./salvage_files.ts";
import type { SalvageSummary } from "./salvage_losses.ts";

/** A damaged archive, opened as far as it can be, or a part of one. */
export interface Salvaging {
  /** Everything that can be had; see `Salvage.events`. */
  events(): AsyncGenerator<SalvageEvent>;
  /** What is missing; complete when all events have been taken. */
  summary(): SalvageSummary;
}

/** One part, opened when its turn comes. */
export interface SalvageLayer {
  /** Opens it; `undefined` when there is nothing to be had from it. */
  open(): Promise<Salvaging | undefined>;
  /** Whether a path is taken from it; all are, unless given. */
  readonly takes?: (path: string) => boolean;
}

/** What has come out under a path. */
type Taken = "folder" | "other";

/** Several parts, the newest first. Memory is that of all paths, folders and links. */
export class LayeredSalvage implements Salvaging {
  readonly #layers: Iterable<SalvageLayer>;
  readonly #summaries: SalvageSummary[] = [];
  readonly #taken = new Map<string, Taken>();
  /** Folders that have something in them, whether a row of theirs has come or not. */
  readonly #above = new Set<string>();
  readonly #links: Row[] = [];
  readonly #folders = new Map<string, Row>();

  /** Layers may be made while they are gone through. */
  constructor(layers: Iterable<SalvageLayer>) {
    this.#layers = layers;
  }

  /**
   * See `Salvage.summary`. More than is known may always be missing: without a catalog nothing says what was deleted.
   */
  summary(): SalvageSummary {
    const summaries = this.#summaries;
    const sum = (of: (summary: SalvageSummary) => number) => summaries.reduce((total, one) => total + of(one), 0);
    return {
      blocks: sum(({ blocks }) => blocks),
      lostBlocks: sum(({ lostBlocks }) => lostBlocks),
      partBlocks: sum(({ partBlocks }) => partBlocks),
      isCatalogWhole: false,
      mayLackMore: true,
      isCutOff: summaries[0]?.isCutOff ?? true,
      damage: summaries.flatMap(({ damage }) => damage).toSorted((a, b) => a.start - b.start),
    };
  }

  /** See `Salvage.events`. Links and folders come when everything else of all parts has. */
  async *events(): AsyncGenerator<SalvageEvent> {
    for (const layer of this.#layers) {
      const salvaging = await layer.open();
      if (salvaging === undefined) continue;
      yield* this.#eventsOf(salvaging, layer.takes ?? (() => true));
      this.#summaries.push(salvaging.summary());
    }
    for (const isHard of [false, true]) {
      for (const row of this.#links) if ((row.kind === "hardlink") === isHard) yield { kind: "link", row };
    }
    // Those within others first.
    const folders = [...this.#folders.values()].sort((a, b) => comparePaths(b.path, a.path));
    for (const row of folders) yield { kind: "folder", row };
  }

  async *#eventsOf(salvaging: Salvaging, takes: (path: string) => boolean): AsyncGenerator<SalvageEvent> {
    /** The file at hand, and whether it comes out. */
    let part: { readonly path: string; readonly comes: boolean } | undefined;
    for await (const event of salvaging.events()) {
      const path = event.kind === "part" || event.kind === "dropped" ? event.path : event.row.path;
      if (part !== undefined && part.path !== path) part = undefined;
      switch (event.kind) {
        case "part":
          part ??= { path, comes: takes(path) && this.#take(path, "other") };
          if (part.comes) yield event;
          break;
        case "dropped":
          if (part?.comes !== true) break;
          this.#taken.delete(path);
          yield event;
          break;
        case "withdrawn":
          // What an older part has at this path was not replaced.
          if (takes(path) && this.#taken.delete(path)) yield event;
          break;
        case "file":
          if (part?.comes ?? (takes(path) && this.#take(path, "other"))) yield event;
          part = undefined;
          break;
        case "lost":
        case "bare":
          if (takes(path) && this.#take(path, "other")) yield event;
          break;
        case "link":
          if (takes(path) && this.#take(path, "other")) this.#links.push(event.row);
          break;
        case "directory":
          if (takes(path) && this.#takeFolder(path)) yield event;
          break;
        case "folder":
          if (takes(path) && this.#takeFolder(path) && !this.#folders.has(path)) this.#folders.set(path, event.row);
          break;
      }
    }
  }

  #takeFolder(path: string): boolean {
    return this.#taken.get(path) === "folder" || this.#take(path, "folder");
  }

  /** Whether a path is free for what an older part has: nothing newer is there, nor stands in its way. */
  #take(path: string, as: Taken): boolean {
    if (this.#taken.has(path) || (as === "other" && this.#above.has(path))) return false;
    for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
      if (this.#taken.get(path.slice(0, end)) === "other") return false;
    }
    this.#taken.set(path, as);
    for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) this.#above.add(path.slice(0, end));
    return true;
  }
}
