/** How a door encrypts: PEM texts. */
export interface DoorTls {
  readonly cert: string;
  readonly key: string;
  /** Authorities of clients' certificates; undefined: none are asked for. */
  readonly clientCa: string | undefined;
}
