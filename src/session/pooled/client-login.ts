/**
 * Logs a client in at the gateway: frames what the {@link Authenticator} asks and what the client
 * answers (PostgreSQL manual, 54.2.1 Start-up).
 *
 *   asking    an Authentication request is with the client, or about to be
 *   checking  its answer is being checked, or the result held back; what else comes is kept
 *   over      accepted or failed: the port has been told
 */
import { Authenticator, Hidden } from "../../auth/index.ts";
import type {
  AuthAnswer,
  AuthRequest,
  AuthStep,
  AuthenticatorOptions,
  ScramCredential,
} from "../../auth/index.ts";
import { GatewayError } from "../../errors.ts";
import type { Connection, ConnectionHandler, Deadline, TimerWheel } from "../../net/index.ts";
import {
  BackendWriter,
  FrontendTag,
  HEADER_BYTES,
  lengthAt,
  readPasswordMessage,
  readSaslInitialResponse,
  readSaslResponse,
} from "../../postgres/index.ts";

/** Who wants to know how it ended. */
export interface ClientLoginPort {
  /** @param credential what the client proved itself with, if that can log in to a server too */
  accepted(credential: ScramCredential | undefined, rest: Uint8Array): void;
  failed(error: GatewayError): void;
  /** The client left in the middle. */
  gone(): void;
  /** How long to hold the result back, in ms, because of earlier failures; it is counted there. */
  holdMs(isAccepted: boolean): number;
}

/** PostgreSQL's own limit for messages before the login is done. */
const MAX_MESSAGE_BYTES = 65_536;
const NOTHING = new Uint8Array(0);

export class ClientLogin implements ConnectionHandler {
  readonly #client: Connection;
  readonly #authenticator: Authenticator;
  readonly #port: ClientLoginPort;
  readonly #timers: TimerWheel;
  #held: Deadline | undefined;
  #state: "asking" | "checking" | "over" = "asking";
  #request: AuthRequest | undefined;
  #received: Uint8Array = NOTHING;

  constructor(
    client: Connection,
    options: AuthenticatorOptions,
    timers: TimerWheel,
    port: ClientLoginPort,
  ) {
    this.#client = client;
    this.#timers = timers;
    this.#authenticator = new Authenticator(options);
    this.#port = port;
  }

  /** @param rest what the client sent behind its StartupMessage */
  start(rest: Uint8Array): void {
    this.#client.handler = this;
    this.#received = rest;
    this.#take(this.#authenticator.start());
  }

  /** Hears no more; the port is told nothing. */
  stop(): void {
    this.#state = "over";
    this.#held?.dispose();
  }

  onData(bytes: Uint8Array): void {
    if (this.#state === "over") return;
    this.#received = Buffer.concat([this.#received, bytes]);
    if (this.#received.length > MAX_MESSAGE_BYTES) this.#client.pause();
    this.#read();
  }

  onStall(): void {}
  onDrain(): void {}

  onEnd(): void {
    this.#gone();
  }

  onClose(): void {
    this.#gone();
  }

  #gone(): void {
    if (this.#state === "over") return;
    this.stop();
    this.#port.gone();
  }

  #read(): void {
    const request = this.#request;
    if (this.#state !== "asking" || request === undefined) return;
    const bytes = this.#received;
    if (bytes.length < HEADER_BYTES) return;
    const messageBytes = 1 + lengthAt(bytes, 1);
    if (bytes[0] !== FrontendTag.Password || messageBytes < HEADER_BYTES) {
      this.#fail(new GatewayError("ERR_PROTOCOL_VIOLATION", "expected an answer of the login"));
    } else if (messageBytes > MAX_MESSAGE_BYTES) {
      this.#fail(new GatewayError("ERR_MESSAGE_TOO_LARGE", `a message of ${messageBytes} bytes`));
    } else if (bytes.length >= messageBytes) {
      this.#received = bytes.subarray(messageBytes);
      this.#state = "checking";
      void this.#check(request, bytes.subarray(0, messageBytes));
    }
  }

  async #check(request: AuthRequest, message: Uint8Array): Promise<void> {
    try {
      const step = await this.#authenticator.answer(answerOf(request, message));
      if (this.#state === "checking") this.#hold(step);
    } catch (thrown) {
      this.#fail(GatewayError.from(thrown));
    }
  }

  /** Who guesses passwords has to wait, longer each time, also for the right one. */
  #hold(step: AuthStep): void {
    const holdMs = step.kind === "request" ? 0 : this.#port.holdMs(step.kind === "accepted");
    if (holdMs === 0) this.#answered(step);
    else this.#held = this.#timers.after(holdMs, () => this.#answered(step));
  }

  #answered(step: AuthStep): void {
    if (this.#state !== "checking") return;
    this.#state = "asking";
    this.#take(step);
  }

  #take(step: AuthStep): void {
    switch (step.kind) {
      case "request":
        this.#request = step.request;
        this.#client.write(messageOf(step.request));
        this.#read();
        return;
      case "accepted":
        this.#accept(step.serverFinal, step.credential);
        return;
      case "failed":
        this.#fail(step.error);
    }
  }

  #accept(serverFinal: Uint8Array | undefined, credential: ScramCredential | undefined): void {
    this.#state = "over";
    if (serverFinal !== undefined) {
      this.#client.write(new BackendWriter().authenticationSaslFinal(serverFinal).take());
    }
    this.#client.write(AUTHENTICATION_OK);
    this.#client.resume();
    this.#port.accepted(credential, this.#received);
  }

  #fail(error: GatewayError): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#port.failed(error);
  }
}

const AUTHENTICATION_OK = new BackendWriter().authenticationOk().take();

function messageOf(request: AuthRequest): Uint8Array {
  const writer = new BackendWriter();
  switch (request.kind) {
    case "cleartext":
      return writer.authenticationCleartextPassword().take();
    case "md5":
      return writer.authenticationMd5Password(request.salt).take();
    case "sasl":
      return writer.authenticationSasl(request.mechanisms).take();
    case "saslContinue":
      return writer.authenticationSaslContinue(request.data).take();
  }
}

/** All answers have the same tag: what is in one depends on what was asked. */
function answerOf(request: AuthRequest, message: Uint8Array): AuthAnswer {
  switch (request.kind) {
    case "cleartext":
    case "md5":
      return { kind: "password", password: new Hidden(readPasswordMessage(message)) };
    case "sasl": {
      const { mechanism, data } = readSaslInitialResponse(message);
      return { kind: "saslInitial", mechanism, data: data ?? undefined };
    }
    case "saslContinue":
      return { kind: "saslResponse", data: readSaslResponse(message) };
  }
}
