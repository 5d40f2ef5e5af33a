/** How a door encrypts: PEM texts. */
export interface DoorTls {
  readonly cert: string;
  readonly key: string;
  /** Authorities of clients' certificates; undefined: none are asked for. */
  readonly clientCa: string | undefined;
}

/** For the servers of Node's modules, which differ in the protocols that they speak. */
export function doorTlsOptions({ cert, key, clientCa }: DoorTls, protocols: readonly string[]) {
  return {
    cert,
    key,
    minVersion: "TLSv1.2" as const,
    ALPNProtocols: [...protocols],
    // A certificate is one way to say who one is, a token another: it is asked for and not demanded.
    ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
  };
}
