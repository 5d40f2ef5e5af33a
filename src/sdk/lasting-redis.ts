import { RedisClient } from "bun";
import type { RedisLink } from "../redis/index.ts";

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
      return typeof value === "function" ? value.bind(client) : value;
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
