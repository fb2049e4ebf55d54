/** Archives in pipes: as good as files, in constant memory, and quiet when the reader goes. */
import { assert, assertEquals, assertNotMatch } from "@std/assert";
import { inFolder, installed, LINUX, POSIX, testWith } from "./conditions.ts";
import { CHECKOUT, create, environment, expectExit, feed, PROGRAM, QUICK, start, together } from "./program.ts";
import { describeTree, exists, randomBytes, writeTree } from "./trees.ts";

/** Runs a shell script that calls the program as "$@". */
async function shell(script: string, cwd: string): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", `set -o pipefail; ${script}`, "bash", ...PROGRAM],
    cwd,
    clearEnv: true,
    env: environment(),
    stdin: "null",
  }).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

const BASH = installed("bash", "-c", "exit 0");

testWith(
  [POSIX, BASH],
  "create - | extract - carries a tree, and list - and verify - read the same bytes",
  async () => {
    await inFolder(async (folder) => {
      writeTree(folder, {
        "in/noise": randomBytes(6_000_000),
        "in/text": "text\n".repeat(100_000),
        "in/sub/empty": "",
        "in/link": { link: "sub" },
      });
      Deno.linkSync(`${folder}/in/text`, `${folder}/in/text2`);
      const quick = QUICK.join(" ");
      const { code, out, err } = await shell(
        `"$@" create - in ${quick} | tee x.coffer | "$@" extract - -C out && "$@" list - < x.coffer &&
       cat x.coffer | "$@" verify - --against out && "$@" extract x.coffer -C out2`,
        folder,
      );
      assertEquals(code, 0, err);
      assertEquals(out, "in\nin/link\nin/noise\nin/sub\nin/sub/empty\nin/text\nin/text2\n");
      const source = await describeTree(`${folder}/in`);
      assertEquals(await describeTree(`${folder}/out/in`), source);
      // What was written to a pipe is as good as a file: random access works.
      assertEquals(await describeTree(`${folder}/out2/in`), source);
      assertEquals((await expectExit(0, ["cat", "x.coffer", "in/text"], { cwd: folder })).out.length, 500_000);
    });
  },
);

testWith([POSIX, BASH], "a closed pipe ends list, cat and create quietly", async () => {
  await inFolder(async (folder) => {
    const names = Array.from({ length: 3000 }, (_, i) => `in/${String(i).padStart(200, "n")}`);
    writeTree(folder, { ...Object.fromEntries(names.map((name) => [name, ""])), big: randomBytes(3_000_000) });
    await create(`${folder}/x.coffer`, ["in", "big"], { cwd: folder });
    const first = "head -c 1 >/dev/null; exit ${PIPESTATUS[0]}";
    const ends = await together([
      shell(`"$@" list x.coffer | ${first}`, folder),
      shell(`"$@" list --json x.coffer | ${first}`, folder),
      shell(`"$@" cat x.coffer big | ${first}`, folder),
      shell(`"$@" create - ${QUICK.join(" ")} big | ${first}`, folder),
      shell(`"$@" --help | ${first}`, folder),
    ]);
    for (const { err, out } of ends) assertEquals([err, out], ["", ""]);
    // Half an archive is not done, however quietly it ended.
    assertEquals(ends.slice(0, 4).map(({ code }) => code), [0, 0, 0, 1]);
  });
});

testWith([LINUX, BASH], "standard output or error that is full or closed: an exit code, no crash", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content" });
    await create(`${folder}/x.coffer`, ["in"], { cwd: folder });
    const [listed, shown, made, helped, silent] = await together([
      shell(`"$@" list x.coffer > /dev/full`, folder),
      shell(`"$@" cat x.coffer in > /dev/full`, folder),
      shell(`"$@" create - ${QUICK.join(" ")} in > /dev/full`, folder),
      shell(`"$@" --help > /dev/full`, folder),
      shell(`"$@" extract x.coffer -C out 2> /dev/full`, folder),
    ]);
    for (const { code, err } of [listed, shown, made, helped]) {
      assertEquals(code, 1, err);
      assert(err.includes("the disk is full"), err);
      assertNotMatch(err, /internal error/);
    }
    // Messages that nobody can read are no reason to fail.
    assertEquals(silent.code, 0);
    assertEquals(Deno.readTextFileSync(`${folder}/out/in`), "content");
    assertEquals((await shell(`"$@" create y.coffer in ${QUICK.join(" ")} <&- 2>&-`, folder)).code, 0);
  });
});

/** The most memory that a process has had so far, in MiB; `undefined` when it has ended. */
function peakMemory(pid: number): number | undefined {
  try {
    const line = /^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
    return line === null ? undefined : Number(line[1]) / 1024;
  } catch {
    return undefined;
  }
}

/** Reads a stream to its end, and asks for a process's memory now and then. */
async function drain(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  pid: number,
  onChunk: (chunk: Uint8Array<ArrayBuffer>) => Promise<void> | void,
): Promise<number> {
  let peak = 0;
  let count = 0;
  for await (const chunk of stream) {
    await onChunk(chunk);
    if (count++ % 64 === 0) peak = Math.max(peak, peakMemory(pid) ?? 0);
  }
  return peak;
}

testWith(LINUX, "a pipe of any length takes constant memory, on both sides", async () => {
  // Far more than the bound on memory, and half of it compresses.
  const pieces = [randomBytes(2 ** 20), new Uint8Array(2 ** 20).fill(65)];
  const COUNT = 600;
  const BOUND_MIB = 400;
  const writer = start(["create", "-", ...QUICK, "-q", "--jobs", "2", "--stdin-name", "big"]);
  const reader = start(["verify", "-", "-q", "--jobs", "2"]);
  const input = writer.stdin.getWriter();
  const output = reader.stdin.getWriter();
  const write = async () => {
    for (let i = 0; i < COUNT; i++) await input.write(pieces[i % 2]!);
    await input.close();
  };
  let readerPeak = 0;
  const [, writerPeak] = await together([
    write(),
    drain(writer.stdout, writer.pid, async (chunk) => {
      await output.write(chunk);
      readerPeak = Math.max(readerPeak, peakMemory(reader.pid) ?? 0);
    }).finally(() => output.close()),
    drain(writer.stderr, writer.pid, () => {}),
    drain(reader.stdout, reader.pid, () => {}),
    drain(reader.stderr, reader.pid, () => {}),
  ]);
  assertEquals([(await writer.status).code, (await reader.status).code], [0, 0]);
  for (const peak of [writerPeak, readerPeak]) assert(peak > 10 && peak < BOUND_MIB, `${peak} MiB`);
});

Deno.test("a pipe that stops early, stays empty or holds something else fails with its own exit code", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: randomBytes(100_000) });
    const { bytes } = await create("-", ["in"], { cwd: folder });
    const ends: readonly (readonly [code: number, bytes: Uint8Array<ArrayBuffer>])[] = [
      [10, new Uint8Array(0)],
      [10, new TextEncoder().encode("tar, perhaps".repeat(100))],
      [13, bytes.slice(0, 5000)],
      [13, bytes.slice(0, 50_000)],
      [13, bytes.slice(0, bytes.length - 1)],
    ];
    await together(
      ends.flatMap(([code, stdin]) =>
        ["extract", "list", "verify"].map((verb) =>
          expectExit(code, [verb, "-", ...(verb === "extract" ? ["-C", "out"] : [])], { cwd: folder, stdin })
        )
      ),
    );
    assert(!exists(`${folder}/out`));
  });
});

Deno.test("an archive may trickle in byte by byte", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { in: "content" });
    const { bytes } = await create("-", ["in"], { cwd: folder });
    const child = start(["extract", "-", "-C", "out"], { cwd: folder });
    const output = child.output();
    const writer = child.stdin.getWriter();
    for (let at = 0; at < 300; at++) await writer.write(bytes.subarray(at, at + 1));
    writer.releaseLock();
    await feed(child, bytes.slice(300));
    assertEquals((await output).code, 0);
    assertEquals(Deno.readTextFileSync(`${folder}/out/in`), "content");
  });
});

testWith(
  [POSIX, BASH],
  "create -, list - and verify - work with the rights that README says they need: none to the disk",
  async () => {
    await inFolder(async (folder) => {
      const run = async (script: string) => {
        const { code, stdout, stderr } = await new Deno.Command("bash", {
          args: ["-c", script, "bash", Deno.execPath(), "run", "--no-prompt", "--cached-only", `${CHECKOUT}cli.ts`],
          cwd: folder,
          clearEnv: true,
          env: environment(),
          stdin: "null",
        }).output();
        const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
        return { code, out: text(stdout), err: text(stderr) };
      };
      // The program's own words begin behind the checkout's cli.ts, its permissions before it.
      const program = '"${@:1:4}" --allow-env=COFFER_PASSPHRASE "$5"';
      const made = await run(`echo text | ${program} create - --stdin-name name ${QUICK.join(" ")} > archive`);
      assertEquals(made.code, 0, made.err);
      const listed = await run(`${program} list - < archive`);
      assertEquals({ code: listed.code, out: listed.out }, { code: 0, out: "name\n" }, listed.err);
      const verified = await run(`${program} verify - < archive`);
      assertEquals(verified.code, 0, verified.err);
    });
  },
);
