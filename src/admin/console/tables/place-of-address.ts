/** An address in PgBouncer's two columns. */
export interface Place {
  /** `unix` for the client's end of a Unix socket, which has no name. */
  readonly host: string;
  readonly port: number;
}

/** From `127.0.0.1:5432`, `[::1]:5432`, or the path of a Unix socket. */
export function placeOfAddress(address: string): Place {
  const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? [];
  if (host !== undefined && port !== undefined && !address.startsWith("/")) {
    return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
  }
  // PostgreSQL's own way to name a socket's file: by the port that it stands for.
  const [, directory, number] = /^(.*)\/\.s\.PGSQL\.(\d+)$/.exec(address) ?? [];
  if (directory !== undefined) return { host: directory, port: Number(number) };
  return { host: address === "" ? "unix" : address, port: 0 };
}
