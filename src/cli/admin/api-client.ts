/** Asks the gateway that runs, over its admin API. */
import { readFileSync } from "node:fs";
import { formatIssue, loadGlobalConfig, splitHostPort } from "../../config/index.ts";
import type { ApiConfig } from "../../config/index.ts";
import type { Invocation, SwitchFlag, TextFlag } from "../command.ts";
import { configFlag } from "../flags.ts";
import { loadOptions } from "../load-options.ts";

/** Where the gateway is asked. */
export const addressFlag: TextFlag = {
  type: "text",
  name: "address",
  description:
    "Address of the admin API, host:port or a URL; looked up in the global configuration file",
  defaultText: "localhost:18080",
  valueKind: "text",
};

/** For programs. */
export const jsonFlag: SwitchFlag = {
  type: "switch",
  name: "json",
  description: "Print the answer as the API gives it, in JSON",
  isOnByDefault: false,
};

/** What every command has that asks a gateway. */
export const apiFlags = [addressFlag, configFlag, jsonFlag] as const;

/** Environment variable with the token to be sent: what stands on a command line is seen by everybody. */
export const TOKEN_VARIABLE = "GATEWAYD_TOKEN";

const DEFAULT_ADDRESS = "localhost:18080";
const DEADLINE_MS = 10_000;

interface Place {
  readonly url: string;
  /** Certificate to be trusted, when it is the gateway's own. */
  readonly ca?: string;
}

/** The gateway has said no, or nothing at all. The message is for people. */
export class ApiProblem extends Error {
  /** Of HTTP; undefined: nobody answered. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

export class ApiClient {
  readonly #place: Place;
  readonly #token: string | undefined;

  constructor(place: Place, token: string | undefined) {
    this.#place = place;
    this.#token = token;
  }

  /** @throws ApiProblem when the configuration does not tell where the gateway is */
  static of(invocation: Invocation): ApiClient {
    return new ApiClient(placeOf(invocation), invocation.env[TOKEN_VARIABLE]);
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
    const { url, ca } = this.#place;
    let response: Response;
    try {
      response = await fetch(`${url}${path}`, {
        method,
        headers: this.#token === undefined ? {} : { Authorization: `Bearer ${this.#token}` },
        signal: AbortSignal.timeout(deadlineMs),
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(ca !== undefined && { tls: { ca } }),
      });
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      const message = `no gateway answers at ${url}: ${reason}\nIs it running, with api.enabled? --address says where else to ask`;
      throw new ApiProblem(message, undefined, { cause: thrown });
    }
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok) return answer;
    const hint = response.status === 401 ? `; put a token into ${TOKEN_VARIABLE}` : "";
    throw new ApiProblem(`${messageIn(answer) ?? response.statusText}${hint}`, response.status);
  }
}

function messageIn(answer: unknown): string | undefined {
  if (typeof answer !== "object" || answer === null || !("message" in answer)) return undefined;
  return String(answer.message);
}

function placeOf(invocation: Invocation): Place {
  const given = invocation.arguments.text(addressFlag);
  if (given !== undefined) return { url: /^https?:\/\//.test(given) ? given : `http://${given}` };
  const result = loadGlobalConfig(loadOptions(invocation));
  if (result.ok) return placeIn(result.config.value.api);
  const isNamed = invocation.arguments.isGiven(configFlag);
  if (result.notFound !== undefined && !isNamed) return { url: `http://${DEFAULT_ADDRESS}` };
  const errors = result.issues.filter(({ severity }) => severity === "error");
  const hint = "the configuration cannot be read; --address says where to ask without it";
  throw new ApiProblem([...errors.map(formatIssue), hint].join("\n"));
}

function placeIn({ httpAddress, certFile }: ApiConfig): Place {
  const { host, port } = splitHostPort(httpAddress) ?? { host: "localhost", port: 18_080 };
  // Listening everywhere, it listens here, too.
  const isEverywhere = host === "" || host === "0.0.0.0" || host === "::";
  const name = isEverywhere ? "localhost" : host.includes(":") ? `[${host}]` : host;
  if (certFile === "") return { url: `http://${name}:${port}` };
  return { url: `https://${name}:${port}`, ca: readFileSync(certFile, "utf8") };
}
