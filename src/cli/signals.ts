/** Signals end the work cleanly: they abort one `AbortSignal`, and whoever holds something half-done clears it up. */
import { Interrupted } from "./command_error.ts";

/** The signals that mean "stop". */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** What listens to signals: `Deno`, or a test's stand-in. */
export interface SignalSource {
  /** See `Deno.addSignalListener`. */
  addSignalListener(signal: Deno.Signal, handler: () => void): void;
  /** See `Deno.removeSignalListener`. */
  removeSignalListener(signal: Deno.Signal, handler: () => void): void;
}

/** The work's `AbortSignal`; disposing it gives the signals their usual meaning back. */
export interface Interruption extends Disposable {
  /** Aborts with an `Interrupted` as its reason. */
  readonly signal: AbortSignal;
}

/**
 * Listens until disposed. Only the first signal does anything: under a task runner one Ctrl-C arrives twice, and the
 * second must not cut the clean-up short that the first began.
 */
export function watchSignals(onInterrupt: (signal: Deno.Signal) => void, source: SignalSource = Deno): Interruption {
  const controller = new AbortController();
  const listening: { readonly name: Deno.Signal; readonly handler: () => void }[] = [];
  for (const name of SIGNALS) {
    const handler = () => {
      if (controller.signal.aborted) return;
      onInterrupt(name);
      controller.abort(new Interrupted(name));
    };
    try {
      source.addSignalListener(name, handler);
      listening.push({ name, handler });
    } catch {
      // A signal that this platform or this host does not offer cannot arrive either.
    }
  }
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      // Interrupted, the program is about to leave: a second signal until then must not end it with another exit code.
      if (controller.signal.aborted) return;
      for (const { name, handler } of listening) source.removeSignalListener(name, handler);
    },
  };
}
