/** The doors of a gateway's admin API: how they are configured, and what comes through them. */
import {
  type CompletedProcess,
  freePort,
  GATEWAYD_BINARY,
  type GatewaydProcess,
  oneBlockConfig,
  type OneBlockOptions,
  runToEnd,
} from "../kit/index.ts";

/** Where the original's calls are. */
export const V1 = "/v1/GatewayDPluginService";

/** Two connections that whoever comes shares. */
export const OPEN_POOL = {
  pool: { size: 2, mode: "transaction" },
  server: { auth: { method: "trust" } },
} as const satisfies OneBlockOptions;

const ANYWHERE = "127.0.0.1:0";

export interface AdminOptions extends OneBlockOptions {
  /** Keys of `api`. Without addresses the kernel chooses, and {@link doorsOf} knows them. */
  readonly api?: Readonly<Record<string, unknown>>;
}

/** As {@link oneBlockConfig}, with both doors open. */
export function adminConfig(serverAddress: string, { api, ...options }: AdminOptions = {}): string {
  const doors = { httpAddress: ANYWHERE, grpcAddress: ANYWHERE, ...api };
  return oneBlockConfig(serverAddress, { ...options, parts: { ...options.parts, api: doors } });
}

/** For a door that has to be known before the gateway has opened it, as the command line has to. */
export async function freeAddress(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}

/** An administrator, as `api.auth.tokens` has them. */
export function withToken(token: string, name: string, role: string) {
  return { name, role, sha256: new Bun.CryptoHasher("sha256").update(token).digest("hex") };
}

/** What the log says of the doors. */
export interface Doors {
  readonly rest: string;
  readonly grpc: string;
}

export function doorsOf(gatewayd: GatewaydProcess): Doors {
  const addressIn = (message: string): string => {
    const line = gatewayd.process.lines().find(({ text }) => text.includes(message))?.text ?? "";
    return /\baddress=(\S+)/.exec(line)?.[1] ?? "";
  };
  return { rest: addressIn("Started the HTTP API"), grpc: addressIn("Started the gRPC Server") };
}

export interface RestAnswer {
  readonly status: number;
  readonly body: unknown;
}

export async function rest(
  { rest: address }: Pick<Doors, "rest">,
  path: string,
  { token, ...init }: RequestInit & { readonly token?: string } = {},
): Promise<RestAnswer> {
  const headers = new Headers(init.headers);
  if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
  const response = await fetch(`http://${address}${path}`, { ...init, headers });
  return { status: response.status, body: await response.json() };
}

/**
 * Runs a command as typed.
 *
 * @param cwd default: the directory of the gateway's configuration, where the command finds its address
 * @param env all of its environment
 */
export async function typed(
  gatewayd: Pick<GatewaydProcess, "directory">,
  words: string,
  { cwd = gatewayd.directory, env = {} }: TypedOptions = {},
): Promise<CompletedProcess> {
  return await runToEnd([GATEWAYD_BINARY, ...words.split(" ")], { cwd, env });
}

export interface TypedOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}
