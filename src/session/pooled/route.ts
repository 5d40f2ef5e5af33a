/** Several databases behind one port: which blocks a client is led to. */
import { GatewayError } from "../../errors.ts";

/** One way; `*` stands for every name. */
export interface Route {
  /** Databases that clients ask for. */
  readonly databases: readonly string[];
  readonly users: readonly string[];
  /** Names of the blocks that have them. */
  readonly blocks: readonly string[];
  /** What the database is called there; undefined: as the client calls it. */
  readonly as: string | undefined;
}

/**
 * The first route that is for a client.
 * @throws GatewayError ERR_DATABASE_UNKNOWN when there is none
 */
export function findRoute(routes: readonly Route[], user: string, database: string): Route {
  const route = routes.find(
    ({ databases, users }) => includes(databases, database) && includes(users, user),
  );
  if (route !== undefined) return route;
  const who = `user ${JSON.stringify(user)}, database ${JSON.stringify(database)}`;
  throw new GatewayError("ERR_DATABASE_UNKNOWN", `${who}: no route fits`);
}

function includes(names: readonly string[], name: string): boolean {
  return names.includes(name) || names.includes("*");
}
