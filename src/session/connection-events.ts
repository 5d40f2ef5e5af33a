/** The events of one connection's life, before and after its traffic. */
import { closingPayload, connectionPayload } from "../hooks/index.ts";
import type { HookOutcome, HookPayload, HookSlot } from "../hooks/index.ts";
import type { Connection } from "../net/index.ts";
import type { SessionFacts } from "./session-facts.ts";
import type { SessionHooks } from "./session-hooks.ts";

/** Gets on with the connection; `isTerminated` when a handler wants it to end. */
export type Continuation = (isTerminated: boolean) => void;

/** Each of these goes on in the same tick, unless a handler takes its time. */
export function runOpening(
  hooks: SessionHooks,
  client: Connection,
  facts: SessionFacts,
  next: Continuation,
): void {
  run(hooks.onOpening, () => connectionPayload(endsOf(client)), facts, next);
}

/** OnOpened, then OnTraffic: a backend is there, and traffic may begin. */
export function runOpened(
  hooks: SessionHooks,
  client: Connection,
  facts: SessionFacts,
  next: Continuation,
): void {
  const payload = (): HookPayload => connectionPayload(endsOf(client));
  run(hooks.onOpened, payload, facts, (isOpenedTerminated) =>
    run(hooks.onTraffic, payload, facts, (isTerminated) =>
      next(isTerminated || isOpenedTerminated),
    ),
  );
}

export function runClosing(
  hooks: SessionHooks,
  client: Connection,
  facts: SessionFacts,
  next: Continuation,
): void {
  run(hooks.onClosing, () => closingPayload(endsOf(client)), facts, next);
}

export function runClosed(
  hooks: SessionHooks,
  client: Connection,
  facts: SessionFacts,
  next: Continuation,
): void {
  run(hooks.onClosed, () => closingPayload(endsOf(client)), facts, next);
}

/** The addresses of a connection. */
export type SocketEnds = Pick<Connection, "localAddress" | "remoteAddress">;

/** Both ends of a connection, as hooks are told them. */
export function endsOf(connection: SocketEnds): { local: string; remote: string } {
  return { local: connection.localAddress, remote: connection.remoteAddress };
}

function run(
  slot: HookSlot,
  payload: () => HookPayload,
  facts: SessionFacts,
  next: Continuation,
): void {
  const { chain } = slot;
  if (chain === null) {
    next(false);
    return;
  }
  const goOn = (outcome: HookOutcome): void => next(outcome.kind === "terminate");
  const outcome = chain.run(payload(), facts);
  if (outcome instanceof Promise) void outcome.then(goOn);
  else goOn(outcome);
}
