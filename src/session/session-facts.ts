/** What is known of a session, for its handlers: read only when one of them asks. */
import { GatewayError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { SessionTransactionStatus, SessionView, TerminationError } from "../hooks/index.ts";
import {
  TransactionStatus,
  errorResponse,
  errorResponseFor,
  readStartupOptions,
  readStartupParameters,
} from "../postgres/index.ts";
import type { StartupTrace } from "../watch/index.ts";
import type { ToldEvents } from "./told-events.ts";

/** Whoever follows the traffic of a session. */
export interface FactsSource {
  /** Of the last ReadyForQuery of the server, 0 before the first. */
  readonly transactionStatus: number;
  /** Undefined as long as the server has not reported it. */
  readonly applicationName: string | undefined;
}

const STATUSES: ReadonlyMap<number, SessionTransactionStatus> = new Map([
  [TransactionStatus.Idle, "idle"],
  [TransactionStatus.InTransaction, "inTransaction"],
  [TransactionStatus.Failed, "failed"],
]);
const APPLICATION_NAME = "application_name";

let sessions = 0;

export class SessionFacts implements SessionView {
  /** The protocol is not known: what looks like a message is none. */
  readonly isRaw: boolean;
  /** Undefined until the login has come to it. */
  source: FactsSource | undefined;
  /**
   * Of the last ReadyForQuery that handlers have let through to the client, which may be behind the
   * server; undefined while there are none.
   */
  toldStatus: number | undefined;
  /** The block that its work is done by; undefined while it has none. */
  block: string | undefined;
  /** As the client has said it at the startup; undefined where nobody traces. */
  startupTrace: StartupTrace | undefined;
  /** What the handler that has terminated last wants the client to be told. */
  termination: TerminationError | undefined;
  /** What handlers are told after the fact; undefined as long as there has been none to tell. */
  told: ToldEvents | undefined;
  #startup: Uint8Array | undefined;
  #parameters: ReadonlyMap<string, string> | undefined;
  #id: string | undefined;

  constructor(isRaw = false) {
    this.isRaw = isRaw;
  }

  /** The StartupMessage has come, or handlers have made another of it. */
  set startup(message: Uint8Array) {
    this.#startup = message;
    this.#parameters = undefined;
  }

  /** The FATAL that the session ends with. */
  lastWords(code: ErrorCode): Uint8Array {
    const words = code === "ERR_TERMINATED" ? this.termination : undefined;
    return words === undefined
      ? errorResponseFor(code, "FATAL")
      : errorResponse({ severity: "FATAL", ...words });
  }

  get id(): string {
    this.#id ??= String(++sessions);
    return this.#id;
  }

  get user(): string | undefined {
    return this.#asked.get("user");
  }

  get database(): string | undefined {
    return this.#asked.get("database") || this.user;
  }

  get applicationName(): string | undefined {
    return this.source?.applicationName ?? this.#asked.get(APPLICATION_NAME);
  }

  get transactionStatus(): SessionTransactionStatus | undefined {
    return STATUSES.get(this.toldStatus ?? this.source?.transactionStatus ?? 0);
  }

  get #asked(): ReadonlyMap<string, string> {
    this.#parameters ??= parametersOf(this.#startup);
    return this.#parameters;
  }
}

/** What handlers have made of a StartupMessage may be anything. */
function parametersOf(message: Uint8Array | undefined): ReadonlyMap<string, string> {
  if (message === undefined) return new Map();
  try {
    const parameters = readStartupParameters(message);
    const options = readStartupOptions(parameters.get("options") ?? "");
    const named = options.filter(([name]) => name.toLowerCase() === APPLICATION_NAME);
    return new Map([
      ...named.map(([, value]) => [APPLICATION_NAME, value] as const),
      ...parameters,
    ]);
  } catch (thrown) {
    if (thrown instanceof GatewayError) return new Map();
    throw thrown;
  }
}
