/**
 * Asynchronous actions by way of Redis: published on a channel, and read from it and done. Traffic never
 * waits for it: what Redis does not take in time, or there is no room for, is dropped and counted.
 */
import type { RedisClient } from "bun";
import type { Schedule } from "../../hooks/index.ts";
import type { Logger } from "../../logging/index.ts";
import { RedisLink } from "../../redis/index.ts";
import { actionOf, isTruthy } from "../index.ts";
import type { Output } from "../index.ts";
import { charactersIn, readActionMessage, writeActionMessage } from "./action-message.ts";
import { runLogAction } from "./log-action.ts";

/** Messages that wait for Redis or for its answer, and their characters together. */
const MAX_WAITING = 1_000;
const MAX_WAITING_CHARACTERS = 16 * 1024 * 1024;
/** Time for what is under way when the gateway stops. */
const CLOSE_MS = 500;

export interface ActionChannelOptions {
  /** `host:port`, or a URL. */
  readonly address: string;
  readonly channel: string;
  /** Actions that come by the channel are done here. */
  readonly consumes: boolean;
  /** For one message to reach Redis; 0 = no limit. */
  readonly timeoutMs: number;
  readonly schedule: Schedule;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  readonly logger: Logger;
}

/** Messages since the start. */
export interface ChannelCounts {
  readonly published: number;
  /** There was no room for them. */
  readonly dropped: number;
  /** Redis did not take them in time, or not at all. */
  readonly failed: number;
  /** Came by the channel, and were done. */
  readonly consumed: number;
  /** Came by the channel, and were no action that can be done so. */
  readonly ignored: number;
}

interface Waiting {
  readonly text: string;
  readonly sinceMs: number;
}

export class ActionChannel {
  readonly #options: ActionChannelOptions;
  readonly #publisher: RedisLink;
  readonly #consumer: RedisLink | undefined;
  #client: RedisClient | undefined;
  #waiting: Waiting[] = [];
  /** Given to the client and not answered. */
  readonly #underWay = new Set<Waiting>();
  #characters = 0;
  #cancelCheck: (() => void) | undefined;
  #onIdle: () => void = () => {};
  readonly #counts = { published: 0, dropped: 0, failed: 0, consumed: 0, ignored: 0 };
  #lostBefore = 0;

  constructor(options: ActionChannelOptions) {
    this.#options = options;
    const { address, schedule, consumes } = options;
    const url = address.includes("://") ? address : `redis://${address}`;
    this.#publisher = new RedisLink({
      url,
      schedule,
      onReady: (client) => this.#publisherReady(client),
      onLost: (error) => this.#publisherLost(error),
    });
    if (!consumes) return;
    this.#consumer = new RedisLink({
      url,
      schedule,
      onReady: (client) => this.#consumerReady(client),
      onLost: (error) => this.#tellLost("reading", error),
    });
  }

  get counts(): ChannelCounts {
    return { ...this.#counts };
  }

  /** Connects, in the background. */
  open(): void {
    this.#publisher.open();
    this.#consumer?.open();
  }

  /** Returns at once, whatever the state of Redis. */
  publish(output: Output, result: Readonly<Record<string, unknown>>): void {
    // Before it is written, which takes its time for much traffic.
    const isFull =
      this.#waiting.length + this.#underWay.size >= MAX_WAITING ||
      !this.#hasRoomFor(charactersIn(result));
    const text = isFull ? "" : writeActionMessage(output, result);
    if (isFull || !this.#hasRoomFor(text.length)) {
      this.#counts.dropped++;
      return;
    }
    this.#characters += text.length;
    this.#waiting.push({ text, sinceMs: this.#options.now() });
    this.#send();
    this.#checkLater();
  }

  #hasRoomFor(characters: number): boolean {
    return this.#characters + characters <= MAX_WAITING_CHARACTERS;
  }

  /** Ends it; what is under way has a moment to get through. */
  async close(): Promise<void> {
    if (this.#waiting.length + this.#underWay.size > 0 && this.#client !== undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onIdle = resolve;
      const cancel = this.#options.schedule(CLOSE_MS, resolve);
      await promise;
      cancel();
    }
    this.#cancelCheck?.();
    this.#publisher.close();
    this.#consumer?.close();
    const { dropped, failed } = this.#counts;
    const lost = dropped + failed + this.#waiting.length + this.#underWay.size;
    if (lost > 0) this.#options.logger.warn("Asynchronous actions were lost", { count: lost });
  }

  #publisherReady(client: RedisClient): void {
    const { logger, channel } = this.#options;
    const { dropped, failed } = this.#counts;
    const lost = dropped + failed - this.#lostBefore;
    this.#lostBefore = dropped + failed;
    this.#client = client;
    logger.info("Asynchronous actions are published to Redis", {
      channel,
      ...(lost > 0 && { lost }),
    });
    this.#send();
  }

  #publisherLost(error: unknown): void {
    this.#client = undefined;
    // Whether Redis has got them nobody knows; they are not sent twice.
    for (const message of this.#underWay) this.#settled(message, "failed");
    this.#tellLost("publishing", error);
  }

  #tellLost(what: string, error: unknown): void {
    this.#options.logger.error("Redis cannot be reached for asynchronous actions", { what, error });
  }

  #send(): void {
    const client = this.#client;
    if (client === undefined) return;
    for (const message of this.#waiting.splice(0)) {
      this.#underWay.add(message);
      client.publish(this.#options.channel, message.text).then(
        () => this.#settled(message, "published"),
        () => this.#settled(message, "failed"),
      );
    }
  }

  #settled(message: Waiting, how: "published" | "failed"): void {
    // It may have been given up already.
    if (!this.#underWay.delete(message)) return;
    this.#forget(message, how);
  }

  #forget({ text }: Waiting, how: "published" | "failed"): void {
    this.#characters -= text.length;
    this.#counts[how]++;
    if (this.#waiting.length + this.#underWay.size === 0) this.#onIdle();
  }

  /** Looks after what has waited too long, while anything waits. */
  #checkLater(): void {
    const { timeoutMs, schedule } = this.#options;
    if (timeoutMs === 0 || this.#cancelCheck !== undefined) return;
    this.#cancelCheck = schedule(timeoutMs, () => {
      this.#cancelCheck = undefined;
      this.#giveUpLate();
      if (this.#waiting.length + this.#underWay.size > 0) this.#checkLater();
    });
  }

  #giveUpLate(): void {
    const { now, timeoutMs } = this.#options;
    const isLate = ({ sinceMs }: Waiting): boolean => now() - sinceMs >= timeoutMs;
    const lateAway = this.#waiting.filter(isLate);
    this.#waiting = this.#waiting.filter((message) => !isLate(message));
    for (const message of lateAway) this.#forget(message, "failed");
    const lateUnderWay = [...this.#underWay].filter(isLate);
    for (const message of lateUnderWay) this.#settled(message, "failed");
    if (lateUnderWay.length > 0) {
      this.#publisher.reset(new Error("Redis does not answer within actionTimeout"));
    }
  }

  #consumerReady(client: RedisClient): void {
    const { channel, logger } = this.#options;
    client
      .subscribe(channel, (text) => this.#consume(text))
      .then(
        () => logger.info("Asynchronous actions are read from Redis", { channel }),
        (error: unknown) => this.#consumer?.reset(error),
      );
  }

  #consume(text: string): void {
    const { logger } = this.#options;
    const output = readActionMessage(text);
    const action = output && actionOf(output.matchedPolicy);
    if (output === undefined || action === undefined || action.isSync) {
      this.#counts.ignored++;
      logger.warn("A message on the channel of actions is no action that can be done", {
        channel: this.#options.channel,
      });
      return;
    }
    if (!isTruthy(output.verdict)) return;
    this.#counts.consumed++;
    runLogAction(output.metadata, logger);
  }
}
