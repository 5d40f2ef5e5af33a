import { RedisClient } from "bun";
import type { RedisLink } from "../redis/index.ts";

/** Commands that Redis may answer as late as it likes. */
const BLOCKING: ReadonlySet<string> = new Set([
  "BLMOVE",
  "BLMPOP",
  "BLPOP",
  "BRPOP",
  "BRPOPLPUSH",
  "BZMPOP",
  "BZPOPMAX",
  "BZPOPMIN",
  "WAIT",
  "WAITAOF",
  "XREAD",
  "XREADGROUP",
]);

/**
 * The client of a link as a plugin has it: one object, whichever connection there is. While there is none its
 * commands fail at once.
 */
export function lastingRedis(link: RedisLink): RedisClient {
  const close = (): void => link.close();
  // It is only asked what it is made of: all that is called is of the link's client.
  const target = Object.create(RedisClient.prototype) as RedisClient;
  return new Proxy(target, {
    get: (_, key) => {
      const { client } = link;
      if (key === "close") return close;
      if (client === undefined) return key === "connected" ? false : away(key);
      const value: unknown = Reflect.get(client, key, client);
      if (typeof value !== "function") return value;
      const command: unknown = value.bind(client);
      return mayBlock(key) ? watched(command as Command, key, link) : command;
    },
    // The link listens to its clients.
    set: () => false,
  });
}

/** What stands for a command. */
function away(key: string | symbol): (() => Promise<never>) | undefined {
  const command: unknown = Object.getOwnPropertyDescriptor(RedisClient.prototype, key)?.value;
  if (typeof command !== "function") return undefined;
  return () => Promise.reject(new Error("there is no connection to Redis"));
}

type Command = (...parameters: readonly unknown[]) => unknown;

/** By its own method, or by the one for any command. */
function mayBlock(key: string | symbol): boolean {
  return typeof key === "string" && (key === "send" || BLOCKING.has(key.toUpperCase()));
}

function watched(command: Command, key: string | symbol, link: RedisLink): Command {
  return (...parameters) => {
    const name = key === "send" ? parameters[0] : key;
    const answer = command(...parameters);
    if (answer instanceof Promise && BLOCKING.has(String(name).toUpperCase())) {
      const end = link.block();
      answer.then(end, end);
    }
    return answer;
  };
}
