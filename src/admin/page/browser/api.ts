import type { JsonOf } from "./json-of.ts";

/** Longer than an answer ever takes that is worth waiting for. */
const TIMEOUT_MS = 10_000;

/** Why there was no answer. */
export type Refusal =
  /** The gateway was not reached, or has said nothing in time. */
  | "unreachable"
  /** It wants a token, or does not know the one it got. */
  | "unauthenticated"
  /** It was reached, and did not do it. */
  | "refused";

export class ApiRefusal extends Error {
  readonly reason: Refusal;

  constructor(reason: Refusal, message: string) {
    super(message);
    this.name = "ApiRefusal";
    this.reason = reason;
  }
}

/** The REST API of the gateway that the page comes from. */
export class Api {
  readonly #token: () => string | undefined;

  /** @param token sent with each call, and nowhere else */
  constructor(token: () => string | undefined) {
    this.#token = token;
  }

  /**
   * What the API answers at a path, as a message of proto/.
   * @param path relative to the page, so that a proxy may put both below a path of its own
   * @throws ApiRefusal
   */
  async get<Message>(path: string): Promise<JsonOf<Message>> {
    const response = await this.#fetch(path);
    const body = await bodyOf(response);
    // The page comes from the same executable as the answer, which is made of the same description: it has every field.
    if (response.ok) return body as JsonOf<Message>;
    const reason = response.status === 401 ? "unauthenticated" : "refused";
    throw new ApiRefusal(reason, messageOf(body) ?? `${path}: HTTP status ${response.status}`);
  }

  async #fetch(path: string): Promise<Response> {
    const token = this.#token();
    try {
      return await fetch(path, {
        headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
        cache: "no-store",
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (cause) {
      throw unreachable(cause);
    }
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (cause) {
    throw unreachable(cause);
  }
}

function unreachable(cause: unknown): ApiRefusal {
  return new ApiRefusal("unreachable", cause instanceof Error ? cause.message : String(cause));
}

function messageOf(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("message" in body)) return undefined;
  return typeof body.message === "string" ? body.message : undefined;
}
