/** A talk with a server in PostgreSQL's messages. */
import { ResponseParts } from "../postgres/index.ts";
import type { Connection } from "../net/index.ts";
import { Conversation } from "./conversation.ts";
import type { ConversationOptions } from "./conversation.ts";

export abstract class MessageConversation<Result> extends Conversation<Result> {
  readonly #messages: ResponseParts;
  #chunk: Uint8Array = new Uint8Array();
  /** Received, and not heard as whole messages yet. */
  #unheardBytes = 0;

  constructor(
    connection: Connection,
    purpose: string,
    maxBytes: number,
    options: ConversationOptions,
  ) {
    super(connection, purpose, maxBytes, options);
    // In parts of no size each message is a part by itself.
    this.#messages = new ResponseParts(maxBytes, 0, ({ bytes }) => this.#hear(bytes));
  }

  /** Hears one whole message, from its tag on. What it throws ends the talk. */
  protected abstract message(tag: number, message: Uint8Array): void;

  /** The message that is being heard was the last of the talk. */
  protected finish(result: Result): void {
    this.succeed(result, this.#chunk.subarray(this.#chunk.length - this.#unheardBytes));
  }

  protected override received(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#unheardBytes += chunk.length;
    this.#messages.push(chunk);
  }

  #hear(message: Uint8Array): void {
    if (this.isOver) return;
    this.#unheardBytes -= message.length;
    this.message(message[0] ?? 0, message);
  }
}
