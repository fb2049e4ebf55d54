/** Results as JSON, one object a line. */
import { escapeJson } from "./escape.ts";
import { MessageUi } from "./message_ui.ts";
import type { JsonRecord, Ui } from "./ui.ts";

/** One object on a line for a result. Names are exact, and unsafe characters in them are written as JSON's escapes. */
export class JsonUi extends MessageUi implements Ui {
  override readonly json = true;

  /** See {@linkcode Ui.result}. */
  result(_text: () => string | undefined, json: () => JsonRecord | undefined): void {
    const record = json();
    if (record === undefined) return;
    if (this.output.terminal) this.messages.status?.erase();
    this.output.write(`${escapeJson(JSON.stringify(record))}\n`);
  }

  /** See {@linkcode Ui.plainNames}. */
  plainNames(): number {
    return 0;
  }

  /** See {@linkcode Ui.write}. */
  write(): void {
    // Deliberately nothing: with JSON, standard output is JSON throughout.
  }
}
