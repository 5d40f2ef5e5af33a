/** Whether a client is one of a database that the gateway itself is. */
import { GatewayError } from "../../errors.ts";
import { isOwnUser } from "../../net/index.ts";
import type { Connection, TlsPeer } from "../../net/index.ts";
import { hostOf, readPooledStartup } from "../pooled/index.ts";
import type { PooledStartup } from "../pooled/index.ts";
import type { SessionContext } from "../session-context.ts";
import type { SessionFacts } from "../session-facts.ts";
import type { VirtualAdmission, VirtualLogin } from "./virtual-database.ts";

export interface Admitted {
  readonly startup: PooledStartup;
  readonly admission: VirtualAdmission;
}

/** Undefined: it is one of the server's. So is whoever wants to replicate, and whoever cannot be understood. */
export function admitVirtually(
  { virtual, proxyProtocol }: Pick<SessionContext, "virtual" | "proxyProtocol">,
  client: Connection,
  facts: SessionFacts,
  message: Uint8Array,
  peer: TlsPeer | undefined,
): Admitted | undefined {
  if (virtual?.isOpen !== true || !virtual.isNamed(facts.database ?? "")) return undefined;
  const startup = startupOf(message);
  if (startup === undefined || startup.replication !== undefined) return undefined;
  const admission = virtual.admit(new Login(client, startup, peer, proxyProtocol === "off"));
  return admission && { startup, admission };
}

function startupOf(message: Uint8Array): PooledStartup | undefined {
  try {
    return readPooledStartup(message);
  } catch (thrown) {
    // The server says what is wrong with it, as it does for every database of its own.
    if (thrown instanceof GatewayError) return undefined;
    throw thrown;
  }
}

class Login implements VirtualLogin {
  readonly user: string;
  readonly database: string;
  readonly isEncrypted: boolean;
  readonly certificateNames: readonly string[] | undefined;
  readonly #client: Connection;
  readonly #isDirect: boolean;

  /** @param isDirect what is at the other end of the connection is the client itself, and no load balancer */
  constructor(
    client: Connection,
    { user, database }: PooledStartup,
    peer: TlsPeer | undefined,
    isDirect: boolean,
  ) {
    this.user = user;
    this.database = database;
    this.isEncrypted = peer !== undefined;
    this.certificateNames = peer === undefined || peer.names.length === 0 ? undefined : peer.names;
    this.#client = client;
    this.#isDirect = isDirect;
  }

  get host(): string | undefined {
    return hostOf(this.#client.remoteAddress);
  }

  get isOwnUser(): boolean {
    return this.#isDirect && isOwnUser(this.#client);
  }
}
