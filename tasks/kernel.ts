/** Assembles src/recovery/kernel.wat into src/recovery/kernel_bytes.ts; a test compares the two. */
import loadWabt from "wabt";

/** The source of the module that holds the assembled kernel. */
export async function assembleKernel(): Promise<string> {
  const text = await Deno.readTextFile(new URL("../src/recovery/kernel.wat", import.meta.url));
  const wabt = await loadWabt();
  using cleanup = new DisposableStack();
  const parsed = wabt.parseWat("kernel.wat", text, { simd: true });
  cleanup.defer(() => parsed.destroy());
  parsed.resolveNames();
  parsed.validate();
  const base64 = new Uint8Array(parsed.toBinary({}).buffer).toBase64();
  const lines = base64.match(/.{1,100}/g) ?? [];
  return `/** Assembled from kernel.wat by tasks/kernel.ts; not to be edited. */\n` +
    `export const KERNEL_BASE64 =\n${lines.map((line) => `  "${line}"`).join(" +\n")};\n`;
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("../src/recovery/kernel_bytes.ts", import.meta.url), await assembleKernel());
}
