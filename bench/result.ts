import type { PgbenchLoad, PgbenchResult } from "./measure/index.ts";
import type { SuiteName } from "./options.ts";

/** One pgbench run against one endpoint. */
export interface LoadSample extends PgbenchResult {
  /** User and system CPU of the endpoint's process per transaction, in microseconds; absent for direct. */
  readonly cpuMicrosPerTransaction?: number;
}

/** Whether a run of pgbench came to nothing: it has no numbers then, and is among the failures. */
export const isLost = ({ transactions }: LoadSample): boolean => transactions === 0;

/** One load with all its samples. */
export interface LoadResult {
  /** E.g. `simple, 16 clients`. */
  readonly label: string;
  readonly load: PgbenchLoad;
  /**
   * By entry, in order of rounds: samples with the same index were taken one after the other. A lost one is the
   * last of its entry.
   */
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
  /**
   * `silent`: they send nothing. `startup`: they send a StartupMessage, and wait for a server connection.
   * `logged in`: they have been greeted, and ask for nothing.
   */
  readonly manner: "silent" | "startup" | "logged in";
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

/** Calls of one kind of plugin that says nothing, without a gateway around it. */
export interface CallsResult {
  /** E.g. `worker`. */
  readonly kind: string;
  /** How many were under way at a time. */
  readonly depth: number;
  readonly callsPerSecond: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
}

/** A goal of the project, and whether this run reached it. */
export interface Goal {
  readonly text: string;
  /** What is wanted, where the text does not say it; e.g. `>= 0.85x`. */
  readonly target?: string;
  readonly measured: string;
  /** How much of a difference is none, as a share of 1: what the control differed from itself. */
  readonly spread?: number;
  /** Undefined: it could not be measured. */
  readonly isReached?: boolean;
}

/** Something the tables would have, and why they have not. */
export interface Missing {
  readonly entry: string;
  /** Label of a load; undefined: all of them. */
  readonly load?: string;
  readonly reason: string;
}

/** Everything a run has found out; what is in a results file. */
export interface BenchResult {
  readonly suite: SuiteName;
  /** Beginning of the run, UTC, ISO 8601. */
  readonly startedAt: string;
  readonly durationMinutes: number;
  /** Rounds and seconds of the loads; what else can differ stands with each result. */
  readonly settings: {
    readonly rounds: number;
    readonly seconds: number;
    /** How often all processes were started in the course of the rounds; absent in old results: once. */
    readonly generations?: number;
  };
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
  /** Absent where it was not asked for. */
  readonly calls?: readonly CallsResult[];
  readonly missing: readonly Missing[];
  readonly goals: readonly Goal[];
}
