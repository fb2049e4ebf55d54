/** Errors on their way between threads: a structured clone would drop their class and their code. */
import { ArchiveError, type ArchiveErrorCode, type ArchiveErrorPlace } from "../format/errors.ts";
import { Refusal, type RestoreProblemKind } from "../disk/refusal.ts";
import { systemCode } from "../disk/system_error.ts";

/** An error in transit. */
export interface RemoteError {
  readonly message: string;
  readonly stack: string | undefined;
  readonly origin:
    | { readonly kind: "archive"; readonly code: ArchiveErrorCode; readonly place: ArchiveErrorPlace }
    | { readonly kind: "refusal"; readonly refusal: RestoreProblemKind }
    | { readonly kind: "other"; readonly name: string; readonly code: string | undefined };
}

/** What the other thread is told of an error. */
export function encodeError(error: unknown): RemoteError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (error instanceof ArchiveError) {
    return { message, stack, origin: { kind: "archive", code: error.code, place: { ...error.place } } };
  }
  if (error instanceof Refusal) return { message, stack, origin: { kind: "refusal", refusal: error.kind } };
  const name = error instanceof Error ? error.name : "Error";
  return { message, stack, origin: { kind: "other", name, code: systemCode(error) } };
}

/** The error as this thread would have met it. */
export function decodeError({ message, stack, origin }: RemoteError): Error {
  const error = rebuild(message, origin);
  if (stack !== undefined) error.stack = stack;
  return error;
}

function rebuild(message: string, origin: RemoteError["origin"]): Error {
  switch (origin.kind) {
    case "archive":
      return new ArchiveError(origin.code, message, origin.place);
    case "refusal":
      return new Refusal(origin.refusal, message);
    case "other": {
      const { name, code } = origin;
      if (name === "NotCapable") return new Deno.errors.NotCapable(message);
      if (name === "InvalidData") return new Deno.errors.InvalidData(message);
      const error = name === "TypeError"
        ? new TypeError(message)
        : name === "RangeError"
        ? new RangeError(message)
        : new Error(message);
      return code === undefined ? error : Object.assign(error, { code });
    }
  }
}
