import type { BenchContext } from "../context.ts";
import type { PgbenchLoad } from "../measure/index.ts";

/** Something pgbench can connect to. */
export interface Endpoint extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** The process whose CPU and memory are counted; undefined for PostgreSQL itself. */
  readonly pid: number | undefined;
}

/** How an endpoint is to be started. */
export interface StartOptions {
  readonly context: BenchContext;
  /** Port of PostgreSQL on 127.0.0.1. */
  readonly serverPort: number;
  /** Server connections it may hold. */
  readonly poolSize: number;
  /** Clients that may be connected to it at once. */
  readonly maxClients: number;
  /** How long clients may wait, and stay silent before they log in. */
  readonly patienceSeconds: number;
  /** Clients that send nothing are to be accepted at once, too. */
  readonly expectsSilentClients: boolean;
}

/** One column of the tables. */
export interface EndpointKind {
  readonly name: string;
  /** Lets clients wait when there are more of them than server connections. */
  readonly isPooling: boolean;
  /** What is written down of its version; empty: nothing. */
  readonly version: string;
  /** Why a load is not for it, with so many server connections; undefined: it takes part. */
  readonly refuses?: (load: PgbenchLoad, poolSize: number) => string | undefined;
  readonly start: (options: StartOptions) => Promise<Endpoint>;
}

/** An endpoint that a run had to go without. */
export interface AbsentEndpoint {
  readonly name: string;
  /** For the person who reads the report. */
  readonly reason: string;
}
