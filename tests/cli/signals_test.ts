import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { Interrupted } from "../../src/cli/command_error.ts";
import { type SignalSource, watchSignals } from "../../src/cli/signals.ts";

class FakeSignals implements SignalSource {
  readonly handlers = new Map<Deno.Signal, Set<() => void>>();
  readonly refused: ReadonlySet<Deno.Signal>;

  constructor(...refused: Deno.Signal[]) {
    this.refused = new Set(refused);
  }

  addSignalListener(signal: Deno.Signal, handler: () => void): void {
    if (this.refused.has(signal)) throw new TypeError("not offered");
    this.handlers.set(signal, (this.handlers.get(signal) ?? new Set()).add(handler));
  }

  removeSignalListener(signal: Deno.Signal, handler: () => void): void {
    assert(this.handlers.get(signal)?.delete(handler), "removed what was not added");
  }

  send(signal: Deno.Signal): void {
    for (const handler of this.handlers.get(signal) ?? []) handler();
  }
}

Deno.test("watchSignals() aborts on the first signal and ignores the rest", () => {
  const source = new FakeSignals();
  const heard: string[] = [];
  using interruption = watchSignals((name) => heard.push(name), source);
  assert(!interruption.signal.aborted);
  source.send("SIGINT");
  const { reason } = interruption.signal;
  assertInstanceOf(reason, Interrupted);
  assertEquals(reason.name, "AbortError");
  source.send("SIGINT");
  source.send("SIGTERM");
  assertEquals(heard, ["SIGINT"]);
  assertEquals(interruption.signal.reason, reason);
});

Deno.test("watchSignals() listens to every signal that means stop, until disposed", () => {
  const source = new FakeSignals();
  {
    using interruption = watchSignals(() => {}, source);
    assert(!interruption.signal.aborted);
    assertEquals([...source.handlers.values()].map(({ size }) => size), [1, 1, 1]);
  }
  assertEquals([...source.handlers.values()].map(({ size }) => size), [0, 0, 0]);
});

Deno.test("watchSignals() goes on listening once it was interrupted, so that no second signal ends the program", () => {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const source = new FakeSignals();
    {
      using interruption = watchSignals(() => {}, source);
      source.send(name);
      assert(interruption.signal.aborted, name);
    }
    assertEquals([...source.handlers.values()].map(({ size }) => size), [1, 1, 1]);
  }
});

Deno.test("watchSignals() does without a signal that the platform refuses", () => {
  const source = new FakeSignals("SIGHUP");
  using interruption = watchSignals(() => {}, source);
  source.send("SIGTERM");
  assert(interruption.signal.aborted);
});
