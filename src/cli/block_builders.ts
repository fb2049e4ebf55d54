/** The threads that build blocks. */
import type { BlockBuilder, BlockSetting } from "../archive/block_builder.ts";

/** What builds blocks on several threads, which end with `owner`; `undefined` when they are to be built on this one. */
export async function builderFor(
  jobs: number,
  owner: DisposableStack,
): Promise<((setting: BlockSetting) => BlockBuilder) | undefined> {
  if (jobs === 1) return undefined;
  const { buildInParallel } = await import("../parallel/build_blocks.ts");
  let current: Disposable | undefined;
  owner.defer(() => current?.[Symbol.dispose]());
  return (setting) => {
    // One segment comes after the other, and each has a key of its own.
    current?.[Symbol.dispose]();
    const builder = buildInParallel(setting, { jobs });
    current = builder;
    return builder;
  };
}
