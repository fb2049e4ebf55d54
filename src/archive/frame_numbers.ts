/**
 * The nonce rule (FORMAT.md, "Frames"): a frame number is sealed once per segment key, and after any write error
 * nothing more is sealed under that key; a new attempt has a fresh salt. This class is the only source of frame
 * numbers.
 */
export class FrameNumbers {
  #next = 0;
  #ended = false;

  /**
   * A number never given before. Whoever takes it seals exactly one frame with it.
   *
   * @throws {Error} after {@linkcode end}.
   */
  take(): number {
    if (this.#ended) throw new Error("Cannot seal another frame: this segment attempt has ended");
    return this.#next++;
  }

  /** How many numbers have been given. */
  get taken(): number {
    return this.#next;
  }

  /** Whether the attempt has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Ends the attempt, for good: the segment is complete or a write has failed. */
  end(): void {
    this.#ended = true;
  }
}
