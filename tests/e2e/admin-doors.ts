/** The doors of a gateway's admin API, and what comes through them. */
import type { GatewaydProcess } from "../kit/index.ts";

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
