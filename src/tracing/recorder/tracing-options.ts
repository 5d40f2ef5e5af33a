/** Where traces go, and how many. */

export interface TracingOptions {
  /** Of this executable: `service.version`. */
  readonly version: string;
  /** Has the variables of OpenTelemetry. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told what keeps spans from arriving, once when it begins. */
  readonly onFailing: (error: Error) => void;
  /** Told once when they do again. */
  readonly onRecovered: () => void;
}

/** What the configuration says; known later than that there is tracing. */
export interface CollectorOptions {
  /** `host:port`, with or without `http://` or `https://`, or `unix:path`. */
  readonly url: string;
  /** Share of the new traces that is recorded, 0 to 1. */
  readonly ratio: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Encrypts, whatever the URL says. */
  readonly isEncrypted: boolean;
  /** PEM texts. Default: those that the environment names, or else the public authorities. */
  readonly ca?: string;
  readonly pair?: { readonly cert: string; readonly key: string };
}
