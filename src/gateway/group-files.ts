/** The files that a group needs: certificates, users, rules. All are read when it is made. */
import type { UserTable, LoginRule } from "../auth/index.ts";
import type { ServerTls } from "../backend/index.ts";
import type { GlobalConfig } from "../config/index.ts";
import type { Logger } from "../logging/index.ts";
import type { ServerTlsOptions } from "../net/index.ts";
import type { ClientTls } from "../session/index.ts";
import { blockTls, listenerCertificates } from "./certificates.ts";
import type { BlockTls } from "./certificates.ts";
import { hbaRulesOf } from "./hba-rules.ts";
import { serverOf } from "./server-of.ts";
import { usersOf } from "./users.ts";
import type { Watched, WatchedFiles } from "./watched-files.ts";

export class GroupFiles implements Watched {
  /** How clients' connections are encrypted. */
  readonly tls: ClientTls;
  /** Undefined without a users file. */
  readonly users: WatchedFiles<UserTable> | undefined;
  /** Undefined without an hba file. */
  readonly hbaRules: WatchedFiles<readonly LoginRule[]> | undefined;
  readonly #certificates: WatchedFiles<ServerTlsOptions> | undefined;
  readonly #blocks: ReadonlyMap<string, BlockTls>;

  /** @throws GatewayError ERR_CONFIG_INVALID naming a file that cannot be used, and why */
  constructor(group: string, global: GlobalConfig, logger: Logger) {
    const server = serverOf(global, group);
    const { usersFile, hbaFile } = server.auth ?? {};
    this.#certificates = listenerCertificates(server, logger);
    this.users = usersFile === undefined ? undefined : usersOf(usersFile, logger);
    this.hbaRules = hbaFile === undefined ? undefined : hbaRulesOf(hbaFile, server, logger);
    this.#blocks = new Map(
      Object.entries(global.clients[group] ?? {}).map(([block, client]) => [
        block,
        blockTls(block, client, logger),
      ]),
    );
    this.tls = {
      mode: server.tlsMode,
      current: () => {
        if (this.#certificates === undefined) throw new Error("TLS is disabled");
        return this.#certificates.current;
      },
    };
  }

  /** How connections to the server of a block are encrypted. */
  serverTls(block: string): ServerTls | undefined {
    return this.#blocks.get(block)?.tls;
  }

  watch(): void {
    for (const files of this.#all) files.watch();
  }

  close(): void {
    for (const files of this.#all) files.close();
  }

  get #all(): readonly Watched[] {
    const ofBlocks = [...this.#blocks.values()].map(({ certificates }) => certificates);
    const all = [this.#certificates, this.users, this.hbaRules, ...ofBlocks];
    return all.filter((files) => files !== undefined);
  }
}
