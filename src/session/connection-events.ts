/** The events of one connection's life, before and after its traffic. */
import { closingPayload, connectionPayload } from "../hooks/index.ts";
import type { HookChain, HookOutcome, HookPayload, HookSlot } from "../hooks/index.ts";
import type { Connection } from "../net/index.ts";
import type { SessionFacts } from "./session-facts.ts";
import type { SessionHooks } from "./session-hooks.ts";

type PayloadOf = (ends: ReturnType<typeof endsOf>) => HookPayload;

/** Gets on with the connection; `isTerminated` when a handler wants it to end. */
export type Continuation = (isTerminated: boolean) => void;

/**
 * Each of these goes on in the same tick, unless a handler takes its time. Without handlers none makes
 * anything on the way: most connections of many that come and go have none.
 */
export function runOpening(
  hooks: SessionHooks,
  client: Connection,
  facts: SessionFacts,
  next: Continuation,
): void {
  run(hooks.onOpening, connectionPayload, client, facts, next);
}

/** OnOpened, then OnTraffic: a backend is there, and traffic may begin. */
export function runOpened(
  hooks: SessionHooks,
  client: Connection,
  facts: SessionFacts,
  next: Continuation,
): void {
  if (hooks.onOpened.chain === null) run(hooks.onTraffic, connectionPayload, client, facts, next);
  else runOpenedFirst(hooks, client, facts, next);
}

export function runClosing(
  hooks: SessionHooks,
  client: Connection,
  facts: SessionFacts,
  next: Continuation,
): void {
  run(hooks.onClosing, closingPayload, client, facts, next);
}

export function runClosed(
  hooks: SessionHooks,
  client: Connection,
  facts: SessionFacts,
  next: Continuation,
): void {
  run(hooks.onClosed, closingPayload, client, facts, next);
}

/** The addresses of a connection. */
export type SocketEnds = Pick<Connection, "localAddress" | "remoteAddress">;

/** Both ends of a connection, as hooks are told them. */
export function endsOf(connection: SocketEnds): { local: string; remote: string } {
  return { local: connection.localAddress, remote: connection.remoteAddress };
}

function runOpenedFirst(
  hooks: SessionHooks,
  client: Connection,
  facts: SessionFacts,
  next: Continuation,
): void {
  run(hooks.onOpened, connectionPayload, client, facts, (isOpenedTerminated) =>
    run(hooks.onTraffic, connectionPayload, client, facts, (isTerminated) =>
      next(isTerminated || isOpenedTerminated),
    ),
  );
}

function run(
  { chain }: HookSlot,
  payloadOf: PayloadOf,
  client: Connection,
  facts: SessionFacts,
  next: Continuation,
): void {
  if (chain === null) next(false);
  else runChain(chain, payloadOf(endsOf(client)), facts, next);
}

function runChain(
  chain: HookChain,
  payload: HookPayload,
  facts: SessionFacts,
  next: Continuation,
): void {
  const goOn = (outcome: HookOutcome): void => {
    if (outcome.kind === "terminate") facts.termination = outcome.error;
    next(outcome.kind === "terminate");
  };
  const outcome = chain.run(payload, facts);
  if (outcome instanceof Promise) void outcome.then(goOn);
  else goOn(outcome);
}
