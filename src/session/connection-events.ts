/** The events of one connection's life, before and after its traffic. */
import { closingPayload, connectionPayload } from "../hooks/index.ts";
import type { HookOutcome, HookPayload, HookSlot } from "../hooks/index.ts";
import type { Connection } from "../net/index.ts";
import type { SessionHooks } from "./session-context.ts";

/** Gets on with the connection; `isTerminated` when a handler wants it to end. */
export type Continuation = (isTerminated: boolean) => void;

/** Each runs its hooks and goes on: in the same tick, unless a handler takes its time. */
export class ConnectionEvents {
  readonly #hooks: SessionHooks;

  constructor(hooks: SessionHooks) {
    this.#hooks = hooks;
  }

  opening(client: Connection, next: Continuation): void {
    run(this.#hooks.onOpening, () => connectionPayload(endsOf(client)), next);
  }

  /** OnOpened, then OnTraffic: a backend is there, and traffic may begin. */
  opened(client: Connection, next: Continuation): void {
    const payload = (): HookPayload => connectionPayload(endsOf(client));
    run(this.#hooks.onOpened, payload, (isOpenedTerminated) =>
      run(this.#hooks.onTraffic, payload, (isTerminated) =>
        next(isTerminated || isOpenedTerminated),
      ),
    );
  }

  closing(client: Connection, next: Continuation): void {
    run(this.#hooks.onClosing, () => closingPayload(endsOf(client)), next);
  }

  closed(client: Connection, next: Continuation): void {
    run(this.#hooks.onClosed, () => closingPayload(endsOf(client)), next);
  }
}

/** Both ends of a connection, as hooks are told them. */
export function endsOf(connection: Connection): { local: string; remote: string } {
  return { local: connection.localAddress, remote: connection.remoteAddress };
}

function run(slot: HookSlot, payload: () => HookPayload, next: Continuation): void {
  const { chain } = slot;
  if (chain === null) {
    next(false);
    return;
  }
  const goOn = (outcome: HookOutcome): void => next(outcome.kind === "terminate");
  const outcome = chain.run(payload());
  if (outcome instanceof Promise) void outcome.then(goOn);
  else goOn(outcome);
}
