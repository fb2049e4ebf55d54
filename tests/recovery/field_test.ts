import { assertEquals, assertThrows } from "@std/assert";
import { assembleKernel, KERNELS, readAssembled } from "../../tasks/kernel.ts";
import { addMultiple, coefficient, invert, invertCoefficients, multiply } from "../../src/recovery/field.ts";
import { CellMemory } from "../../src/recovery/kernel.ts";

/** The product by the definition: polynomials, reduced. */
function product(a: number, b: number): number {
  let sum = 0;
  for (let bit = 0; bit < 8; bit++) if ((b >> bit & 1) === 1) sum ^= a << bit;
  for (let bit = 15; bit >= 8; bit--) if ((sum >> bit & 1) === 1) sum ^= 0x11d << (bit - 8);
  return sum;
}

Deno.test("multiply() gives the product of the definition when given any two elements", () => {
  for (let a = 0; a < 256; a++) for (let b = 0; b < 256; b++) assertEquals(multiply(a, b), product(a, b));
});

Deno.test("invert() gives what makes one when multiplied, and refuses zero", () => {
  for (let a = 1; a < 256; a++) assertEquals(product(a, invert(a)), 1);
  assertThrows(() => invert(0), RangeError);
});

Deno.test("coefficient() is the inverse of 255 less the row, XOR the position", () => {
  for (let row = 0; row < 128; row++) {
    for (let position = 0; position < 255 - 127; position++) {
      assertEquals(product(coefficient(row, position), (255 - row) ^ position), 1);
    }
  }
});

Deno.test("invertCoefficients() gives the inverse when given rows and positions, and refuses a repeated one", () => {
  const rows = [0, 3, 12, 7, 1];
  const positions = [241, 0, 17, 100, 2];
  const inverse = invertCoefficients(rows, positions);
  rows.forEach((row, i) => {
    rows.forEach((_, j) => {
      let sum = 0;
      positions.forEach((position, k) => sum ^= product(coefficient(row, position), inverse[k]?.[j] as number));
      assertEquals(sum, i === j ? 1 : 0);
    });
  });
  assertThrows(() => invertCoefficients([1, 1], [0, 2]), RangeError);
});

Deno.test("CellMemory adds the same multiples as addMultiple() when given any factor", () => {
  const memory = new CellMemory(20);
  for (let factor = 0; factor < 256; factor += 5) {
    memory.clear();
    const factors = Array.from({ length: 18 }, (_, i) => (factor + 11 * i) % 256);
    for (const index of [0, 1, 9, 18, 19]) crypto.getRandomValues(memory.cell(index) as Uint8Array<ArrayBuffer>);
    const expected = factors.map((_, i) => memory.cell(1 + i).slice());
    const source = memory.cell(0).slice();
    factors.forEach((each, i) => addMultiple(expected[i] as Uint8Array, source, each));
    const beyond = memory.cell(19).slice();
    memory.addMultiples(1, 0, factors);
    expected.forEach((cell, i) => assertEquals(memory.cell(1 + i).slice(), cell));
    assertEquals(memory.cell(0).slice(), source);
    assertEquals(memory.cell(19).slice(), beyond);
  }
});

Deno.test("kernel_bytes.ts is what kernel.wat assembles to, and so is each kernel", async () => {
  for (const kernel of KERNELS) {
    const [stands, assembled] = [await readAssembled(kernel), await assembleKernel(kernel)];
    assertEquals(stands.replaceAll(/\s/g, ""), assembled.replaceAll(/\s/g, ""), kernel);
  }
});
