/** Requests to the admin API, counted by whatever serves it. */
import type { Figures } from "./figures.ts";

interface Requests {
  readonly method: string;
  readonly endpoint: string;
  count: number;
  /** By gRPC code. */
  readonly errors: Map<string, number>;
}

export class ApiMetrics {
  readonly #requests = new Map<string, Requests>();

  /**
   * @param endpoint one of the paths that are served, not what the client has made up
   * @param error name of the gRPC code; undefined for a request that succeeded
   */
  requested(method: string, endpoint: string, error?: string): void {
    const key = `${method} ${endpoint}`;
    const known = this.#requests.get(key);
    const requests = known ?? { method, endpoint, count: 0, errors: new Map<string, number>() };
    if (known === undefined) this.#requests.set(key, requests);
    requests.count++;
    if (error !== undefined) requests.errors.set(error, (requests.errors.get(error) ?? 0) + 1);
  }

  collect(figures: Figures): void {
    for (const { method, endpoint, count, errors } of this.#requests.values()) {
      figures.set("gatewayd_api_requests_total", { method, endpoint }, count);
      for (const [error, failed] of errors) {
        figures.set("gatewayd_api_requests_errors_total", { method, endpoint, error }, failed);
      }
    }
  }
}
