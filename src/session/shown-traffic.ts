/** Shows traffic to a handler on its own terms: cut into statements, without secrets, not too much of it. */
import { GatewayError } from "../errors.ts";
import { isTermination } from "../hooks/index.ts";
import type {
  HandlerAnswer,
  HandlerRegistration,
  HookHandler,
  HookName,
  HookPayload,
  SessionView,
} from "../hooks/index.ts";
import { FrontendTag, HEADER_BYTES, statementsOf } from "../postgres/index.ts";
import { SessionFacts } from "./session-facts.ts";

const TRAFFIC_HOOKS: ReadonlySet<HookName> = new Set([
  "OnTrafficFromClient",
  "OnTrafficToServer",
  "OnTrafficFromServer",
  "OnTrafficToClient",
]);
/** Of requests alone. */
const REQUEST_HOOKS: ReadonlySet<HookName> = new Set(["OnTrafficFromClient", "OnTrafficToServer"]);
/** Answers of several calls have these in common. */
const SIGNALS_KEY = "__signals__";
const MASK = 0x2a; // *

/** The handler as it is to be called; itself when it takes things as they are. */
export function showTraffic(
  hook: HookName,
  { handler, traffic }: HandlerRegistration,
): HookHandler {
  if (traffic === undefined || !TRAFFIC_HOOKS.has(hook)) return handler;
  const { framing, redactsSecrets = false, maxMessageBytes = 0 } = traffic;
  const raw = maxMessageBytes > 0 ? withinBytes(handler, maxMessageBytes) : handler;
  let shown = raw;
  if (redactsSecrets) shown = withoutSecrets(shown);
  if (framing === "statement" && REQUEST_HOOKS.has(hook)) shown = byStatement(shown);
  if (shown === raw) return raw;
  // Of an unknown protocol nothing can be cut or hidden.
  return (payload, session) =>
    session instanceof SessionFacts && session.isRaw
      ? raw(payload, session)
      : shown(payload, session);
}

/** What the handler gives back of what it was shown is not what goes on. */
function withoutSecrets(handler: HookHandler): HookHandler {
  return (payload, session) => {
    const { request } = payload;
    if (!(request instanceof Uint8Array) || request[0] !== FrontendTag.Password) {
      return handler(payload, session);
    }
    const masked = maskedPassword(request);
    const answer = handler({ ...payload, request: masked }, session);
    return isPending(answer)
      ? answer.then((late) => unmasked(late, masked))
      : unmasked(answer, masked);
  };
}

/** As long as it was, and a text still. */
function maskedPassword(message: Uint8Array): Uint8Array {
  const masked = Uint8Array.from(message).fill(MASK, HEADER_BYTES);
  if (masked.length > HEADER_BYTES) masked[masked.length - 1] = 0;
  return masked;
}

function unmasked(answer: HandlerAnswer, masked: Uint8Array): HandlerAnswer {
  if (answer === undefined || answer === null || isTermination(answer)) return answer;
  const { request, ...others } = answer;
  const isRewritten = request instanceof Uint8Array && Buffer.compare(request, masked) !== 0;
  return isRewritten ? answer : others;
}

function withinBytes(handler: HookHandler, maxBytes: number): HookHandler {
  return (payload, session) => {
    const bytes = byteLength(payload["request"]) + byteLength(payload["response"]);
    if (bytes <= maxBytes) return handler(payload, session);
    throw new GatewayError("ERR_HOOK_MESSAGE_TOO_LARGE", `${bytes} bytes, more than ${maxBytes}`);
  };
}

function byteLength(value: unknown): number {
  return value instanceof Uint8Array ? value.length : 0;
}

/** The handler is asked about each statement of a batch, and has one answer to all of it. */
function byStatement(handler: HookHandler): HookHandler {
  return (payload, session) => {
    const { request } = payload;
    const statements = request instanceof Uint8Array ? statementsOf(request) : [];
    if (statements.length < 2) return handler(payload, session);
    return new StatementCalls(handler, payload, session, statements).run();
  };
}

/** One batch on its way through a handler that wants its statements one by one. */
class StatementCalls {
  readonly #handler: HookHandler;
  readonly #payload: HookPayload;
  readonly #session: SessionView | undefined;
  readonly #statements: readonly Uint8Array[];
  readonly #requests: Uint8Array[] = [];
  readonly #signals: unknown[] = [];
  #changes: HookPayload = {};
  #isRewritten = false;
  #next = 0;

  constructor(
    handler: HookHandler,
    payload: HookPayload,
    session: SessionView | undefined,
    statements: readonly Uint8Array[],
  ) {
    this.#handler = handler;
    this.#payload = payload;
    this.#session = session;
    this.#statements = statements;
  }

  /** At once if every call is answered at once. */
  run(): HandlerAnswer | PromiseLike<HandlerAnswer> {
    for (;;) {
      const request = this.#statements[this.#next++];
      if (request === undefined) return this.#answer();
      const answer = this.#handler({ ...this.#payload, request }, this.#session);
      if (isPending(answer)) {
        return answer.then((late) => (isTermination(late) ? late : this.#goOn(late, request)));
      }
      if (isTermination(answer)) return answer;
      this.#take(answer, request);
    }
  }

  #goOn(answer: HandlerAnswer, request: Uint8Array): HandlerAnswer | PromiseLike<HandlerAnswer> {
    this.#take(answer, request);
    return this.run();
  }

  #take(answer: HandlerAnswer, request: Uint8Array): void {
    const { request: rewritten, [SIGNALS_KEY]: signals, ...others } = answerOf(answer);
    this.#isRewritten ||= rewritten instanceof Uint8Array;
    this.#requests.push(rewritten instanceof Uint8Array ? rewritten : request);
    if (Array.isArray(signals)) this.#signals.push(...signals);
    this.#changes = { ...this.#changes, ...others };
  }

  #answer(): HandlerAnswer {
    return {
      ...this.#changes,
      ...(this.#isRewritten && { request: Buffer.concat(this.#requests) }),
      ...(this.#signals.length > 0 && { [SIGNALS_KEY]: this.#signals }),
    };
  }
}

function answerOf(answer: HandlerAnswer): HookPayload {
  return answer === undefined || answer === null || isTermination(answer) ? {} : answer;
}

function isPending(
  answer: HandlerAnswer | PromiseLike<HandlerAnswer>,
): answer is PromiseLike<HandlerAnswer> {
  const isObject = typeof answer === "object" && answer !== null;
  return isObject && "then" in answer && typeof answer.then === "function";
}
