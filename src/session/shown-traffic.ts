/** Shows traffic to a handler on its own terms: cut into statements, without secrets, not too much of it. */
import { GatewayError } from "../errors.ts";
import { answerWithin, isLate, isTermination, judgedAnswer } from "../hooks/index.ts";
import type {
  ChainTime,
  HandlerAnswer,
  HandlerRegistration,
  HookHandler,
  HookJudge,
  HookName,
  HookPayload,
  LateAnswer,
  SessionView,
  ShownHandler,
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
const MASK = 0x2a; // *

/** Answers whether what a call asks for ends the event, as a termination; without its signals otherwise. */
type JudgeCall = (
  payload: HookPayload,
  session: SessionView | undefined,
  answer: HandlerAnswer,
) => HandlerAnswer;

/** The handler as it is to be called; itself when it takes things as they are. @param time of a whole chain, which may change */
export function showTraffic(
  hook: HookName,
  { handler, traffic, name, priority, timeoutMs = 0 }: HandlerRegistration,
  judge: HookJudge | undefined,
  time: ChainTime,
): ShownHandler {
  if (traffic === undefined || !TRAFFIC_HOOKS.has(hook)) return { handler };
  const { framing, redactsSecrets = false, maxMessageBytes = 0 } = traffic;
  let shown = maxMessageBytes > 0 ? withinBytes(handler, maxMessageBytes) : handler;
  if (redactsSecrets) shown = withoutSecrets(shown);
  if (framing !== "statement" || !REQUEST_HOOKS.has(hook)) return { handler: shown };
  const asked = { hook, handler: { name, priority } };
  const judgeCall: JudgeCall = (payload, session, answer) =>
    judge === undefined
      ? answer
      : judgedAnswer(judge, { ...asked, session, params: payload, payload }, answer);
  // Its time is that of each call.
  return { handler: byStatement(shown, judgeCall, timeoutMs, time), isJudged: true, timeoutMs: 0 };
}

/** Of an unknown protocol nothing can be cut or hidden. */
function isRaw(session: SessionView | undefined): boolean {
  return session instanceof SessionFacts && session.isRaw;
}

/** What the handler gives back of what it was shown is not what goes on. */
function withoutSecrets(handler: HookHandler): HookHandler {
  return (payload, session, leftMs, trace) => {
    const { request } = payload;
    const isMessage = request instanceof Uint8Array && !isRaw(session);
    if (!isMessage || request[0] !== FrontendTag.Password)
      return handler(payload, session, leftMs, trace);
    const masked = maskedPassword(request);
    const answer = handler({ ...payload, request: masked }, session, leftMs, trace);
    return isLate(answer)
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
  return (payload, session, leftMs, trace) => {
    const bytes = byteLength(payload["request"]) + byteLength(payload["response"]);
    if (bytes <= maxBytes) return handler(payload, session, leftMs, trace);
    throw new GatewayError("ERR_HOOK_MESSAGE_TOO_LARGE", `${bytes} bytes, more than ${maxBytes}`);
  };
}

function byteLength(value: unknown): number {
  return value instanceof Uint8Array ? value.length : 0;
}

/** The handler is asked about each statement of a batch, and has one answer to all of it. */
function byStatement(
  handler: HookHandler,
  judge: JudgeCall,
  timeoutMs: number,
  time: ChainTime,
): HookHandler {
  const { schedule, now } = time;
  return (payload, session, leftMs, trace) => {
    const { request } = payload;
    const isMessage = request instanceof Uint8Array && !isRaw(session);
    const statements = isMessage ? statementsOf(request) : [];
    const allMs = leftMs ?? time.timeoutMs;
    const endMs = now === undefined || allMs === 0 ? undefined : now() + allMs;
    const ask = (shown: HookPayload, left: number | undefined): HandlerAnswer | LateAnswer => {
      const answer = handler(shown, session, left, trace);
      if (!isLate(answer)) return judge(shown, session, answer);
      const inTime = answerWithin(schedule, answer, timeoutMs);
      return givenUpWith(
        answer,
        inTime.then((late) => judge(shown, session, late)),
      );
    };
    if (statements.length < 2) return ask(payload, leftMs);
    return new StatementCalls(payload, statements, (shown, isFirst) =>
      isFirst || endMs === undefined || now === undefined
        ? ask(shown, leftMs)
        : ask(shown, Math.max(1, endMs - now())),
    ).run();
  };
}

/** What comes of something, and can be given up with it. */
function givenUpWith(
  source: Pick<LateAnswer, "giveUp">,
  outcome: PromiseLike<HandlerAnswer>,
): LateAnswer {
  return Object.assign(Promise.resolve(outcome), { giveUp: () => source.giveUp?.() });
}

/** Asks about one statement of a batch. */
type AskAbout = (payload: HookPayload, isFirst: boolean) => HandlerAnswer | LateAnswer;

/**
 * One batch on its way through a handler that wants its statements one by one. What each call asks for is judged
 * before the next: behind one that ends the batch there is none.
 */
class StatementCalls {
  readonly #payload: HookPayload;
  readonly #statements: readonly Uint8Array[];
  readonly #ask: AskAbout;
  readonly #requests: Uint8Array[] = [];
  #changes: HookPayload = {};
  #isRewritten = false;
  #next = 0;
  /** The call under way. */
  #pending: LateAnswer | undefined;

  constructor(payload: HookPayload, statements: readonly Uint8Array[], ask: AskAbout) {
    this.#payload = payload;
    this.#statements = statements;
    this.#ask = ask;
  }

  /** At once if every call is answered at once. */
  run(): HandlerAnswer | LateAnswer {
    for (;;) {
      const index = this.#next++;
      const request = this.#statements[index];
      if (request === undefined) return this.#answer();
      const answer = this.#ask({ ...this.#payload, request }, index === 0);
      if (isLate(answer)) {
        this.#pending = answer;
        return givenUpWith(
          this,
          answer.then((late) => (isTermination(late) ? late : this.#goOn(late, request))),
        );
      }
      if (isTermination(answer)) return answer;
      this.#take(answer, request);
    }
  }

  giveUp(): void {
    this.#pending?.giveUp?.();
  }

  #goOn(answer: HandlerAnswer, request: Uint8Array): HandlerAnswer | LateAnswer {
    this.#take(answer, request);
    return this.run();
  }

  #take(answer: HandlerAnswer, request: Uint8Array): void {
    const { request: rewritten, ...others } = answerOf(answer);
    const taken = rewritten instanceof Uint8Array ? rewritten : request;
    this.#isRewritten ||= taken !== request;
    this.#requests.push(taken);
    this.#changes = { ...this.#changes, ...others };
  }

  #answer(): HandlerAnswer {
    return {
      ...this.#changes,
      ...(this.#isRewritten && { request: Buffer.concat(this.#requests) }),
    };
  }
}

function answerOf(answer: HandlerAnswer): HookPayload {
  return answer === undefined || answer === null || isTermination(answer) ? {} : answer;
}
