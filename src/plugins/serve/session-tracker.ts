/**
 * What a plugin in a process of its own knows of its sessions: nobody tells it, so it is read from the traffic that
 * goes by.
 */
import type { HookName, HookPayload } from "../../hooks/index.ts";
import {
  BackendTag,
  HEADER_BYTES,
  TransactionStatus,
  readStartupPacket,
  readStartupParameters,
} from "../../postgres/index.ts";
import type { Session } from "../../sdk/index.ts";

type Tracked = { -readonly [Key in keyof Session]: Session[Key] };

/** The hooks by which sessions are followed. */
export const TRACKED_HOOKS: readonly HookName[] = [
  "OnTrafficFromClient",
  "OnTrafficFromServer",
  "OnClosed",
];

const STATUSES: ReadonlyMap<number, Session["transactionStatus"]> = new Map([
  [TransactionStatus.Idle, "idle"],
  [TransactionStatus.InTransaction, "inTransaction"],
  [TransactionStatus.Failed, "failed"],
]);

/** A ReadyForQuery, which is the last thing that a server says for a while. */
const READY_BYTES = HEADER_BYTES + 1;

export class SessionTracker {
  /** By the name that the host has for it, or by the client's address. */
  readonly #sessions = new Map<string, Tracked>();
  #count = 0;

  /**
   * The session of an event; undefined for events that are of none. Of a client that neither the host has a name for
   * nor has an address, each event has a session of its own: what is remembered of one client is never another's.
   *
   * @param name what this gateway calls the session where the client's address does not tell it
   */
  sessionOf(hook: HookName, payload: HookPayload, name?: string): Session | undefined {
    const { client } = payload;
    if (typeof client !== "object" || client === null || !("remote" in client)) return undefined;
    const key = name ?? String(client.remote);
    let session = this.#sessions.get(key);
    // An address comes again: the next client there is another one.
    if (session === undefined || hook === "OnOpening") session = this.#open(key);
    if (hook === "OnClosed" || key === "") this.#sessions.delete(key);
    if (hook === "OnTrafficFromClient") readStartup(session, payload["request"]);
    if (hook === "OnTrafficFromServer") readStatus(session, payload["response"]);
    return session;
  }

  #open(key: string): Tracked {
    const session = {
      id: String(this.#count++),
      user: undefined,
      database: undefined,
      applicationName: undefined,
      transactionStatus: undefined,
    };
    this.#sessions.set(key, session);
    return session;
  }
}

function readStartup(session: Tracked, request: unknown): void {
  if (!(request instanceof Uint8Array) || request[0] !== 0) return;
  try {
    if (readStartupPacket(request).kind !== "startupMessage") return;
    const parameters = readStartupParameters(request);
    session.user = parameters.get("user");
    session.database = parameters.get("database") ?? session.user;
    session.applicationName = parameters.get("application_name");
  } catch {
    // Part of something else that begins with a zero: it says nothing about the session.
  }
}

function readStatus(session: Tracked, response: unknown): void {
  if (!(response instanceof Uint8Array) || response.length < READY_BYTES) return;
  const at = response.length - READY_BYTES;
  if (response[at] !== BackendTag.ReadyForQuery || response[at + 4] !== HEADER_BYTES) return;
  session.transactionStatus = STATUSES.get(response.at(-1) ?? 0) ?? session.transactionStatus;
}
