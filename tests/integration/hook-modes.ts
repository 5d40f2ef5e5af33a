import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { oneBlockConfig, type OneBlockOptions, type PostgresServer } from "../kit/index.ts";
import { type GatewayInProcess, makeGateway } from "./start-gateway.ts";

/** The modes in which traffic passes hooks; `multiplexing` is mode transaction with a depth. */
export const HOOK_MODES = [
  "passthrough",
  "session",
  "transaction",
  "statement",
  "multiplexing",
] as const;
export type HookMode = (typeof HOOK_MODES)[number];

/** The file of users that clients of a pooled gateway log in by: the server's own user. */
export async function writeUsersFile(directory: string, postgres: PostgresServer): Promise<string> {
  const file = join(directory, "users.txt");
  await writeFile(file, `"${postgres.user}" "${postgres.password}"\n`);
  return file;
}

/**
 * A booted gateway in front of a server, with one block of this mode.
 * @param auth how clients of a pooled block log in
 * @param options its `plugins` are the keys of gatewayd_plugins.yaml
 */
export async function startInMode(
  mode: HookMode,
  serverAddress: string,
  auth: Readonly<Record<string, unknown>>,
  options: OneBlockOptions & { readonly plugins?: object } = {},
): Promise<GatewayInProcess> {
  const { server, pool, plugins, ...rest } = options;
  const inside = await makeGateway(
    oneBlockConfig(serverAddress, {
      ...rest,
      pool: { ...poolOf(mode), ...pool },
      server: { ...(mode !== "passthrough" && { auth }), ...server },
    }),
    plugins === undefined ? undefined : JSON.stringify(plugins),
  );
  await inside.gateway.boot();
  return inside;
}

/** The keys of a pool in this mode. */
export function poolOf(mode: HookMode): Readonly<Record<string, unknown>> {
  return mode === "multiplexing" ? { mode: "transaction", multiplexDepth: 4 } : { mode };
}
