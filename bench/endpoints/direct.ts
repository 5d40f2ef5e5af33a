import type { EndpointKind } from "./endpoint.ts";

/** PostgreSQL itself: what all others are compared with. */
export const direct: EndpointKind = {
  name: "direct",
  isPooling: false,
  version: "",
  async start({ serverPort }) {
    return {
      host: "127.0.0.1",
      port: serverPort,
      pid: undefined,
      async [Symbol.asyncDispose]() {},
    };
  },
};
