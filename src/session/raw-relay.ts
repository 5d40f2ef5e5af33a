/** Relays any protocol over tcp: bytes go through as they are, and each side may end by itself. */
import type { Backend } from "../backend/index.ts";
import type { ErrorCode } from "../errors.ts";
import type { Connection, Deadline } from "../net/index.ts";
import type { Lessor } from "../pool/index.ts";
import { HookLane } from "./hook-lane.ts";
import { PauseReason, Relay } from "./relay.ts";
import type { RelayEnd, SessionActivity } from "./relay.ts";
import { ServerLimits } from "./server-limits.ts";
import type { SessionContext } from "./session-context.ts";
import type { SessionFacts } from "./session-facts.ts";
import { TrafficHooks } from "./traffic-hooks.ts";
import type { Verdict } from "./traffic-hooks.ts";

interface Chunk {
  readonly bytes: Uint8Array;
}

export class RawRelay extends Relay {
  readonly #context: SessionContext;
  readonly #idle: Deadline;
  readonly #serverLimits: ServerLimits;
  readonly #hooks: TrafficHooks;
  readonly #toServer: HookLane<Chunk>;
  readonly #toClient: HookLane<Chunk>;
  #hasClientEnded = false;
  #hasServerEnded = false;
  /** A side is gone both ways, and what it sent last may still be with a handler. */
  #lost: "client" | "server" | undefined;
  /** What the client sent last: the best there is to show beside a response. */
  #lastRequest: Uint8Array = new Uint8Array(0);

  constructor(
    client: Connection,
    backend: Backend,
    pool: Lessor,
    context: SessionContext,
    facts: SessionFacts,
    onEnd: (end: RelayEnd) => void,
  ) {
    super(client, backend, onEnd);
    this.#context = context;
    this.#hooks = new TrafficHooks(context.hooks, facts, client, backend.connection);
    this.#idle = context.timers.deadline(() => this.#idledAway());
    this.#serverLimits = new ServerLimits(backend, pool.options, context.timers, () =>
      this.fail("ERR_SERVER_TIMEOUT"),
    );
    this.#toServer = new HookLane<Chunk>({
      handle: ({ bytes }) => settle(this.#hooks.fromClient(bytes), (late) => this.#send(late)),
      onFull: () => this.pauseClient(PauseReason.Held),
      onRoom: () => this.resumeClient(PauseReason.Held),
      onEmpty: () => this.#passOnEnds(),
    });
    this.#toClient = new HookLane<Chunk>({
      handle: ({ bytes }) =>
        settle(this.#hooks.fromServer(this.#lastRequest, bytes, false), (late) =>
          this.#answer(late),
        ),
      onFull: () => this.pauseServer(PauseReason.Held),
      onRoom: () => this.resumeServer(PauseReason.Held),
      onEmpty: () => this.#passOnEnds(),
    });
    this.#hooks.brake = {
      pauseClient: () => this.pauseClient(PauseReason.Told),
      resumeClient: () => this.resumeClient(PauseReason.Told),
      pauseServer: () => this.pauseServer(PauseReason.Told),
      resumeServer: () => this.resumeServer(PauseReason.Told),
    };
  }

  /**
   * @param bytes what the client has sent already
   * @param hasClientEnded and that was all
   */
  start(bytes: Uint8Array, hasClientEnded: boolean): void {
    this.backend.isUsed = true;
    this.#touch();
    this.join();
    if (bytes.length > 0) this.fromClient(bytes);
    if (hasClientEnded) this.clientEnded();
  }

  /** A protocol that is not known has no good moment to stop: it goes on until it is cut off. */
  get activity(): SessionActivity {
    return "active";
  }

  protected override get keyData(): undefined {
    return undefined;
  }

  drain(): void {}

  /** What its bytes mean is not known. */
  async cancel(): Promise<void> {}

  settingsChanged(): void {
    this.#idle.clear();
    this.#touch();
  }

  fail(code: ErrorCode): void {
    this.end({ kind: "failed", code });
  }

  protected override fromClient(bytes: Uint8Array): void {
    this.#touch();
    // Of an unknown protocol all that can be said is: the client has spoken last.
    this.#serverLimits.follow(true);
    const isHooked = this.#context.hooks.traffic.isAny || !this.#toServer.isEmpty;
    if (isHooked) this.#toServer.push({ bytes });
    else this.server.writeThrough(bytes);
  }

  protected override fromServer(bytes: Uint8Array): void {
    this.#touch();
    this.#serverLimits.follow(false);
    const isHooked = this.#context.hooks.traffic.isAny || !this.#toClient.isEmpty;
    if (isHooked) this.#toClient.push({ bytes });
    else this.client.writeThrough(bytes);
  }

  protected override clientEnded(): void {
    this.#hasClientEnded = true;
    this.#passOnEnds();
  }

  protected override serverEnded(): void {
    this.#hasServerEnded = true;
    this.#passOnEnds();
  }

  protected override clientClosed(): void {
    this.#lose("client");
  }

  protected override serverClosed(): void {
    this.#lose("server");
  }

  protected override dispose(): void {
    this.#idle.dispose();
    this.#serverLimits.dispose();
    this.#hooks.callOff();
  }

  #send(verdict: Verdict): void {
    if (verdict.kind === "terminate") {
      if (verdict.response !== undefined) this.client.write(verdict.response);
      else this.fail("ERR_TERMINATED");
      return;
    }
    this.#lastRequest = verdict.bytes;
    this.server.write(verdict.bytes);
    this.#hooks.toServer(verdict.bytes);
  }

  #answer(verdict: Verdict): void {
    const bytes = verdict.kind === "forward" ? verdict.bytes : verdict.response;
    if (bytes === undefined) {
      this.fail("ERR_TERMINATED");
      return;
    }
    this.client.write(bytes);
    this.#hooks.toClient(this.#lastRequest, bytes, false);
  }

  #lose(side: "client" | "server"): void {
    const isAlone = this.#lost === undefined || this.#lost === side;
    this.#lost = side;
    if (isAlone) this.#passOnEnds();
    else this.#endWithout(side);
  }

  #endWithout(side: "client" | "server"): void {
    this.end({ kind: side === "client" ? "clientGone" : "serverClosed" });
  }

  /**
   * An end of stream follows the last byte that went the same way; two of them are the end. So is the
   * loss of a side, behind its last byte.
   */
  #passOnEnds(): void {
    if (this.isOver) return;
    if (this.#lost !== undefined) {
      const last = this.#lost === "client" ? this.#toServer : this.#toClient;
      if (last.isEmpty) this.#endWithout(this.#lost);
      return;
    }
    if (this.#hasClientEnded && this.#toServer.isEmpty) this.server.shutdown();
    if (this.#hasServerEnded && this.#toClient.isEmpty) this.client.shutdown();
    if (!this.#hasClientEnded || !this.#hasServerEnded) return;
    if (this.#toServer.isEmpty && this.#toClient.isEmpty) this.end({ kind: "clientGone" });
  }

  /** It is the handlers who take their time, not the client. */
  get #isWithHandlers(): boolean {
    return !this.#toServer.isEmpty || !this.#toClient.isEmpty || this.#hooks.isBraking;
  }

  #idledAway(): void {
    if (this.#isWithHandlers) this.#touch();
    else this.fail("ERR_IDLE_TIMEOUT");
  }

  #touch(): void {
    const { idleTimeoutMs } = this.#context.limits;
    if (idleTimeoutMs > 0) this.#idle.set(idleTimeoutMs);
  }
}

/** Uses a verdict now, or when it comes. */
function settle(
  verdict: Verdict | Promise<Verdict>,
  use: (verdict: Verdict) => void,
): Promise<void> | undefined {
  if (verdict instanceof Promise) return verdict.then(use);
  use(verdict);
  return undefined;
}
