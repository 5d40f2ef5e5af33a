import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { loadGlobalConfig } from "../config/index.ts";
import { importPgbouncer } from "../pgbouncer/index.ts";
import type { RunnableCommand } from "./command.ts";
import { configFlag, forceFlag } from "./flags.ts";
import { reportLoadFailure, reportWarnings } from "./report-load-failure.ts";
import { reportUsageError } from "./report-usage-error.ts";
import { defaultFilePath } from "./write-default-file.ts";

/** `gatewayd config import`. */
export const configImportCommand: RunnableCommand = {
  kind: "runnable",
  name: "import",
  summary: "Create a global configuration file from PgBouncer's",
  description: `Reads pgbouncer.ini, with the files that it includes and the userlist.txt that it names, and writes
a gatewayd.yaml that does the same:
  gatewayd config import /etc/pgbouncer/pgbouncer.ini

What has no like here is listed, one on a line with file and line: why it is not carried over, and the nearest
key. The users file stays where it is and is used as it is. Relative paths are those of the folder that
pgbouncer.ini is in. Passwords of the databases' logins are written as they are, so the file is for its owner
alone.`,
  flags: [configFlag, forceFlag],
  operands: "file",
  operandNames: ["FILE"],
  async run(invocation) {
    const { arguments: given, terminal, env, path: commandPath } = invocation;
    const [source, ...others] = given.operands;
    if (source === undefined || others.length > 0) {
      return await reportUsageError(terminal, commandPath, "give the path of one pgbouncer.ini");
    }
    const target = given.text(configFlag) ?? defaultFilePath("gatewayd.yaml");
    const isForced = given.isOn(forceFlag);
    if (existsSync(target) && !isForced) {
      await terminal.err(`Error: ${target} exists already; --force overwrites it\n`);
      return 1;
    }
    const folder = dirname(source);
    const imported = naming(`${source} cannot be read`, () =>
      importPgbouncer(source, {
        read: (path) => readFileSync(path, "utf8"),
        pathOf: (path) => (path === source ? path : resolve(folder, path)),
      }),
    );
    naming(`${target} cannot be written`, () =>
      writeFileSync(target, imported.yaml, { mode: 0o600, flag: isForced ? "w" : "wx" }),
    );
    for (const { file, line, message } of imported.notes) {
      await terminal.err(`${file}:${line}: ${message}\n`);
    }
    const { length: count } = imported.notes;
    const notes = count === 1 ? "1 note is above" : `${count} notes are above`;
    const rest = count === 0 ? "everything is in it" : notes;
    await terminal.err(`${target} was written, ${rest}\n`);
    const result = loadGlobalConfig({ configPath: target, env });
    if (!result.ok) return await reportLoadFailure(terminal, result);
    await reportWarnings(terminal, result.config.warnings);
    return 0;
  },
};

/** The system's errors do not always name the file. @throws Error that says `what` before its reason */
function naming<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${what}: ${reason}`, { cause });
  }
}
