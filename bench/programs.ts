import { readdirSync, readFileSync } from "node:fs";
import { delimiter } from "node:path";
import { type CompletedProcess, type ProcessOptions, startProcess } from "../tests/kit/index.ts";

/** Debian keeps what belongs to a server version out of PATH. */
const DEBIAN_VERSIONS = "/usr/lib/postgresql";

/** A numeric user and group. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** What the clients of a bench are told: no encryption on any way, no configuration of the user's. */
export const CLIENT_ENVIRONMENT = {
  LC_ALL: "C",
  PGSSLMODE: "disable",
  PGGSSENCMODE: "disable",
  PGUSER: "postgres",
  PGDATABASE: "postgres",
  PGCONNECT_TIMEOUT: "30",
} as const;

/**
 * Where a program is: with the newest PostgreSQL (on PATH, Debian has wrappers), on PATH, or where Debian puts
 * servers; undefined: nowhere.
 */
export function findProgram(name: string): string | undefined {
  const folders = [newestPostgres(), process.env["PATH"] ?? "", "/usr/sbin", "/sbin"];
  return Bun.which(name, { PATH: folders.filter(Boolean).join(delimiter) }) ?? undefined;
}

/** Folder of the newest PostgreSQL server that Debian's packages installed; undefined: none. */
export function debianServer(): string | undefined {
  const folder = newestPostgres();
  return Bun.which("initdb", { PATH: folder }) && Bun.which("postgres", { PATH: folder })
    ? folder
    : undefined;
}

function newestPostgres(): string {
  try {
    const versions = readdirSync(DEBIAN_VERSIONS).map(Number).filter(Number.isInteger);
    return `${DEBIAN_VERSIONS}/${Math.max(...versions)}/bin`;
  } catch {
    return ""; // Not a Debian, or no PostgreSQL on it.
  }
}

/** Whom servers run as: `nobody` when we are root, which they refuse to be; undefined: ourselves. */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const fields = readFileSync("/etc/passwd", "utf8").match(/^nobody:[^:]*:(\d+):(\d+):/m);
  if (!fields) throw new Error("PostgreSQL does not run as root, and there is no user `nobody`");
  return { uid: Number(fields[1]), gid: Number(fields[2]) };
}

/** First line of `program --version`. */
export function versionOf(program: string): string {
  const { stdout, stderr } = Bun.spawnSync([program, "--version"]);
  return `${stdout.toString()}${stderr.toString()}`.split("\n")[0]?.trim() ?? "";
}

/** Runs a program to its end, or until the signal, which kills it and is thrown. Any exit code is a result. */
export async function runProgram(
  command: readonly [string, ...string[]],
  options: ProcessOptions & { readonly signal: AbortSignal; readonly deadlineMs: number },
): Promise<CompletedProcess> {
  const { signal, deadlineMs } = options;
  signal.throwIfAborted();
  await using child = await startProcess(command, options);
  const kill = (): void => {
    if (child.status === undefined) child.kill("SIGKILL");
  };
  signal.addEventListener("abort", kill);
  try {
    const status = await child.waitForExit(deadlineMs);
    signal.throwIfAborted();
    const text = (stream: "stdout" | "stderr"): string =>
      child
        .lines()
        .filter((line) => line.stream === stream)
        .map((line) => `${line.text}\n`)
        .join("");
    return { ...status, stdout: text("stdout"), stderr: text("stderr") };
  } finally {
    signal.removeEventListener("abort", kill);
  }
}
