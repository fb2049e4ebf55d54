/**
 * An attacker who may write where somebody extracts: swaps the folder `path` of whatever appears in `folder` for a
 * symlink to `link` and back, all the time. Posted `{ folder, path, link, stop }`; says `ready` when it begins, and how
 * often it swapped when `stop[0]` is no longer 0.
 */
interface Orders {
  readonly folder: string;
  readonly path: string;
  readonly link: string;
  readonly stop: Int32Array<SharedArrayBuffer>;
}

const attacker = self as unknown as {
  onmessage: (event: MessageEvent<Orders>) => void;
  postMessage(message: string | number): void;
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

attacker.onmessage = ({ data: { folder, path, link, stop } }) => {
  attacker.postMessage("ready");
  let swaps = 0;
  let latest = "";
  while (Atomics.load(stop, 0) === 0) {
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
      if (attempt(() => Deno.symlinkSync(link, victim))) swaps++;
      attempt(() => Deno.removeSync(victim));
      attempt(() => Deno.renameSync(`${victim}-moved`, victim));
    }
  }
  attacker.postMessage(swaps);
};
