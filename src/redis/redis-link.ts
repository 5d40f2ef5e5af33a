/**
 * A connection to Redis that comes back whenever it is lost.
 *
 *   connecting -> ready | waiting    the server answers, or does not
 *   ready -> waiting                 the connection is lost, or the server does not answer a ping in time: a peer that
 *                                    vanishes says nothing, and one that only listens would wait for ever
 *   waiting -> connecting            after a pause that grows with the failures in a row
 *   any -> closed
 *
 * Bun's own reconnecting gives up for good after a failed handshake (oven-sh/bun 41829), so each attempt
 * has a client of its own.
 */
import { RedisClient } from "bun";
import type { Schedule } from "../hooks/index.ts";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
const PING_PERIOD_MS = 10_000;
const PING_TIMEOUT_MS = 5_000;

export interface RedisLinkOptions {
  readonly url: string;
  readonly schedule: Schedule;
  /** To be used until `onLost`. */
  readonly onReady: (client: RedisClient) => void;
  /** Told once for each time it is away, not for each attempt. */
  readonly onLost: (error: unknown) => void;
}

export class RedisLink {
  readonly #options: RedisLinkOptions;
  #client: RedisClient | undefined;
  #isReady = false;
  #isClosed = false;
  #isAway = false;
  /** In a row. */
  #failures = 0;
  #cancelPause: () => void = () => {};
  /** Of the next ping, or of the time that one has. */
  #cancelPing: () => void = () => {};
  /** Commands under way that Redis answers only when something happens. */
  #blocking = 0;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
  }

  /** To be called once. */
  open(): void {
    if (this.#isClosed) return;
    const client = new RedisClient(this.#options.url, {
      autoReconnect: false,
      enableOfflineQueue: false,
      connectionTimeout: CONNECT_TIMEOUT_MS,
    });
    this.#client = client;
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it has no other way to listen
    client.onclose = (error) => this.#lost(client, error);
    client.connect().then(
      () => this.#ready(client),
      (error: unknown) => this.#lost(client, error),
    );
  }

  /** While it is there. */
  get client(): RedisClient | undefined {
    return this.#isReady ? this.#client : undefined;
  }

  /** Whoever sends a command that blocks says so, and calls what this returns once when it is answered. */
  block(): () => void {
    // Redis answers in order, a ping as well.
    this.#blocking++;
    return () => this.#blocking--;
  }

  /** Gives the connection up, as if it had been lost. */
  reset(error: unknown): void {
    if (this.#client !== undefined) this.#lost(this.#client, error);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelPause();
    this.#cancelPing();
    const client = this.#client;
    this.#client = undefined;
    this.#isReady = false;
    client?.close();
  }

  #ready(client: RedisClient): void {
    if (client !== this.#client) return;
    this.#failures = 0;
    this.#isAway = false;
    this.#isReady = true;
    this.#pingLater(client);
    this.#options.onReady(client);
  }

  #pingLater(client: RedisClient): void {
    this.#cancelPing = this.#options.schedule(PING_PERIOD_MS, () => this.#ping(client));
  }

  #ping(client: RedisClient): void {
    this.#cancelPing = this.#options.schedule(PING_TIMEOUT_MS, () => {
      if (this.#blocking > 0) this.#pingLater(client);
      else this.#lost(client, new Error("Redis does not answer"));
    });
    client.ping().then(
      () => {
        if (client !== this.#client) return;
        this.#cancelPing();
        this.#pingLater(client);
      },
      (error: unknown) => this.#lost(client, error),
    );
  }

  #lost(client: RedisClient, error: unknown): void {
    if (client !== this.#client) return;
    this.#client = undefined;
    this.#isReady = false;
    this.#cancelPing();
    client.close();
    if (!this.#isAway) this.#options.onLost(error);
    this.#isAway = true;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    this.#failures++;
    this.#cancelPause = this.#options.schedule(pauseMs, () => this.open());
  }
}
