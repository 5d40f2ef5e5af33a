/** Values on their way from one thread to another. */
import type { HookPayload } from "../../hooks/index.ts";

/** Bytes are often a small part of a large buffer, all of which would be copied. */
export function portable(payload: HookPayload): HookPayload {
  const { request, response } = payload;
  return {
    ...payload,
    ...(request instanceof Uint8Array && { request: new Uint8Array(request) }),
    ...(response instanceof Uint8Array && { response: new Uint8Array(response) }),
  };
}

/** Fields of a log record: what cannot travel goes as its text. */
export function portableFields(
  fields: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, isPlain(value) ? value : String(value)]),
  );
}

function isPlain(value: unknown): boolean {
  return value === null || !["object", "function", "symbol"].includes(typeof value);
}
