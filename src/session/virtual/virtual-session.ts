/**
 * A client of a database that the gateway itself is, from its StartupMessage to its end.
 *
 *   loggingIn  it proves who it is, or what answers it is being made ready
 *   idle       it has asked for nothing
 *   busy       a message of it is being answered; what else comes is kept
 *   over
 *
 * Hooks do not see what is said here, and no server is needed for it.
 */
import { randomBytes } from "node:crypto";
import type { ScramCredential } from "../../auth/index.ts";
import { GatewayError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import { ignoringHandler } from "../../net/index.ts";
import type { Connection, ConnectionHandler, Deadline } from "../../net/index.ts";
import {
  BackendWriter,
  FrontendTag,
  MessageSplitter,
  TransactionStatus,
  forEachMessage,
  isFrontendTag,
  readyForQuery,
} from "../../postgres/index.ts";
import type { Cancellable } from "../cancel-keys.ts";
import { ClientLogin, versionAnswer } from "../pooled/index.ts";
import type { ClientLoginPort, PooledStartup } from "../pooled/index.ts";
import { MAX_WAITING_BYTES } from "../max-waiting-bytes.ts";
import type { RelayEnd, Served, SessionActivity } from "../relay.ts";
import type { SessionContext } from "../session-context.ts";
import type { FactsSource, SessionFacts } from "../session-facts.ts";
import type { VirtualAdmission, VirtualClient, VirtualConversation } from "./virtual-database.ts";

export interface VirtualSessionOptions {
  readonly client: Connection;
  readonly context: SessionContext;
  readonly facts: SessionFacts;
  readonly startup: PooledStartup;
  readonly admission: VirtualAdmission;
  readonly owner: VirtualSessionOwner;
}

export interface VirtualSessionOwner {
  /** The login is over. */
  loggedIn(client: Served): void;
  ended(end: RelayEnd): void;
}

/** What is said here is short. */
const MAX_MESSAGE_BYTES = 256 * 1024;
const KEY_BYTES = 8;
const READY = readyForQuery(TransactionStatus.Idle);

export class VirtualSession
  implements ClientLoginPort, ConnectionHandler, Served, Cancellable, FactsSource, VirtualClient
{
  readonly #options: VirtualSessionOptions;
  readonly #client: Connection;
  readonly #splitter: MessageSplitter;
  /** The messages that have come and are not answered yet. */
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #state: "loggingIn" | "idle" | "busy" | "over" = "loggingIn";
  #login: ClientLogin | undefined;
  #conversation: VirtualConversation | undefined;
  #keyName: string | undefined;
  readonly #idle: Deadline;
  /** Why it is to end when nothing is under way. */
  #goodbye: ErrorCode | undefined;
  #isStalled = false;
  #hasClientEnded = false;

  constructor(options: VirtualSessionOptions) {
    const { client, context } = options;
    this.#options = options;
    this.#client = client;
    const { maxMessageBytes } = context.limits;
    this.#splitter = new MessageSplitter(
      Math.min(maxMessageBytes, MAX_MESSAGE_BYTES),
      isFrontendTag,
    );
    this.#idle = context.timers.deadline(() => this.fail("ERR_IDLE_TIMEOUT"));
  }

  /** @param rest what the client sent behind its StartupMessage */
  start(rest: Uint8Array): void {
    const { admission, context, startup } = this.#options;
    const answer = versionAnswer(startup);
    if (answer !== undefined) this.#client.write(answer);
    this.#client.resume();
    if (admission.login === undefined) {
      this.#client.handler = this;
      this.#client.write(new BackendWriter().authenticationOk().take());
      this.accepted(undefined, rest);
      return;
    }
    this.#login = new ClientLogin(this.#client, admission.login, context.timers, this);
    this.#login.start(rest);
  }

  get address(): string {
    return this.#client.remoteAddress;
  }

  get applicationName(): string | undefined {
    const conversation = this.#conversation;
    return conversation === undefined
      ? this.#options.facts.applicationName
      : conversation.applicationName;
  }

  get transactionStatus(): number {
    return this.#conversation?.transactionStatus ?? 0;
  }

  get activity(): SessionActivity {
    if (this.#state === "loggingIn") return "loggingIn";
    return this.#state === "busy" ? "active" : "idle";
  }

  get holding(): undefined {
    return undefined;
  }

  send(messages: Uint8Array): void {
    this.#client.write(messages);
  }

  async cancel(): Promise<void> {
    this.#conversation?.cancel();
  }

  /** Time limits are read whenever it waits. */
  settingsChanged(): void {}

  drain(code: ErrorCode): void {
    this.#goodbye ??= code;
    this.#conversation?.cancel();
    if (this.#state !== "busy") this.fail(code);
  }

  fail(code: ErrorCode, detail?: string): void {
    if (this.#state === "over") return;
    this.#client.write(this.#options.facts.lastWords(code));
    this.#end({ kind: "failed", code, ...(detail !== undefined && { detail }) });
  }

  /** Heard from the login, up to `gone`. */
  accepted(_credential: ScramCredential | undefined, rest: Uint8Array): void {
    this.#client.handler = this;
    if (rest.length > 0) this.onData(rest);
    this.#options.admission.converse(this).then(
      (conversation) => this.#greet(conversation),
      (thrown: unknown) => this.failed(GatewayError.from(thrown)),
    );
  }

  holdMs(isAccepted: boolean): number {
    const { admission, context } = this.#options;
    return admission.holdMs(isAccepted, context.timers.clock.now());
  }

  failed(error: GatewayError): void {
    this.fail(error.code, error.message);
  }

  gone(): void {
    this.#end({ kind: "clientGone" });
  }

  /** Heard from the client, up to `onClose`. */
  onData(bytes: Uint8Array): void {
    let run: Uint8Array;
    try {
      run = this.#splitter.push(bytes);
    } catch (thrown) {
      this.failed(GatewayError.from(thrown));
      return;
    }
    forEachMessage(run, (_, from, to) => this.#waiting.push(run.subarray(from, to)));
    this.#waitingBytes += run.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#client.pause();
    this.#next();
  }

  onStall(): void {
    this.#isStalled = true;
  }

  onDrain(): void {
    this.#isStalled = false;
    this.#next();
  }

  onEnd(): void {
    this.#hasClientEnded = true;
    if (this.#state === "busy") this.#conversation?.cancel();
    else this.gone();
  }

  onClose(): void {
    this.gone();
  }

  #greet(conversation: VirtualConversation): void {
    if (this.#state !== "loggingIn") return;
    const { context, facts, owner } = this.#options;
    this.#conversation = conversation;
    facts.source = this;
    const key = randomBytes(KEY_BYTES);
    // The number of a process is none below 0.
    key[0] = (key[0] ?? 0) & 0x7f;
    this.#keyName = context.cancelKeys.add(key, this);
    const processId = key.readInt32BE();
    const writer = new BackendWriter().backendKeyData({ processId, secretKey: key.subarray(4) });
    this.#client.write(conversation.greeting);
    this.#client.write(writer.take());
    this.#client.write(READY);
    this.#state = "idle";
    owner.loggedIn(this);
    this.#next();
  }

  #next(): void {
    if (this.#state !== "idle" || this.#isStalled) return;
    const message = this.#waiting.shift();
    if (message === undefined) {
      this.#rest();
      return;
    }
    this.#waitingBytes -= message.length;
    if (message[0] === FrontendTag.Terminate) {
      this.gone();
      return;
    }
    this.#state = "busy";
    this.#idle.clear();
    void this.#answer(message);
  }

  async #answer(message: Uint8Array): Promise<void> {
    try {
      await this.#conversation?.receive(message);
    } catch (thrown) {
      this.failed(GatewayError.from(thrown));
      return;
    }
    if (this.#state !== "busy") return;
    this.#state = "idle";
    this.#next();
  }

  /** All that has come is answered. */
  #rest(): void {
    const { idleTimeoutMs } = this.#options.context.limits;
    if (this.#goodbye !== undefined) this.fail(this.#goodbye);
    else if (this.#hasClientEnded) this.gone();
    else {
      this.#client.resume();
      if (idleTimeoutMs > 0) this.#idle.set(idleTimeoutMs);
    }
  }

  #end(end: RelayEnd): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#login?.stop();
    this.#idle.dispose();
    this.#waiting.length = 0;
    const { context, owner } = this.#options;
    if (this.#keyName !== undefined) context.cancelKeys.remove(this.#keyName, this);
    this.#conversation?.cancel();
    this.#client.handler = ignoringHandler;
    owner.ended(end);
  }
}
