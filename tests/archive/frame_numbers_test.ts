import { assertEquals, assertThrows } from "@std/assert";
import { FrameNumbers } from "../../src/archive/frame_numbers.ts";

Deno.test("take() counts from 0 without a gap and never gives a number twice", () => {
  const numbers = new FrameNumbers();
  assertEquals(Array.from({ length: 5 }, () => numbers.take()), [0, 1, 2, 3, 4]);
  assertEquals(numbers.taken, 5);
});

Deno.test("take() throws after end(), however often it is asked", () => {
  const numbers = new FrameNumbers();
  numbers.take();
  numbers.end();
  numbers.end();
  for (let i = 0; i < 3; i++) assertThrows(() => numbers.take(), Error, "this segment attempt has ended");
  assertEquals(numbers.taken, 1);
});
