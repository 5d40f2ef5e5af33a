/** The operating system's process of a plugin. */
import { GatewayError } from "../../errors.ts";
import { LineReader, type OnLine } from "./line-reader.ts";
import type { PluginLog } from "./plugin-log.ts";

/** How long the last lines of a process that has ended are waited for: a grandchild may hold its pipes open. */
const LAST_LINES_MS = 200;

export interface ChildOptions {
  /** Absolute path of the executable. */
  readonly executable: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly log: PluginLog;
}

/** A process that has been started. It leads a process group, so that what it started itself can be ended too. */
export class PluginChild {
  /** Its first line of output; undefined when its output ends before there is one. */
  readonly firstLine: Promise<string | undefined>;
  /** Resolves with how it ended, and its last words if there were any, once nothing of it can be read any more. */
  readonly exited: Promise<string>;
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  #hasExited = false;

  /** @throws a GatewayError when the executable cannot be started */
  constructor({ executable, args, env, log }: ChildOptions) {
    try {
      this.#process = Bun.spawn([executable, ...args], {
        env,
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
      });
    } catch (cause) {
      throw new GatewayError("ERR_PLUGIN_EXEC", `${executable} cannot be started`, { cause });
    }
    let onFirstLine: (line: string | undefined) => void = () => {};
    this.firstLine = new Promise((resolve) => {
      onFirstLine = resolve;
    });
    let onStdout: OnLine = (line) => {
      onStdout = log.stdout;
      onFirstLine(line);
    };
    const stdout = new LinePump(this.#process.stdout, (line, size) => onStdout(line, size));
    const stderr = new LinePump(this.#process.stderr, log.stderr);
    void stdout.ended.then(() => onFirstLine(undefined));
    this.exited = this.#process.exited.then(async () => {
      this.#hasExited = true;
      // What it has started lives on, also when it ended by itself.
      this.#killGroup();
      const allRead = Promise.all([stdout.ended, stderr.ended]);
      await Promise.race([allRead, Bun.sleep(LAST_LINES_MS)]);
      await Promise.all([stdout.cancel(), stderr.cancel()]);
      return this.#howItEnded(log.lastWords);
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Whether it ended by {@link kill}, or was killed like that from outside. */
  get wasKilled(): boolean {
    return this.#process.signalCode === "SIGKILL";
  }

  /** Asks it to end. */
  terminate(): void {
    if (!this.#hasExited) this.#process.kill("SIGTERM");
  }

  /** Ends it, and every process of its group; where there are no groups (Windows), it alone. */
  kill(): void {
    if (!this.#hasExited && !this.#killGroup()) this.#process.kill("SIGKILL");
  }

  /** Answers whether there was a group: it may be gone in this very moment, not there yet, or not ours to end. */
  #killGroup(): boolean {
    if (process.platform === "win32") return false;
    try {
      process.kill(-this.pid, "SIGKILL");
      return true;
    } catch {
      return false;
    }
  }

  #howItEnded(lastWords: string): string {
    const { signalCode, exitCode } = this.#process;
    const how = signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;
    return lastWords === "" ? how : `${how}: ${lastWords}`;
  }
}

/** Reads a pipe to its end, whatever comes. */
class LinePump {
  readonly ended: Promise<void>;
  readonly #stop: () => Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>, onLine: OnLine) {
    const reader = stream.getReader();
    this.#stop = () => reader.cancel();
    const lines = new LineReader(onLine);
    const pump = async (): Promise<void> => {
      for (;;) {
        // A pipe that cannot be read has come to its end, too.
        const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
        if (done || value === undefined) break;
        lines.read(value);
      }
      lines.end();
    };
    this.ended = pump();
  }

  /** Reads no more, and lets the pipe go. */
  async cancel(): Promise<void> {
    await this.#stop();
  }
}
