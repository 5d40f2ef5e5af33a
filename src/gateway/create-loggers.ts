/** One logger for each group, and the places they write to. */
import type { GlobalConfig } from "../config/index.ts";
import { LogSinks, createLogger, createOutputs, silentLogger } from "../logging/index.ts";
import type {
  AdjustableLogger,
  Logger,
  LogLevel,
  LogSink,
  Outputs,
  OutputSettings,
  SinkNotice,
  SinkReport,
} from "../logging/index.ts";
import { toAddress } from "./to-address.ts";

type Settings = GlobalConfig["loggers"];

/** What can be read where it is when all else fails. */
const STREAMS: readonly LogSink["kind"][] = ["stdout", "stderr"];

export interface Loggers {
  /** For what belongs to no group: that of group `default`, or else of the first group. */
  readonly main: Logger;
  /**
   * Every group has a logger, the same one each time: also one that is gone or not there yet, which writes where `main`
   * does.
   */
  of(group: string): Logger;
  /** The level of each group. */
  levels(): Readonly<Record<string, LogLevel>>;
  /** From now on, until the next {@link reconfigure}. @returns false when there is no such group */
  setLevel(group: string, level: LogLevel): boolean;
  /** Other settings, also for the loggers that were handed out. */
  reconfigure(settings: Settings): void;
  /** What became of the records, for each place that they go to. */
  sinks(): readonly SinkReport[];
  /** Files are opened anew by their names: something has moved them away. */
  reopen(): void;
  /** Hands on what is left, as far as that goes without waiting: the process ends now. */
  flushSync(): void;
  /** Hands on what is left, within a few seconds. */
  close(): Promise<void>;
}

/** What the gateway needs of them. */
export type GroupLoggers = Pick<Loggers, "main" | "of" | "setLevel" | "reconfigure" | "sinks">;

interface Member {
  readonly group: string;
  readonly logger: AdjustableLogger;
  level: LogLevel;
  readonly settings: OutputSettings;
  readonly outputs: Outputs;
}

export function createLoggers(initial: Settings): Loggers {
  const members = new Map<string, Member>();
  /** Of groups that have no settings. */
  const others = new Map<string, AdjustableLogger>();
  const sinks = new LogSinks((sink, notice) => passOn(sink, notice, [...members.values()], sinks));

  const reconfigure = (changed: Settings): void => {
    for (const [group, { logger }] of members) {
      if (Object.hasOwn(changed, group)) continue;
      members.delete(group);
      others.set(group, logger);
    }
    for (const [group, groupSettings] of Object.entries(changed)) {
      const { level } = groupSettings;
      const settings = outputSettings(groupSettings);
      const outputs = createOutputs(settings, sinks.of);
      const known = members.get(group)?.logger ?? others.get(group);
      const logger = known ?? createLogger({ group, level, outputs: outputs.outputs });
      others.delete(group);
      members.set(group, { group, logger, level, settings, outputs });
      follow(logger, outputs, level);
    }
    const main = mainOf(members);
    if (main !== undefined) {
      for (const logger of others.values()) follow(logger, main.outputs, main.level);
    }
    void sinks.keepOnly(new Set([...members.values()].flatMap(({ outputs }) => outputs.sinks)));
  };
  reconfigure(initial);

  return {
    main: mainOf(members)?.logger ?? silentLogger,
    of(group) {
      const known = members.get(group)?.logger ?? others.get(group);
      if (known !== undefined) return known;
      const main = mainOf(members);
      if (main === undefined) return silentLogger;
      const logger = createLogger({ group, level: main.level, outputs: main.outputs.outputs });
      others.set(group, logger);
      return logger;
    },
    levels: () => Object.fromEntries(Array.from(members, ([group, { level }]) => [group, level])),
    setLevel(group, level) {
      const member = members.get(group);
      if (member === undefined) return false;
      member.level = level;
      member.logger.setLevel(level);
      return true;
    },
    reconfigure,
    sinks: () => sinks.reports(),
    reopen: () => sinks.reopen(),
    flushSync: () => sinks.flushSync(),
    close: () => sinks.close(),
  };
}

function mainOf(members: ReadonlyMap<string, Member>): Member | undefined {
  const [first] = members.values();
  return members.get("default") ?? first;
}

function follow(logger: AdjustableLogger, { outputs }: Outputs, level: LogLevel): void {
  logger.setOutputs(outputs);
  logger.setLevel(level);
}

/**
 * Every group whose records go there is told, of a place that was let go of any; on the console, too, where none of
 * them can be read otherwise.
 */
function passOn(
  sink: LogSink,
  { level, message, fields }: SinkNotice,
  members: readonly Member[],
  sinks: LogSinks,
): void {
  const users = members.filter(({ outputs }) => outputs.sinks.includes(sink));
  const concerned = users.length > 0 ? users : members.slice(0, 1);
  for (const { logger } of concerned) logger.log(level, message, fields);
  const isSeen = concerned.some(({ outputs }) =>
    outputs.sinks.some(({ kind }) => STREAMS.includes(kind)),
  );
  const [first] = concerned;
  if (isSeen || first === undefined) return;
  const { outputs } = createOutputs({ ...first.settings, output: ["console"] }, sinks.of);
  createLogger({ group: first.group, level: first.level, outputs }).log(level, message, fields);
}

/** Addresses are read as everywhere in the configuration. */
function outputSettings(settings: Settings[string]): OutputSettings {
  const { rsyslogNetwork, rsyslogAddress, ...rest } = settings;
  const address = toAddress(rsyslogNetwork, rsyslogAddress);
  const rsyslogPlace =
    address.kind === "unix"
      ? { path: address.path }
      : { host: address.host || "localhost", port: address.port };
  return { ...rest, rsyslogNetwork, rsyslogPlace };
}
