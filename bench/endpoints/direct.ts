import type { EndpointKind } from "./endpoint.ts";

/** Leaves the pools of the other endpoints their share of `max_connections`. */
const MAX_CLIENTS = 110;

/** PostgreSQL itself: what all others are compared with. */
export const direct: EndpointKind = {
  name: "direct",
  isPooling: false,
  version: "",
  refuses: ({ clients }) =>
    clients > MAX_CLIENTS ? `the server takes no more than ${MAX_CLIENTS} clients` : undefined,
  async start({ serverPort }) {
    return {
      host: "127.0.0.1",
      port: serverPort,
      pid: undefined,
      async [Symbol.asyncDispose]() {},
    };
  },
};
