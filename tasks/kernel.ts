/** Assembles the kernels (`*.wat` under src) into the `*_bytes.ts` beside them; tests compare the two. */
import loadWabt from "wabt";

/** The kernels, without their extension. */
export const KERNELS: readonly string[] = ["src/recovery/kernel", "src/archive/item_sum"];

function urlOf(path: string): URL {
  return new URL(`../${path}`, import.meta.url);
}

/** The source of the module that holds an assembled kernel. */
export async function assembleKernel(kernel: string): Promise<string> {
  const name = `${kernel.split("/").at(-1)}.wat`;
  const text = await Deno.readTextFile(urlOf(`${kernel}.wat`));
  const wabt = await loadWabt();
  using cleanup = new DisposableStack();
  const parsed = wabt.parseWat(name, text, { simd: true });
  cleanup.defer(() => parsed.destroy());
  parsed.resolveNames();
  parsed.validate();
  const base64 = new Uint8Array(parsed.toBinary({}).buffer).toBase64();
  const lines = base64.match(/.{1,100}/g) ?? [];
  return `/** Assembled from ${name} by tasks/kernel.ts; not to be edited. */\n` +
    `export const KERNEL_BASE64 =\n${lines.map((line) => `  "${line}"`).join(" +\n")};\n`;
}

/** The source that stands beside a kernel. */
export function readAssembled(kernel: string): Promise<string> {
  return Deno.readTextFile(urlOf(`${kernel}_bytes.ts`));
}

if (import.meta.main) {
  for (const kernel of KERNELS) await Deno.writeTextFile(urlOf(`${kernel}_bytes.ts`), await assembleKernel(kernel));
}
