/** At level trace, every event is logged: what plugins would see, without the bytes. */
import { HOOK_NUMBERS } from "../hooks/index.ts";
import type { HookName, HookPayload, HookRegistry } from "../hooks/index.ts";
import type { Logger } from "../logging/index.ts";
import { connectionFields } from "../watch/index.ts";
import type { TraceIdOf } from "../watch/index.ts";

/** Before every plugin: priorities below 1000 are the gateway's own. */
const PRIORITY = 0;

/** @returns what takes the handlers back */
export function traceHooks(
  registry: HookRegistry,
  logger: Logger,
  traceIdOf: TraceIdOf | undefined,
): () => void {
  const registered = (Object.keys(HOOK_NUMBERS) as HookName[]).map((hook) =>
    registry.register(hook, {
      name: "trace",
      priority: PRIORITY,
      onError: "continue",
      handler: (payload, session) =>
        logger.trace("Hook is run", {
          hook,
          ...describe(payload),
          ...(session && connectionFields(session, traceIdOf)),
        }),
    }),
  );
  return () => {
    for (const takeBack of registered) takeBack();
  };
}

function describe(payload: HookPayload): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  const client: unknown = payload["client"];
  if (typeof client === "object" && client !== null && "remote" in client) {
    fields["client"] = client.remote;
  }
  for (const key of ["request", "response"]) {
    const bytes = payload[key];
    if (bytes instanceof Uint8Array) fields[`${key}Bytes`] = bytes.length;
  }
  return fields;
}
