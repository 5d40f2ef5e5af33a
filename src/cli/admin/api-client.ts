/** Asks the gateway that runs, over its admin API. */
import type { Invocation, SwitchFlag } from "../command.ts";
import { apiPlaceOf, placeFlags } from "./api-place.ts";
import type { ApiPlace } from "./api-place.ts";
import { ApiProblem } from "./api-problem.ts";

/** For programs. */
export const jsonFlag: SwitchFlag = {
  type: "switch",
  name: "json",
  description: "Print the answer as the API gives it, in JSON",
  isOnByDefault: false,
};

/** What every command has that asks a gateway. */
export const apiFlags = [...placeFlags, jsonFlag] as const;

/** Environment variable with the token to be sent: what stands on a command line is seen by everybody. */
const TOKEN_VARIABLE = "GATEWAYD_TOKEN";

const DEADLINE_MS = 10_000;

/** For commands that wait for a server or a plugin: one that does not answer is tried for a while. */
export const LONG_DEADLINE_MS = 120_000;

export class ApiClient {
  readonly #place: ApiPlace;
  readonly #token: string | undefined;

  constructor(place: ApiPlace, token: string | undefined) {
    this.#place = place;
    this.#token = token;
  }

  /** @throws ApiProblem when it is not told where the gateway is, or how to get in */
  static of(invocation: Invocation): ApiClient {
    return new ApiClient(apiPlaceOf(invocation), invocation.env[TOKEN_VARIABLE]);
  }

  /** @throws ApiProblem */
  async get(path: string): Promise<unknown> {
    return await this.call("GET", path);
  }

  /** @throws ApiProblem */
  async post(
    path: string,
    body?: Readonly<Record<string, string>>,
    deadlineMs?: number,
  ): Promise<unknown> {
    return await this.call("POST", path, body, deadlineMs);
  }

  /** @throws ApiProblem with what the gateway has said */
  async call(
    method: "GET" | "POST",
    path: string,
    body?: Readonly<Record<string, string>>,
    deadlineMs = DEADLINE_MS,
  ): Promise<unknown> {
    const { url, tls } = this.#place;
    let response: Response;
    try {
      response = await fetch(`${url}${path}`, {
        method,
        headers: this.#token === undefined ? {} : { Authorization: `Bearer ${this.#token}` },
        signal: AbortSignal.timeout(deadlineMs),
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(tls !== undefined && { tls }),
      });
    } catch (thrown) {
      throw this.#noAnswer(thrown, deadlineMs);
    }
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok) return answer;
    throw new ApiProblem(
      `${messageIn(answer) ?? response.statusText}${this.#hintAt(response.status)}`,
      response.status,
    );
  }

  #noAnswer(thrown: unknown, deadlineMs: number): ApiProblem {
    const { url, tls } = this.#place;
    if (thrown instanceof Error && thrown.name === "TimeoutError") {
      const message = `the gateway at ${url} has not answered within ${deadlineMs / 1_000} s; what was asked for may still be done`;
      return new ApiProblem(message, undefined, { cause: thrown });
    }
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    const trust = tls === undefined ? "" : ", --ca which authorities to trust";
    const message = `no gateway answers at ${url}: ${reason}\nIs it running, with api.enabled? --address says where else to ask${trust}`;
    return new ApiProblem(message, undefined, { cause: thrown });
  }

  #hintAt(status: number): string {
    if (status !== 401) return "";
    const certificate =
      this.#place.tls === undefined ? "" : ", or show a certificate with --cert and --key";
    return `; put a token into ${TOKEN_VARIABLE}${certificate}`;
  }
}

function messageIn(answer: unknown): string | undefined {
  if (typeof answer !== "object" || answer === null || !("message" in answer)) return undefined;
  return String(answer.message);
}
