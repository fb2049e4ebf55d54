/**
 * A neighbour who swaps the folder `a` of a target for a symlink to another one and back, all the time. Posted
 * `{ out, outside, stop }`; says `ready` when it begins and how often it swapped when `stop[0]` is no longer 0.
 */
interface Orders {
  readonly out: string;
  readonly outside: string;
  readonly stop: Int32Array<SharedArrayBuffer>;
}

const neighbour = self as unknown as {
  onmessage: (event: MessageEvent<Orders>) => void;
  postMessage(message: string | number): void;
};

/** Whether it worked: the target may have made an `a` of its own in between, or used the one there is. */
function attempt(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}

neighbour.onmessage = ({ data: { out, outside, stop } }) => {
  neighbour.postMessage("ready");
  let swaps = 0;
  while (Atomics.load(stop, 0) === 0) {
    attempt(() => Deno.renameSync(`${out}/a`, `${out}/c`));
    if (attempt(() => Deno.symlinkSync(outside, `${out}/a`))) swaps++;
    attempt(() => Deno.removeSync(`${out}/a`, { recursive: true }));
    attempt(() => Deno.renameSync(`${out}/c`, `${out}/a`));
  }
  neighbour.postMessage(swaps);
};
