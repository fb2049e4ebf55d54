import { assertEquals, assertMatch } from "@std/assert";
import { describeMachine, machineSlug } from "../../bench/machine.ts";

Deno.test("machineSlug() makes a file name of a model and its cores", () => {
  const cases: readonly (readonly [cpu: string, cores: number, slug: string])[] = [
    ["Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 28, "intel-xeon-e5-2680-v4-28-cores"],
    ["AMD Ryzen 7 5800X 8-Core Processor", 16, "amd-ryzen-7-5800x-8-core-16-cores"],
    ["Apple M2", 1, "apple-m2-1-core"],
    ["../../etc/passwd", 2, "etc-passwd-2-cores"],
    ["", 4, "unknown-4-cores"],
  ];
  for (const [cpu, cores, slug] of cases) assertEquals(machineSlug({ cpu, cores }), slug);
});

Deno.test("describeMachine() tells nothing but what it says it tells", () => {
  const machine = describeMachine();
  assertEquals(Object.keys(machine).sort(), ["cores", "cpu", "deno", "memoryGiB", "system"]);
  assertMatch(machineSlug(machine), /^[a-z0-9-]+-\d+-cores?$/);
});
