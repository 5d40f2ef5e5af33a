import type { LoginRequest } from "../../auth/index.ts";
import type { Connection } from "../../net/index.ts";
import { hostOf } from "./host-of.ts";
import type { PooledStartup } from "./startup-request.ts";

/**
 * Who asks to be let in, for the rules. A class, because its host is found out when a rule wants to know,
 * which takes two calls of the kernel: a getter of an object that is written out makes a new kind of
 * object each time, and takes longer than all the rest of a login.
 */
export class ClientRequest implements LoginRequest {
  readonly user: string;
  readonly database: string;
  readonly isReplication: boolean;
  readonly isEncrypted: boolean;
  readonly #client: Connection;

  constructor(client: Connection, startup: PooledStartup, isEncrypted: boolean) {
    this.user = startup.user;
    this.database = startup.database;
    this.isReplication = startup.replication?.isPhysical === true;
    this.isEncrypted = isEncrypted;
    this.#client = client;
  }

  get host(): string | undefined {
    return hostOf(this.#client.remoteAddress);
  }
}
