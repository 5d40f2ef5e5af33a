import type { WatchedSession } from "./session-watch.ts";

/** The same object that sessions are told of by. */
type HookedSession = Omit<WatchedSession, "block" | "startupTrace">;

/** Hears of the calls of plugins. Must not throw. */
export interface HookWatch {
  /** A chain of handlers is run. */
  ran(hook: string): void;
  /**
   * A handler of a plugin is about to be called.
   * @param handler the plugin's name
   * @param session undefined for events that are of no session
   * @returns whatever the watcher wants to have back when the call has ended
   */
  began(hook: string, handler: string, session: HookedSession | undefined): unknown;
  /** It has answered, or failed: threw, rejected, or was late. */
  ended(
    hook: string,
    handler: string,
    session: HookedSession | undefined,
    begun: unknown,
    hasFailed: boolean,
  ): void;
}
