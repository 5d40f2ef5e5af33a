import { mkdtemp, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What every part of a run needs to know. */
export interface BenchContext {
  /** Aborted by Ctrl-C: whoever waits throws then, and everything started is ended on the way out. */
  readonly signal: AbortSignal;
  /** Holds every temporary file of the run; readable by the unprivileged account that servers run as. */
  readonly directory: string;
  /** Tells the person at the terminal what is being done. */
  readonly progress: (text: string) => void;
}

/** The context of one run; disposing of it removes its directory. */
export class BenchRun implements BenchContext, AsyncDisposable {
  readonly signal: AbortSignal;
  readonly directory: string;

  /** {@link openRun} makes one. */
  constructor(signal: AbortSignal, directory: string) {
    this.signal = signal;
    this.directory = directory;
  }

  readonly progress = (text: string): void => {
    const time = new Date().toISOString().slice(11, 19);
    console.error(`${time} ${text}`);
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true });
    if (existsSync(this.directory)) throw new Error(`${this.directory} is still there`);
  }
}

/**
 * Makes the directory and listens for the signals that end a run. Signals beyond the first change nothing: a
 * terminal's Ctrl-C arrives twice, straight and through the script that started this one.
 */
export async function openRun(): Promise<BenchRun> {
  const interruption = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => interruption.abort(new Interrupted(name)));
  }
  // Root's own TMPDIR may be out of reach of the account that servers run as.
  const base = process.getuid?.() === 0 ? "/tmp" : tmpdir();
  const directory = await mkdtemp(join(base, "gatewayd-bench-"));
  await chmod(directory, 0o755);
  // Whatever the test kit writes lands in it, too.
  process.env["TMPDIR"] = directory;
  return new BenchRun(interruption.signal, directory);
}

/** Why a run that got a signal has ended. */
export class Interrupted extends Error {
  /** Exit code a shell gives to a program that was ended by this signal. */
  readonly exitCode: number;

  constructor(signal: "SIGINT" | "SIGTERM" | "SIGHUP") {
    super(`ended by ${signal}; everything that was started is gone, nothing was written`);
    this.exitCode = 128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal];
  }
}
