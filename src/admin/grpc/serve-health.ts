/** The health protocol of gRPC: one status for the whole gateway, whichever service is asked for. */
import { setTimeout as pause } from "node:timers/promises";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus } from "../../rpc/index.ts";

/** Whoever watches hears of a change after so long at most. */
const LOOK_MS = 250;

/** @param closing aborted when nobody is to be served any more */
export function serveHealth(
  router: ConnectRouter,
  isServing: () => boolean,
  closing: AbortSignal,
): void {
  const status = (): HealthCheckResponse_ServingStatus => {
    const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus;
    return isServing() ? SERVING : NOT_SERVING;
  };
  router.service(Health, {
    check: () => ({ status: status() }),
    async *watch(_request, { signal }: HandlerContext) {
      const over = AbortSignal.any([signal, closing]);
      let told: HealthCheckResponse_ServingStatus | undefined;
      while (!over.aborted) {
        const now = status();
        if (now !== told) yield { status: (told = now) };
        await pause(LOOK_MS, undefined, { signal: over }).catch(() => {}); // That it is over.
      }
    },
  });
}
