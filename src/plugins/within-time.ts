import { GatewayError } from "../errors.ts";
import type { Schedule } from "../hooks/index.ts";

export interface TimeLimit {
  readonly schedule: Schedule;
  /** 0 = none. */
  readonly limitMs: number;
  /** What is waited for, e.g. `a ping`; for the error. */
  readonly what: string;
}

/**
 * What `work` resolves with. After the limit, or when `controller` is aborted, it rejects, whatever `work`
 * does with the signal it was given; what `work` comes to then is lost.
 *
 * @throws GatewayError ERR_PLUGIN_TIMEOUT
 */
export async function withinTime<T>(
  { schedule, limitMs, what }: TimeLimit,
  work: (signal: AbortSignal) => Promise<T>,
  controller = new AbortController(),
): Promise<T> {
  const { signal } = controller;
  const tooLate = (): void =>
    controller.abort(
      new GatewayError("ERR_PLUGIN_TIMEOUT", `${what} took longer than ${limitMs} ms`),
    );
  const cancel = limitMs > 0 ? schedule(limitMs, tooLate) : undefined;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => reject(signal.reason);
  signal.addEventListener("abort", giveUp);
  try {
    signal.throwIfAborted();
    return await Promise.race([work(signal), aborted]);
  } finally {
    cancel?.();
    signal.removeEventListener("abort", giveUp);
  }
}
