/** Signals at every stage: the exit code is 130, and nothing half-written is left under a final name. */
import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { inFolder, LINUX, POSIX, testWith } from "./conditions.ts";
import { create, expectExit, QUICK, type RunOptions, start, together } from "./program.ts";
import { exists, leftovers, randomBytes, writeTree } from "./trees.ts";

const PATIENCE_MS = 20_000;

/** A fixed number of threads, so that it is known how much is read ahead of what is written. */
const TWO_JOBS = ["--jobs", "2"];

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until something is the case. */
async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const start = performance.now(); !isSo(); await sleep(5)) {
    if (performance.now() - start > PATIENCE_MS) throw new Error(`Waited too long for ${what}`);
  }
}

/** SIGINT among the bits of /proc/PID/status. */
const SIGINT_BIT = 2n;

/** Waits until a process has taken over its signals, which it does first, and has gone on a little. */
async function untilListening(pid: number): Promise<void> {
  if (Deno.build.os === "linux") {
    await until("the handlers of signals", () => {
      const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? "0";
      return (BigInt(`0x${caught}`) & SIGINT_BIT) !== 0n;
    });
  } else {
    await sleep(1000);
  }
  await sleep(150);
}

interface Interruption extends RunOptions {
  /** What is written to standard input, which then stays open. */
  readonly stdin?: string | Uint8Array<ArrayBuffer>;
  /** When to send the signals; default: when the program has been listening to them for a little while. */
  readonly when?: readonly [what: string, isSo: () => boolean];
  readonly signals: readonly Deno.Signal[];
  /** Whether standard output is read only at the end, so that the program waits for its reader. */
  readonly leaveOutput?: boolean;
}

/** Starts the program, sends signals when it is time, and waits for its end. */
async function interrupt(
  args: readonly string[],
  { stdin = "", when, signals, leaveOutput = false, ...options }: Interruption,
): Promise<{ status: Deno.CommandStatus; err: string }> {
  const child = start(args, options);
  const err = new Response(child.stderr).text();
  const readOutput = () => new Response(child.stdout).arrayBuffer();
  const read = leaveOutput ? undefined : readOutput();
  const writer = child.stdin.getWriter();
  // The program may end before it has read all of it.
  const written = writer.write(typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin).catch(() => {});
  await (when === undefined ? untilListening(child.pid) : until(...when));
  for (const signal of signals) {
    try {
      child.kill(signal);
    } catch (error) {
      // It may have ended at the first of two.
      if (!(error instanceof TypeError)) throw error;
    }
    await sleep(2);
  }
  // What does not end by itself is ended, or it would disturb the tests that follow.
  const tooLong = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const status = await child.status;
  clearTimeout(tooLong);
  await together([written, read ?? readOutput(), writer.close().catch(() => {})]);
  return { status, err: await err };
}

/** The one temporary file or folder of a folder, if it is there. */
function temporaryIn(folder: string): string | undefined {
  return exists(folder) ? leftovers(folder)[0] : undefined;
}

function sizeOf(path: string | undefined): number {
  try {
    return path === undefined ? 0 : Deno.statSync(path).size;
  } catch {
    return 0;
  }
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

const ENDINGS: readonly (readonly Deno.Signal[])[] = [
  ["SIGINT"],
  ["SIGTERM"],
  ["SIGHUP"],
  ["SIGINT", "SIGINT"],
  ["SIGINT", "SIGTERM"],
];

testWith(
  POSIX,
  "create: SIGINT, SIGTERM and SIGHUP, once or twice, exit 130 and leave the old archive as it was",
  async () => {
    await inFolder(async (folder) => {
      const piece = randomBytes(24_000_000);
      await together(ENDINGS.map(async (signals) => {
        const place = `${folder}/${signals.join()}`;
        writeTree(place, { "x.coffer": "an older archive" });
        const { status, err } = await interrupt([
          "create",
          ...QUICK,
          ...TWO_JOBS,
          "x.coffer",
          "--force",
          "--stdin-name",
          "a",
        ], {
          cwd: place,
          stdin: piece,
          when: ["some of the archive", () => sizeOf(temporaryIn(place)) > 1_000_000],
          signals,
        });
        assertEquals([status.code, status.signal], [130, null], `${signals}: ${err}`);
        assertMatch(err, /^coffer: interrupted; cleaning up\n$/);
        assertEquals(namesIn(place), ["x.coffer"]);
        assertEquals(Deno.readTextFileSync(`${place}/x.coffer`), "an older archive");
      }));
    });
  },
);

testWith(POSIX, "extract from a pipe: any signal exits 130 and leaves no target that was not there", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": randomBytes(3_000_000), "in/b": randomBytes(9_000_000) });
    const { bytes } = await create("-", ["in"], { cwd: folder });
    await together(ENDINGS.map(async (signals) => {
      const place = `${folder}/${signals.join()}`;
      Deno.mkdirSync(place);
      const { status, err } = await interrupt(["extract", "-", "-C", "new/out"], {
        cwd: place,
        stdin: bytes.slice(0, 8_000_000),
        when: ["the first file", () => leftovers(place).some((path) => exists(`${path}/in/a`))],
        signals,
      });
      assertEquals([status.code, status.signal], [130, null], `${signals}: ${err}`);
      assertEquals(namesIn(place), []);
    }));
    // Into a folder that exists: whole files stay, the half one is gone.
    Deno.mkdirSync(`${folder}/old`);
    const { status } = await interrupt(["extract", "-"], {
      cwd: `${folder}/old`,
      stdin: bytes.slice(0, 8_000_000),
      when: [
        "half of the second file",
        () => exists(`${folder}/old/in/a`) && sizeOf(temporaryIn(`${folder}/old`)) > 1_000_000,
      ],
      signals: ["SIGINT", "SIGINT"],
    });
    assertEquals(status.code, 130);
    assertEquals(namesIn(`${folder}/old/in`), ["a"]);
    assertEquals(sizeOf(`${folder}/old/in/a`), 3_000_000);
  });
});

testWith(
  POSIX,
  "large files on disk: a signal is noticed in the middle of one, by create, extract, verify and cat",
  async () => {
    await inFolder(async (folder) => {
      const TOTAL = 600 * 2 ** 20;
      const piece = new TextEncoder().encode("all work and no play makes this a dull archive\n".repeat(2 ** 15));
      const big = Deno.openSync(`${folder}/big`, { write: true, create: true });
      for (let at = 0; at < TOTAL; at += piece.length) {
        big.writeSync(piece.subarray(0, Math.min(piece.length, TOTAL - at)));
      }
      big.close();
      await create("x.coffer", ["big", "--level", "1"], { cwd: folder });
      for (const jobs of ["1", "2"]) {
        const extracted = await interrupt(["extract", "x.coffer", "-C", "out", "-v", "--jobs", jobs], {
          cwd: folder,
          when: ["some of the file", () => leftovers(folder).some((path) => namesIn(path).length > 0)],
          signals: ["SIGINT", "SIGINT"],
        });
        assertEquals(extracted.status.code, 130, extracted.err);
        // With -v an entry is named when it is done.
        assertNotMatch(extracted.err, /^big$/m, "The file was restored to its end first");
        assertEquals(namesIn(folder), ["big", "x.coffer"]);
      }
      const making = await interrupt(["create", ...QUICK, "y.coffer", "big", "--level", "19"], {
        cwd: folder,
        when: ["the temporary file", () => sizeOf(temporaryIn(folder)) > 0],
        signals: ["SIGTERM"],
      });
      assertEquals(making.status.code, 130, making.err);
      assertEquals(namesIn(folder), ["big", "x.coffer"]);
      // One thread, so that it is not done before the signal comes.
      for (const args of [["verify", "x.coffer"], ["verify", "x.coffer", "--against", "."]]) {
        const { status, err } = await interrupt([...args, "--jobs", "1"], { cwd: folder, signals: ["SIGINT"] });
        assertEquals(status.code, 130, `${args.join(" ")}: ${err}`);
        assertNotMatch(err, /is whole/);
      }
      const shown = await interrupt(["cat", "x.coffer", "big"], {
        cwd: folder,
        signals: ["SIGINT"],
        leaveOutput: true,
      });
      assertEquals(shown.status.code, 130, shown.err);
    });
  },
);

testWith(
  LINUX,
  "a signal ends every wait: for lists and passphrases from FIFOs, standard input and commands",
  async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { in: "content" });
      await create("x.coffer", ["in"], { cwd: folder });
      await new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).output();
      const command = `sh -c 'echo $$ > ${folder}/pid; exec sleep 600'`;
      const waits = [
        ["create", "y.coffer", "--files-from", "fifo"],
        ["create", "y.coffer", "--files-from", "-"],
        ["create", "y.coffer", "in", "--exclude-from", "fifo"],
        ["create", "y.coffer", "in", "--passphrase-file", "fifo"],
        ["create", "y.coffer", "in", "--passphrase-file", "-"],
        ["list", "x.coffer", "--passphrase-file", "fifo"],
        ["list", "x.coffer", "--passphrase-command", command],
        ["extract", "x.coffer", "-C", "out", "--exclude-from", "fifo"],
        ["list", "-"],
        ["verify", "-"],
        ["extract", "-", "-C", "out"],
        ["extract", "-", "-C", "out", "--dry-run"],
      ];
      const ends = await together(waits.map(async (args) => {
        // A command that has not begun yet could not be ended.
        const begun = args.includes(command)
          ? { when: ["the command", () => sizeOf(`${folder}/pid`) > 0] as const }
          : {};
        const { status } = await interrupt(args, { cwd: folder, signals: ["SIGINT"], ...begun });
        return `${args.join(" ")}: ${status.signal ?? status.code}`;
      }));
      assertEquals(ends, waits.map((args) => `${args.join(" ")}: 130`));
      assertEquals(namesIn(folder).filter((name) => name !== "pid"), ["fifo", "in", "x.coffer"]);
      const pid = Deno.readTextFileSync(`${folder}/pid`).trim();
      await until(
        "the command's end",
        () => !exists(`/proc/${pid}`) || /^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`)),
      );
    });
  },
);

testWith(
  POSIX,
  "kill -9 leaves no file under a final name, and the next run is not disturbed by what it left",
  async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { "in/a": randomBytes(3_000_000), "in/b": randomBytes(9_000_000) });
      const { bytes } = await create("-", ["in"], { cwd: folder });
      const place = `${folder}/place`;
      Deno.mkdirSync(place);
      const made = await interrupt(["create", ...QUICK, ...TWO_JOBS, "x.coffer", "--stdin-name", "a"], {
        cwd: place,
        stdin: randomBytes(24_000_000),
        when: ["some of the archive", () => sizeOf(temporaryIn(place)) > 1_000_000],
        signals: ["SIGKILL"],
      });
      assertEquals(made.status.signal, "SIGKILL");
      const extracted = await interrupt(["extract", "-", "-C", "out"], {
        cwd: place,
        stdin: bytes.slice(0, 8_000_000),
        when: ["the first file", () => leftovers(place).some((path) => exists(`${path}/in/a`))],
        signals: ["SIGKILL"],
      });
      assertEquals(extracted.status.signal, "SIGKILL");
      assertEquals(namesIn(place).filter((name) => !name.endsWith(".coffer-tmp")), []);
      await create("x.coffer", ["../in"], { cwd: place });
      await expectExit(0, ["extract", "x.coffer", "-C", "out"], { cwd: place });
      assertEquals(sizeOf(`${place}/out/in/b`), 9_000_000);
    });
  },
);
