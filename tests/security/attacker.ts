/**
 * An attacker who may write where somebody extracts: swaps the folder `path` of whatever appears in `folder` for a
 * symlink to `link` and back, all the time. Posted `{ folder, path, link, shared }`; counts its swaps in `shared[1]`,
 * says `ready` when it begins, and `done` when `shared[0]` is no longer 0.
 */
interface Orders {
  readonly folder: string;
  readonly path: string;
  readonly link: string;
  readonly shared: Int32Array<SharedArrayBuffer>;
}

const attacker = self as unknown as {
  onmessage: (event: MessageEvent<Orders>) => void;
  postMessage(message: string): void;
};

/** Whether it worked: names come and go. */
function attempt(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}

attacker.onmessage = ({ data: { folder, path, link, shared } }) => {
  attacker.postMessage("ready");
  let latest = "";
  while (Atomics.load(shared, 0) === 0) {
    // The newest is the one that is being filled, under a temporary name or its own.
    for (const { name } of Deno.readDirSync(folder)) {
      if (name !== "outside" && !name.startsWith("done-")) latest = name;
      if (!name.startsWith(".")) continue;
      latest = name;
      break;
    }
    const victim = `${folder}/${latest}/${path}`;
    for (let i = 0; i < 20 && latest !== ""; i++) {
      if (!attempt(() => Deno.renameSync(victim, `${victim}-moved`))) break;
      if (attempt(() => Deno.symlinkSync(link, victim))) Atomics.add(shared, 1, 1);
      attempt(() => Deno.removeSync(victim));
      attempt(() => Deno.renameSync(`${victim}-moved`, victim));
    }
  }
  attacker.postMessage("done");
};
