import type { AnswerLedger, UnitGate } from "../../postgres/index.ts";
import type { UnitReport } from "../unit-report.ts";
import type { AnswerStream } from "./answer-stream.ts";
import type { ClientSide } from "./client-side.ts";
import type { PooledRelayOptions } from "./pooled-relay-options.ts";
import type { RequestStream } from "./request-stream.ts";
import type { ServerHold } from "./server-hold.ts";
import type { SessionAnswers } from "./session-answers.ts";
import type { SessionState } from "./session-state.ts";

/** What a {@link PooledRelay} is made of, for what is done with all of it now and then. */
export interface RelayParts {
  readonly options: PooledRelayOptions;
  readonly ledger: AnswerLedger;
  readonly hold: ServerHold;
  readonly side: ClientSide;
  readonly gate: UnitGate;
  readonly requests: RequestStream;
  readonly answers: AnswerStream;
  readonly read: SessionAnswers;
  readonly session: SessionState;
  /** Undefined when nobody watches. */
  readonly report: UnitReport | undefined;
}
