/**
 * A neighbour who swaps the folder `a` of a target for a symlink to another one and back, all the time. Posted
 * `{ out, outside, shared }`; counts its swaps in `shared[1]`, says `ready` when it begins, and `done` when `shared[0]`
 * is no longer 0.
 */
interface Orders {
  readonly out: string;
  readonly outside: string;
  readonly shared: Int32Array<SharedArrayBuffer>;
}

const neighbour = self as unknown as {
  onmessage: (event: MessageEvent<Orders>) => void;
  postMessage(message: string): void;
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

neighbour.onmessage = ({ data: { out, outside, shared } }) => {
  neighbour.postMessage("ready");
  while (Atomics.load(shared, 0) === 0) {
    attempt(() => Deno.renameSync(`${out}/a`, `${out}/c`));
    if (attempt(() => Deno.symlinkSync(outside, `${out}/a`))) Atomics.add(shared, 1, 1);
    attempt(() => Deno.removeSync(`${out}/a`, { recursive: true }));
    attempt(() => Deno.renameSync(`${out}/c`, `${out}/a`));
  }
  neighbour.postMessage("done");
};
