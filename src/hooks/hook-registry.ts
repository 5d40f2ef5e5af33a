/** Who listens to which hook. */
import type { ChainTime, Schedule } from "./chain-deadline.ts";
import { HookChain } from "./hook-chain.ts";
import type { HookChainOptions } from "./hook-chain.ts";
import type { HandlerRegistration } from "./hook-handler.ts";
import type { HookJudge } from "./hook-judge.ts";
import type { HookName } from "./hook-names.ts";
import type { HookWatch } from "../watch/index.ts";

/** 30 s, as the original's `timeout` in the plugins file. */
const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * The place where the chain of one hook is found: kept by whoever runs the hook, and read anew at
 * each event, so that a reload is seen by live sessions.
 */
export interface HookSlot {
  /** null while nobody listens: then nothing is to be built for the event. */
  readonly chain: HookChain | null;
}

/** Whether anybody listens to any of several hooks: one look in place of one for each. */
export interface HookPresence {
  readonly isAny: boolean;
}

export interface HookRegistryOptions {
  readonly schedule: Schedule;
  /** Milliseconds that never jump back. Default: handlers are not told how much of their time is left. */
  readonly now?: () => number;
  /** Time for all late answers of one run of a chain together; default 30 s, 0 = no limit. */
  readonly timeoutMs?: number;
  /** A handler threw, rejected or was late; it stays registered. Must not throw. */
  readonly onHandlerError: HookChainOptions["onHandlerError"];
  /** Judges what plugins ask for. Default: nobody does. */
  readonly judge?: HookJudge;
  /** Hears of all calls. Default: nobody does, which costs nothing. */
  readonly watch?: HookWatch | undefined;
  /** How a handler is called on the terms of its registration. Default: as it is. */
  readonly show?: (
    hook: HookName,
    registration: HandlerRegistration,
    judge: HookJudge | undefined,
    time: ChainTime,
  ) => ShownHandler;
  /** A handler took the place of another of the same priority. */
  readonly onHandlerReplaced: (hook: HookName, replaced: string, by: string) => void;
}

/** What is called in place of a handler. */
export type ShownHandler = Pick<HandlerRegistration, "handler" | "isJudged" | "timeoutMs">;

export class HookRegistry {
  readonly #options: HookRegistryOptions;
  readonly #time: { -readonly [Key in keyof ChainTime]: ChainTime[Key] };
  readonly #slots = new Map<HookName, { chain: HookChain | null }>();
  readonly #presences: { readonly hooks: readonly HookName[]; isAny: boolean }[] = [];

  constructor(options: HookRegistryOptions) {
    this.#options = options;
    const { schedule, now, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    this.#time = { schedule, now, timeoutMs };
  }

  /** From the next run of each chain on: time for all late answers of it together; 0 = no limit. */
  limit(timeoutMs: number): void {
    if (timeoutMs === this.#time.timeoutMs) return;
    this.#time.timeoutMs = timeoutMs;
    for (const [hook, { chain }] of this.#slots)
      if (chain !== null) this.#set(hook, chain.handlers);
  }

  /** The slot of a hook, always the same one. */
  chain(hook: HookName): HookSlot {
    return this.#slot(hook);
  }

  /** Is kept up to date, as slots are. */
  presence(hooks: readonly HookName[]): HookPresence {
    const presence = { hooks, isAny: this.#hasAny(hooks) };
    this.#presences.push(presence);
    return presence;
  }

  /**
   * Adds a handler, seen from the next event on; one of the same priority is replaced.
   *
   * @returns removes the handler; does nothing when it is gone already
   */
  register(hook: HookName, registration: HandlerRegistration): () => void {
    const present = this.#handlers(hook);
    const replaced = present.find(({ priority }) => priority === registration.priority);
    if (replaced !== undefined) {
      this.#options.onHandlerReplaced(hook, replaced.name, registration.name);
    }
    // A copy, so that registering the same object twice makes two handlers.
    const { show, judge } = this.#options;
    const shown = show?.(hook, registration, judge, this.#time);
    const handler = { ...registration, ...shown };
    const handlers = [...present.filter((other) => other !== replaced), handler];
    this.#set(
      hook,
      handlers.sort((left, right) => left.priority - right.priority),
    );
    return () => {
      const remaining = this.#handlers(hook).filter((other) => other !== handler);
      this.#set(hook, remaining);
    };
  }

  #slot(hook: HookName): { chain: HookChain | null } {
    let slot = this.#slots.get(hook);
    if (slot === undefined) {
      slot = { chain: null };
      this.#slots.set(hook, slot);
    }
    return slot;
  }

  #handlers(hook: HookName): readonly HandlerRegistration[] {
    return this.#slot(hook).chain?.handlers ?? [];
  }

  #set(hook: HookName, handlers: readonly HandlerRegistration[]): void {
    const { timeoutMs } = this.#time;
    this.#slot(hook).chain =
      handlers.length > 0 ? new HookChain(handlers, { ...this.#options, hook, timeoutMs }) : null;
    for (const presence of this.#presences) presence.isAny = this.#hasAny(presence.hooks);
  }

  #hasAny(hooks: readonly HookName[]): boolean {
    return hooks.some((hook) => this.#slot(hook).chain !== null);
  }
}
