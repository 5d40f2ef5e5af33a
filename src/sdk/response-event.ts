/** A response on its way to the client. */
import { BackendWriter } from "../postgres/index.ts";
import type { Value } from "../postgres/index.ts";
import { serverMessages } from "./server-messages.ts";
import type { ServerMessage } from "./server-messages.ts";
import { TrafficEvent, bytesOf } from "./traffic-event.ts";

/** What a server sends, beside the request that it answers. */
export class TrafficFromServerEvent extends TrafficEvent {
  #messages: readonly ServerMessage[] | undefined;

  get response(): Uint8Array {
    return bytesOf(this.payload["response"]);
  }

  /** More of the same answer follows in another event. */
  get isPartial(): boolean {
    return this.payload["partial"] === true;
  }

  /**
   * The messages of the response.
   * @throws GatewayError when it is not whole messages of PostgreSQL's protocol
   */
  get messages(): readonly ServerMessage[] {
    return (this.#messages ??= serverMessages(this.response));
  }

  /** Sends the client these bytes in place of the response. */
  rewrite(response: Uint8Array): void {
    this.change({ response });
  }

  /**
   * Gives each row of the response to a function, and puts what it answers in the row's place. A row that is
   * answered as it came costs no copy. Values are in the format that the client asked for: text, or binary.
   */
  mapRows(change: (values: readonly Value[]) => readonly (Value | string)[]): void {
    const writer = new BackendWriter();
    let isChanged = false;
    const messages = this.messages.map((message) => {
      if (message.type !== "DataRow") return message.bytes;
      const { values } = message.fields;
      const changed = change(values);
      if (changed === values) return message.bytes;
      isChanged = true;
      return writer.dataRow(changed).take();
    });
    if (isChanged) this.change({ response: Buffer.concat(messages) });
  }
}
