/** A request on its way to the server. */
import { FrontendWriter } from "../postgres/index.ts";
import { clientMessages } from "./client-messages.ts";
import type { ClientMessage } from "./client-messages.ts";
import { TrafficEvent } from "./traffic-event.ts";

/**
 * What a client sends: its StartupMessage, a message of its login, a Query, an extended batch up to Sync, a
 * part of a COPY.
 */
export class TrafficFromClientEvent extends TrafficEvent {
  #messages: readonly ClientMessage[] | undefined;

  /**
   * The messages of the request.
   * @throws GatewayError when it is not whole messages of PostgreSQL's protocol
   */
  get messages(): readonly ClientMessage[] {
    return (this.#messages ??= clientMessages(this.request));
  }

  /**
   * Sends the server something else. Bytes take the place of the whole request; a text takes the place of
   * its SQL, and a function is given each of its SQL texts and answers what takes its place.
   *
   * @throws TypeError for a text when the request does not hold exactly one
   */
  rewrite(change: Uint8Array | string | ((sql: string) => string)): void {
    if (change instanceof Uint8Array) {
      this.change({ request: change });
    } else if (typeof change === "function") {
      this.#mapSql(change);
    } else {
      if (this.queries.length !== 1) {
        throw new TypeError(`the request holds ${this.queries.length} SQL texts, and not one`);
      }
      this.#mapSql(() => change);
    }
  }

  #mapSql(change: (sql: string) => string): void {
    const writer = new FrontendWriter();
    const messages = this.messages.map((message) => {
      if (message.type === "Query") {
        return writer.query(change(message.fields.text)).take();
      }
      if (message.type === "Parse") {
        const { fields } = message;
        return writer.parse({ ...fields, text: change(fields.text) }).take();
      }
      return message.bytes;
    });
    const [first, ...rest] = messages;
    this.change({
      request: rest.length === 0 && first !== undefined ? first : Buffer.concat(messages),
    });
  }
}
