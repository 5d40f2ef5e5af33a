import type { HookPayload, SocketEnds, Traffic } from "../../hooks/index.ts";

/** What a payload says that is traffic and nothing else; undefined for any other, such as one that a plugin added to. */
export function trafficIn(payload: HookPayload): Traffic | undefined {
  const { client, server, error, request, response, partial } = payload;
  if (error !== "" || !(request instanceof Uint8Array) || !isEnds(client) || !isEnds(server)) {
    return undefined;
  }
  let others = -4;
  for (const _ in payload) others++;
  if (partial === true) others--;
  if (response === undefined) {
    return others === 0 ? { client, server, request, partial: partial === true } : undefined;
  }
  return others === 1 && response instanceof Uint8Array
    ? { client, server, request, response, partial: partial === true }
    : undefined;
}

function isEnds(value: unknown): value is SocketEnds {
  return (
    typeof value === "object" &&
    value !== null &&
    "local" in value &&
    typeof value.local === "string" &&
    "remote" in value &&
    typeof value.remote === "string"
  );
}
