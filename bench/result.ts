import type { PgbenchLoad, PgbenchResult } from "./measure/index.ts";

/** One pgbench run against one endpoint. */
export interface LoadSample extends PgbenchResult {
  /** User and system CPU of the endpoint's process per transaction, in microseconds; absent for direct. */
  readonly cpuMicrosPerTransaction?: number;
}

/** One load with all its samples. */
export interface LoadResult {
  /** E.g. `simple, 16 clients`. */
  readonly label: string;
  readonly load: PgbenchLoad;
  /** By entry, in order of rounds: samples with the same index were taken one after the other. */
  readonly samples: Readonly<Record<string, readonly LoadSample[]>>;
}

/** One COPY through one endpoint. */
export interface CopySample {
  /** 10^6 bytes per second. */
  readonly megabytesPerSecond: number;
  /** CPU of the endpoint's process in milliseconds per 10^9 bytes; absent for direct. */
  readonly cpuMsPerGigabyte?: number;
}

/** All COPYs in one direction. */
export interface CopyResult {
  /** `out`: from the server to the client. */
  readonly direction: "out" | "in";
  readonly bytes: number;
  readonly samples: Readonly<Record<string, readonly CopySample[]>>;
}

/** Memory of a fresh endpoint before and after many clients have come who only wait. */
export interface IdleResult {
  readonly entry: string;
  /** `silent`: they send nothing. `startup`: they send a StartupMessage, and wait for a server connection. */
  readonly manner: "silent" | "startup";
  readonly clients: number;
  /** Resident memory in MiB, before the first client. */
  readonly baseMiB: number;
  /** With all of them waiting. */
  readonly waitingMiB: number;
  /** The most it ever was. */
  readonly peakMiB: number;
}

/** Memory of a fresh endpoint while the reader of a large result does not read. */
export interface StallResult {
  readonly entry: string;
  readonly bytes: number;
  readonly baseMiB: number;
  /** The most while the reader stood still. */
  readonly stalledMiB: number;
  /** The most it ever was, after the reader has read everything. */
  readonly peakMiB: number;
}

/** A goal of the project, and whether this run reached it. */
export interface Goal {
  readonly text: string;
  readonly measured: string;
  readonly isReached: boolean;
}

/** Everything a run has found out; what is in a results file. */
export interface BenchResult {
  /** Beginning of the run, UTC, ISO 8601. */
  readonly startedAt: string;
  readonly durationMinutes: number;
  /** Rounds and seconds of the loads; what else can differ stands with each result. */
  readonly settings: { readonly rounds: number; readonly seconds: number };
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
  /** Columns of the tables, in their order, without the control. */
  readonly entries: readonly string[];
  /** The entry that is measured twice, and the name its second samples have. */
  readonly control: { readonly entry: string; readonly twin: string };
  readonly loads: readonly LoadResult[];
  readonly copies: readonly CopyResult[];
  readonly idle: readonly IdleResult[];
  readonly stalls: readonly StallResult[];
  readonly goals: readonly Goal[];
}
