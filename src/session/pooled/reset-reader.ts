/**
 * Reads in session mode what goes back to the settings that the client's startup asked for: the server
 * does not know them as such. Nothing is replaced.
 */
import {
  FrontendTag,
  HEADER_BYTES,
  UNKNOWN_TRAITS,
  statementTraits,
} from "../../postgres/index.ts";
import type { AnswerLedger } from "../../postgres/index.ts";
import type { RequestPolicy } from "./request-stream.ts";
import type { SettingsWatch } from "./settings-watch.ts";

export class ResetReader implements RequestPolicy {
  readonly #ledger: AnswerLedger;
  readonly #watch: SettingsWatch;
  readonly awaitsExecute = false;
  /** A prepared statement resets something: each Bind may be of that one. */
  #hasPrepared = false;

  constructor(ledger: AnswerLedger, watch: SettingsWatch) {
    this.#ledger = ledger;
    this.#watch = watch;
  }

  replace(tag: number, bytes: Buffer, at: number, end: number, next: number): undefined {
    // The server skips it.
    if (this.#ledger.hasBatchFailed || this.#ledger.isCopying) return;
    if (tag === FrontendTag.Bind) {
      if (this.#hasPrepared) this.#watch.saw(UNKNOWN_TRAITS);
    } else if (tag === FrontendTag.Query) {
      this.#watch.saw(traitsOf(bytes, at + HEADER_BYTES, end, next));
    } else if (tag === FrontendTag.Parse) {
      const textFrom = bytes.indexOf(0, at + HEADER_BYTES) + 1;
      const { resets } = traitsOf(bytes, textFrom, end, next);
      if (resets.length > 0) this.#hasPrepared = true;
    }
  }
}

function traitsOf(bytes: Buffer, from: number, end: number, next: number) {
  return next > end ? UNKNOWN_TRAITS : statementTraits(bytes.toString("latin1", from, end - 1));
}
