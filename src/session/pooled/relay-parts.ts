import { AnswerLedger, TransactionStatus, UnitGate } from "../../postgres/index.ts";
import { UnitPass } from "../multiplexing/index.ts";
import type { UnitReport } from "../unit-report.ts";
import { AnswerStream } from "./answer-stream.ts";
import { ClientSide } from "./client-side.ts";
import type { ClientSideOwner } from "./client-side.ts";
import type { PooledRelayOptions } from "./pooled-relay-options.ts";
import { reportOf } from "./report-of.ts";
import { RequestStream } from "./request-stream.ts";
import { ServerHold } from "./server-hold.ts";
import type { HoldOwner } from "./server-hold.ts";
import { SessionAnswers } from "./session-answers.ts";
import { SessionState } from "./session-state.ts";

/** What a {@link PooledRelay} is made of. */
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
  /** Undefined without multiplexing. */
  readonly pass: UnitPass | undefined;
}

/**
 * For a client that is logged in. Hooks that it is behind, and its facts, go by these from now on; nothing is
 * asked of the owner yet.
 */
export function makeRelayParts(
  owner: HoldOwner & ClientSideOwner,
  options: PooledRelayOptions,
): RelayParts {
  const { client, context, block, lane } = options;
  const { maxMessageBytes } = context.limits;
  const { multiplexing } = block;
  const ledger = new AnswerLedger();
  // The gateway has said so.
  ledger.readyForQuery(TransactionStatus.Idle);
  const session = new SessionState(options, ledger);
  const hold = new ServerHold(owner, session, lane, multiplexing);
  const requests = new RequestStream(ledger, maxMessageBytes, session.policy);
  const read = new SessionAnswers(client, ledger, session, multiplexing !== undefined);
  const answers = new AnswerStream(ledger, session.due, read);
  const report = reportOf(options, ledger, session);
  requests.listener = report;
  answers.listener = report;
  return {
    options,
    ledger,
    hold,
    side: new ClientSide(owner, options, hold, answers, read),
    gate: new UnitGate(maxMessageBytes),
    requests,
    answers,
    read,
    session,
    report,
    pass: multiplexing && new UnitPass(session, (now) => multiplexing.scope(lane, now)),
  };
}
