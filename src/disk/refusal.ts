/** Why an entry was not restored, or not fully. */
export type RestoreProblemKind =
  /** It would be written through a symlink, or its name means something else here; exit code 14. */
  | "unsafe"
  /** Something that may not be replaced has its name. */
  | "exists"
  /** Its name falls together with another one on this file system: by case, normalisation or an alias. */
  | "collision"
  /** The entry is there, but an owner, mode or time could not be set. */
  | "metadata"
  /** The system refused, for this entry only. */
  | "failed";

/** One entry is refused; the next may be fine. Internal to restoring: it ends as a problem told to the caller. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  /** Why. */
  readonly kind: RestoreProblemKind;

  /** Creates a refusal; `message` is the end of a sentence. */
  constructor(kind: RestoreProblemKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
