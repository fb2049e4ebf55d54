/** Results as lines of text. */
import type { Bytes } from "../../engine/engine.ts";
import { MessageUi } from "./message_ui.ts";
import type { Ui } from "./ui.ts";

/** One line for a result. */
export class TextUi extends MessageUi implements Ui {
  override readonly json = false;

  /** See {@linkcode Ui.result}. */
  result(text: () => string | undefined): void {
    const line = text();
    if (line !== undefined) this.write(`${line}\n`);
  }

  /** See {@linkcode Ui.plainNames}. */
  plainNames(bytes: Bytes, starts: Uint32Array, first: number, behind: number): number {
    if (this.output.terminal) this.messages.status?.erase();
    return this.output.writePlainLines(bytes, starts, first, behind);
  }

  /** See {@linkcode Ui.write}. */
  write(text: string): void {
    // On a terminal, results and the progress line share the screen.
    if (this.output.terminal) this.messages.status?.erase();
    this.output.write(text);
  }
}
