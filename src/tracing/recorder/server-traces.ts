/**
 * Spans of connections to servers: one for each from its dial to its end, in it the connecting and each ping. They are
 * traces of their own, since a connection of a pool serves many.
 */
import type { Span, Tracer } from "../index.ts";
import { addressAttributes } from "./span-attributes.ts";

/** Something that tells once when it is over. */
export interface EndTelling {
  readonly remoteAddress: string;
  /** Free for whoever wants to hear of it. */
  onceClosed?: ((error: Error | undefined) => void) | undefined;
}

export class ServerTraces {
  readonly #tracer: Tracer;
  readonly #group: string;
  readonly #block: string;
  readonly #spans = new WeakMap<EndTelling, Span>();

  constructor(tracer: Tracer, group: string, block: string) {
    this.#tracer = tracer;
    this.#group = group;
    this.#block = block;
  }

  /** Opens a connection. Rejects as `open` does. */
  async opening<T extends { readonly connection: EndTelling }>(open: () => Promise<T>): Promise<T> {
    const span = this.#tracer.begin("server connection", undefined, {
      kind: "client",
      attributes: {
        "db.system.name": "postgresql",
        "gatewayd.group": this.#group,
        "gatewayd.block": this.#block,
      },
    });
    if (span === undefined) return await open();
    const connecting = span.child("connect to the server");
    try {
      const opened = await open();
      connecting.end();
      this.#follow(opened.connection, span);
      return opened;
    } catch (thrown) {
      for (const failed of [connecting, span]) {
        failed.fail(thrown instanceof Error ? thrown.message : String(thrown));
        failed.end();
      }
      throw thrown;
    }
  }

  /** Asks an idle connection for a sign of life. Rejects as `ping` does. */
  async pinging(connection: EndTelling, ping: () => Promise<void>): Promise<void> {
    const span = this.#spans.get(connection)?.child("health check");
    try {
      await ping();
    } catch (thrown) {
      span?.fail(thrown instanceof Error ? thrown.message : String(thrown));
      throw thrown;
    } finally {
      span?.end();
    }
  }

  #follow(connection: EndTelling, span: Span): void {
    span.setAttributes(addressAttributes("server", connection.remoteAddress));
    this.#spans.set(connection, span);
    connection.onceClosed = (error) => {
      if (error !== undefined) span.fail(error.message);
      span.end();
    };
  }
}
