/** Extents by the blocks that they lie in. */
import type { BlockPlace, Extent } from "../format/row.ts";

/** Whether extents lie in one block; those of nothing do. */
export function inOneBlock(extents: readonly Extent[]): boolean {
  const [first] = extents;
  return extents.every((extent) => isSame(extent.block, (first as Extent).block));
}

/** Whether two places are the same one. */
export function isSame(a: BlockPlace, b: BlockPlace): boolean {
  return a.segment === b.segment && a.frame === b.frame && a.offset === b.offset && a.frameBytes === b.frameBytes;
}

/** Bytes of extents together. */
export function sum(extents: readonly Extent[]): number {
  let total = 0;
  for (const { length } of extents) total += length;
  return total;
}

/** Extents by the block that they lie in: where content is shared, they go back and forth between some. */
export function byBlock(extents: readonly Extent[]): Iterable<Extent[]> {
  const blocks = new Map<string, Extent[]>();
  let last: Extent[] | undefined;
  for (const extent of extents) {
    if (last?.[0] === undefined || !isSame(last[0].block, extent.block)) {
      const name = nameOf(extent.block);
      last = blocks.get(name);
      if (last === undefined) blocks.set(name, last = []);
    }
    last.push(extent);
  }
  return blocks.values();
}

/** A place as a name. */
export function nameOf({ segment = 0, frame, offset, frameBytes }: BlockPlace): string {
  return `${segment} ${frame} ${offset} ${frameBytes}`;
}
