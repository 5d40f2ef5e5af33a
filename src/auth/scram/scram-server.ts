/**
 * SCRAM in the role of the server: how a client logs in to us.
 *
 * States: `new` -first()-> `challenged` -finish()-> `over`. A message out of turn, or one that is not
 * right, throws; the login is over then. A proof that is wrong does not throw: it is the ordinary
 * failure, the same for a wrong password and for a user that does not exist.
 */
import { GatewayError } from "../../errors.ts";
import { Hidden } from "../hidden.ts";
import { hmac, KEY_BYTES, type PassedKeys, sameBytes, sha256, xor } from "./scram-keys.ts";
import {
  AttributeReader,
  BINDING_TYPE,
  messageBytes,
  messageText,
  SCRAM,
  SCRAM_PLUS,
} from "./scram-messages.ts";

export interface StoredKeys {
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** What a proof is checked against. */
export interface ExchangeSecret {
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** Asked for when the proof is there, since deriving them may take time. */
  readonly keys: () => Promise<StoredKeys>;
  /** There is nobody to log in: no proof is right, and nothing else differs. */
  readonly isMock: boolean;
}

export interface ScramServerOptions {
  /** The mechanism the client chose. */
  readonly mechanism: string;
  readonly secret: ExchangeSecret;
  /** tls-server-end-point of our certificate: given, SCRAM-SHA-256-PLUS was offered. */
  readonly channelBinding: Uint8Array | undefined;
  /** Our part of the nonce, visible ASCII without commas; never used twice. */
  readonly nonce: string;
}

/** A right proof. */
export interface ScramProof {
  /** The data of AuthenticationSASLFinal, which proves us to the client. */
  readonly serverFinal: Uint8Array;
  /** With these we can log in to the server that has the same verifier (SCRAM pass-through). */
  readonly keys: Hidden<PassedKeys>;
}

export class ScramServer {
  readonly #options: ScramServerOptions;
  #state: "new" | "challenged" | "over" = "new";
  #gs2Header = "";
  #nonce = "";
  /** Both first messages, as they go into the signatures. */
  #firstMessages = "";

  /** @throws GatewayError ERR_PROTOCOL_VIOLATION for a mechanism that was not offered */
  constructor(options: ScramServerOptions) {
    const isPlusOffered = options.channelBinding !== undefined;
    if (options.mechanism !== SCRAM && !(options.mechanism === SCRAM_PLUS && isPlusOffered)) {
      throw fault("a mechanism that was not offered");
    }
    this.#options = options;
  }

  /**
   * From the client's first message to the data of AuthenticationSASLContinue.
   * @throws GatewayError ERR_PROTOCOL_VIOLATION, or ERR_AUTH_CHANNEL_BINDING for a downgrade
   */
  first(clientFirst: Uint8Array): Uint8Array {
    if (this.#state !== "new") throw fault("a message out of turn");
    this.#state = "over"; // until the message has been found good
    const text = messageText(clientFirst, fault);
    this.#gs2Header = this.#readGs2Header(text);
    const bare = text.slice(this.#gs2Header.length);
    const reader = new AttributeReader(bare, fault);
    reader.take("n"); // PostgreSQL goes by the user of the startup message
    this.#nonce = reader.takeNonce() + this.#options.nonce;
    reader.skipExtensions();

    const { salt, iterations } = this.#options.secret;
    const base64 = Buffer.from(salt).toString("base64");
    const serverFirst = `r=${this.#nonce},s=${base64},i=${iterations}`;
    this.#firstMessages = `${bare},${serverFirst}`;
    this.#state = "challenged";
    return messageBytes(serverFirst);
  }

  /**
   * Checks the client's final message; undefined if the proof is wrong.
   * @throws GatewayError ERR_PROTOCOL_VIOLATION, or ERR_AUTH_CHANNEL_BINDING
   */
  async finish(clientFinal: Uint8Array): Promise<ScramProof | undefined> {
    if (this.#state !== "challenged") throw fault("a message out of turn");
    this.#state = "over";
    const reader = new AttributeReader(messageText(clientFinal, fault), fault);
    this.#checkBinding(reader.takeBytes("c"));
    if (reader.takeNonce() !== this.#nonce) throw fault("another nonce than ours");
    reader.skipExtensions("p");
    const withoutProof = reader.taken;
    const proof = reader.takeBytes("p");
    reader.end();
    if (proof.length !== KEY_BYTES) throw fault("a proof of the wrong length");

    const { secret } = this.#options;
    const { storedKey, serverKey } = await secret.keys();
    const authMessage = `${this.#firstMessages},${withoutProof}`;
    const clientKey = xor(proof, hmac(storedKey, authMessage));
    const isRight = sameBytes(sha256(clientKey), storedKey);
    const signature = hmac(serverKey, authMessage);
    if (!isRight || secret.isMock) return undefined;
    const { salt, iterations } = secret;
    return {
      serverFinal: messageBytes(`v=${signature.toString("base64")}`),
      keys: new Hidden({ clientKey, serverKey, salt, iterations }),
    };
  }

  /** gs2-header = ("n" | "y" | "p=" type) "," [authzid] ",". */
  #readGs2Header(text: string): string {
    const [header, flag, authorizationId] = /^([^,]*),([^,]*),/.exec(text) ?? [];
    if (header === undefined) throw fault("a first message without a GS2 header");
    const isPlus = this.#options.mechanism === SCRAM_PLUS;
    switch (flag) {
      case "n":
      case "y":
        if (isPlus) throw fault("SCRAM-SHA-256-PLUS without channel binding");
        break;
      case `p=${BINDING_TYPE}`:
        if (!isPlus) throw fault("channel binding without SCRAM-SHA-256-PLUS");
        break;
      default:
        throw fault("an unknown channel binding");
    }
    // The client thinks that we cannot bind, though we offered it: someone took the offer away.
    if (flag === "y" && this.#options.channelBinding !== undefined) {
      throw new GatewayError(
        "ERR_AUTH_CHANNEL_BINDING",
        "SCRAM login: the client did not see that channel binding was offered",
      );
    }
    if (authorizationId !== "") throw fault("an authorization identity, which is not supported");
    return header;
  }

  #checkBinding(binding: Uint8Array): void {
    const isPlus = this.#options.mechanism === SCRAM_PLUS;
    const data = isPlus ? (this.#options.channelBinding ?? new Uint8Array()) : new Uint8Array();
    if (sameBytes(binding, Buffer.concat([messageBytes(this.#gs2Header), data]))) return;
    if (!isPlus) throw fault("channel binding data that does not repeat the GS2 header");
    throw new GatewayError(
      "ERR_AUTH_CHANNEL_BINDING",
      "SCRAM login: the client is bound to another TLS connection",
    );
  }
}

function fault(what: string): GatewayError {
  return new GatewayError("ERR_PROTOCOL_VIOLATION", `SCRAM login: the client sent ${what}`);
}
