/**
 * What a session has to do with the answers of its server: some are not for the client, some come in its own
 * words, and some change what is known of the session. The port of its {@link AnswerStream}.
 */
import type { PooledBackend } from "../../backend/index.ts";
import type { Connection } from "../../net/index.ts";
import { TransactionStatus, readErrorResponse, readyForQuery } from "../../postgres/index.ts";
import type { AnswerLedger } from "../../postgres/index.ts";
import { isDefining } from "../multiplexing/index.ts";
import type { AnswerPort } from "./answer-stream.ts";
import type { SessionState } from "./session-state.ts";

const NO_BYTES = new Uint8Array(0);

export class SessionAnswers implements AnswerPort {
  readonly followsCommands: boolean;
  #client: Connection;
  readonly #ledger: AnswerLedger;
  readonly #session: SessionState;
  /** The backend that answers. */
  #backend: PooledBackend | undefined;
  /** All that the backend has got since it was leased, as the client sent it; undefined when that is more. */
  unit: Uint8Array | undefined;
  #owesReady = false;
  #hasDefined = false;

  /** @param followsCommands others go by the definitions of the database, which the session may change */
  constructor(
    client: Connection,
    ledger: AnswerLedger,
    session: SessionState,
    followsCommands: boolean,
  ) {
    this.#client = client;
    this.#ledger = ledger;
    this.#session = session;
    this.followsCommands = followsCommands;
  }

  /** The client is written to through this from now on. */
  reach(client: Connection): void {
    this.#client = client;
  }

  /** What comes now is of this backend. */
  begin(backend: PooledBackend): void {
    this.#backend = backend;
  }

  /** The server has said ReadyForQuery, and the client will hear it when its settings are right. */
  get owesReady(): boolean {
    return this.#owesReady;
  }

  /** The client hears all that the server says, when it says so. */
  get isFaithful(): boolean {
    return !this.#owesReady && !this.#session.due.isHiding;
  }

  /** Its settings are right: the client hears of them, and of the ReadyForQuery that it is owed. */
  tellReady(): void {
    const news = this.#backend && this.#session.news(this.#backend);
    if (news !== undefined) this.#client.write(news);
    if (this.#owesReady) this.#client.write(readyForQuery(this.#ledger.transactionStatus));
    this.#owesReady = false;
  }

  /** To as many Syncs that the server has not seen. */
  answerSyncs(count: number): void {
    for (let left = count; left > 0; left--) {
      this.#client.write(readyForQuery(this.#ledger.transactionStatus));
    }
  }

  /** Definitions of the database have changed, in a transaction that may go on; forgets that. */
  takeDefined(): boolean {
    const hasDefined = this.#hasDefined;
    this.#hasDefined = false;
    return hasDefined;
  }

  get hasReset(): boolean {
    return this.#session.hasReset;
  }

  reported(name: string, value: string): boolean {
    return this.#backend === undefined || this.#session.reported(this.#backend, name, value);
  }

  /** Settings of the startup have been reset: before the client goes on they are set again. */
  readied(message: Uint8Array): Uint8Array | undefined {
    const { transactionStatus, isIdle } = this.#ledger;
    const isSettled = transactionStatus !== TransactionStatus.Idle && !this.#session.settlesWithin;
    this.#owesReady = isIdle && !isSettled && transactionStatus !== TransactionStatus.Failed;
    if (this.#owesReady) return undefined;
    // More is asked for already, or a transaction can only be rolled back.
    const news = this.#backend && this.#session.news(this.#backend);
    return news === undefined ? message : Buffer.concat([news, message]);
  }

  commanded(bytes: Uint8Array, at: number): void {
    if (isDefining(bytes, at)) this.#hasDefined = true;
  }

  refused(place: number, message: Uint8Array | undefined): Uint8Array | undefined {
    const { statements } = this.#session;
    const answer = statements === undefined ? message : statements.refused(place, message);
    if (answer === undefined || !this.#ledger.isIdle) return answer;
    // Nobody has asked: the server says goodbye to a session that may go on at another one.
    const isLetGo = !this.#session.isTied && !this.#ledger.isInTransaction;
    return isLetGo && isFatal(answer) ? undefined : answer;
  }

  /** It is sent again, once. */
  takeUnit(): Uint8Array {
    const { unit = NO_BYTES } = this;
    this.unit = undefined;
    return unit;
  }

  repeats(message: Uint8Array, answer: Uint8Array): boolean {
    const { owedReadyForQuery, isBatchOpen, isInTransaction } = this.#ledger;
    const isWhole = owedReadyForQuery === 1 && !isBatchOpen && !isInTransaction;
    const unit = isWhole ? this.unit : undefined;
    return this.#session.statements?.repairs(message, answer, unit) === true;
  }
}

/** The last words of a server to this connection. */
function isFatal(message: Uint8Array): boolean {
  const { severity } = readErrorResponse(message);
  return severity === "FATAL" || severity === "PANIC";
}
