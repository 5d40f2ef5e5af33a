import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { newTranscript } from "./transcripts.ts";

/** What to start, and as whom. */
export interface ProcessOptions {
  /** Working directory. Default `/`: nothing may depend on where it was started from. */
  readonly cwd?: string;
  /** The whole environment of the child; nothing is inherited unless it is put in here. Default: ours. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Numeric user and group, for programs that refuse to run as root. */
  readonly uid?: number;
  readonly gid?: number;
  /** Written to the child's stdin, which is then closed. Default: stdin is empty. */
  readonly stdin?: string | Uint8Array;
}

/** How a process ended: one of the two is null. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One line a process wrote. */
export interface OutputLine {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

/** Which lines {@link RunningProcess.waitForLine} looks at, and for how long. */
export interface LineOptions {
  /** Only lines from this number on (see {@link RunningProcess.lineCount}). Default: all that were kept. */
  readonly since?: number;
  /** Default 10 s. */
  readonly deadlineMs?: number;
}

/** Older lines are forgotten, so that a talkative child cannot fill the memory of the test run. */
const MAX_KEPT_LINES = 50_000;

interface LineWaiter {
  readonly matches: (line: OutputLine) => boolean;
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

/** A child process whose output is kept, line by line, and whose end is always observed. */
export class RunningProcess implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process has ended and all its output has been read. Never rejects. */
  readonly exited: Promise<ExitStatus>;

  readonly #child: ChildProcess;
  readonly #lines: OutputLine[] = [];
  readonly #waiters = new Set<LineWaiter>();
  /** Undefined for other programs, and when nothing is kept. */
  readonly #transcript: ((text: string) => void) | undefined;
  #forgottenLines = 0;
  #status: ExitStatus | undefined;

  /** Takes over a child that is known to run; {@link startProcess} makes one. */
  constructor(name: string, child: ChildProcess, pid: number) {
    this.name = name;
    this.pid = pid;
    this.#child = child;
    this.#transcript = name === "gatewayd" ? newTranscript() : undefined;
    if (child.stdout) this.#readLines(child.stdout, "stdout");
    if (child.stderr) this.#readLines(child.stderr, "stderr");
    this.exited = new Promise((resolve) => {
      child.once("close", (code: number | null, signal: NodeJS.Signals | null) => {
        this.#status = { code, signal };
        for (const waiter of this.#waiters) waiter.reject(this.#endedError());
        this.#waiters.clear();
        resolve(this.#status);
      });
    });
  }

  /** How it ended; undefined while it runs. */
  get status(): ExitStatus | undefined {
    return this.#status;
  }

  /** Lines written so far; a mark for `since`. */
  get lineCount(): number {
    return this.#forgottenLines + this.#lines.length;
  }

  /** The kept lines from a mark on, both streams in order of arrival. */
  lines(since = 0): readonly OutputLine[] {
    return this.#lines.slice(Math.max(0, since - this.#forgottenLines));
  }

  /** The kept output as one text, at most the last `maxLines` lines. */
  output(maxLines = MAX_KEPT_LINES): string {
    return this.#lines
      .slice(-maxLines)
      .map((line) => line.text)
      .join("\n");
  }

  /**
   * The first line that contains the text or matches the expression; already written ones count.
   *
   * @throws when the process ends or the deadline passes first; the message carries the last output.
   */
  async waitForLine(pattern: string | RegExp, options: LineOptions = {}): Promise<string> {
    const { since = 0, deadlineMs = 10_000 } = options;
    const matches = (line: OutputLine): boolean =>
      typeof pattern === "string" ? line.text.includes(pattern) : pattern.test(line.text);
    const found = this.lines(since).find(matches);
    if (found) return found.text;
    if (this.#status) throw this.#endedError();
    return await new Promise<string>((resolve, reject) => {
      const waiter: LineWaiter = {
        matches,
        resolve: (line) => {
          clearTimeout(timer);
          resolve(line);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(
          new Error(
            `${this.name} did not write ${Bun.inspect(pattern)} within ${deadlineMs} ms${this.#tail()}`,
          ),
        );
      }, deadlineMs);
      this.#waiters.add(waiter);
    });
  }

  /** Sends a signal. @throws if the process has ended: a test that signals a dead process is wrong. */
  kill(signal: NodeJS.Signals = "SIGTERM"): void {
    if (this.#status || !this.#child.kill(signal)) {
      throw new Error(`${this.name} cannot get ${signal}: it has ended${this.#tail()}`);
    }
  }

  /** Waits for the end. @throws when it still runs after the deadline (it is left running). */
  async waitForExit(deadlineMs = 10_000): Promise<ExitStatus> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`${this.name} still runs after ${deadlineMs} ms${this.#tail()}`));
      }, deadlineMs);
    });
    try {
      return await Promise.race([this.exited, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a signal if it still runs, and waits until it is gone. */
  async end(signal: NodeJS.Signals = "SIGTERM", deadlineMs = 10_000): Promise<ExitStatus> {
    if (!this.#status) this.#child.kill(signal);
    return await this.waitForExit(deadlineMs);
  }

  /** Kills what still runs and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }

  #readLines(stream: Readable, name: OutputLine["stream"]): void {
    let rest = "";
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      this.#transcript?.(chunk);
      const parts = (rest + chunk).split("\n");
      rest = parts.pop() ?? "";
      for (const text of parts) this.#addLine({ stream: name, text });
    });
    stream.on("end", () => {
      if (rest !== "") this.#addLine({ stream: name, text: rest });
    });
  }

  #addLine(line: OutputLine): void {
    this.#lines.push(line);
    if (this.#lines.length > MAX_KEPT_LINES) {
      const forgotten = MAX_KEPT_LINES / 2;
      this.#lines.splice(0, forgotten);
      this.#forgottenLines += forgotten;
    }
    for (const waiter of this.#waiters) {
      if (!waiter.matches(line)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(line.text);
    }
  }

  #endedError(): Error {
    const { code, signal } = this.#status ?? { code: null, signal: null };
    return new Error(
      `${this.name} ended (${signal ? `signal ${signal}` : `exit code ${code}`})${this.#tail()}`,
    );
  }

  #tail(): string {
    const output = this.output(40);
    return output === "" ? "; it wrote nothing" : `; it wrote at last:\n${output}`;
  }
}

/**
 * Starts a program. Resolves as soon as the operating system has started it.
 *
 * @throws when it cannot be started (missing file, no permission).
 */
export async function startProcess(
  command: readonly [string, ...string[]],
  options: ProcessOptions = {},
): Promise<RunningProcess> {
  const [file, ...args] = command;
  const child = spawn(file, args, {
    cwd: options.cwd ?? "/",
    env: { ...(options.env ?? process.env) },
    // A process group of its own: Ctrl-C is for the test run, which then ends its children in order.
    detached: true,
    stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  const name = file.split("/").at(-1) ?? file;
  const running = new Promise<RunningProcess>((resolve, reject) => {
    child.once("error", (error) => reject(new Error(`cannot start ${file}`, { cause: error })));
    child.once("spawn", () => {
      if (child.pid === undefined) reject(new Error(`${file} was started without a process id`));
      else resolve(new RunningProcess(name, child, child.pid));
    });
  });
  if (options.stdin !== undefined) child.stdin?.end(options.stdin);
  return await running;
}

/** What a program that ran to its end left behind. */
export interface CompletedProcess extends ExitStatus {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end; any exit code is a result.
 *
 * @throws when it cannot be started, or when the deadline passes (then it is killed first). Default 60 s.
 * Also throws when it wrote more lines than are kept.
 */
export async function runToEnd(
  command: readonly [string, ...string[]],
  options: ProcessOptions & { readonly deadlineMs?: number } = {},
): Promise<CompletedProcess> {
  await using child = await startProcess(command, options);
  const status = await child.waitForExit(options.deadlineMs ?? 60_000);
  if (child.lines().length !== child.lineCount) {
    throw new Error(`${child.name} wrote more than the ${MAX_KEPT_LINES} lines that are kept`);
  }
  const text = (stream: OutputLine["stream"]): string =>
    child
      .lines()
      .filter((line) => line.stream === stream)
      .map((line) => `${line.text}\n`)
      .join("");
  return { ...status, stdout: text("stdout"), stderr: text("stderr") };
}
