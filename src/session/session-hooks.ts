/** The events that sessions tell of, and where their handlers are found. */
import type { HookPresence, HookRegistry, HookSlot } from "../hooks/index.ts";
import type { GroupWatch } from "../watch/index.ts";

/** The events of a connection, one slot each; a slot's chain may change at any time. */
export interface SessionHooks {
  readonly onOpening: HookSlot;
  readonly onOpened: HookSlot;
  readonly onClosing: HookSlot;
  readonly onClosed: HookSlot;
  readonly onTraffic: HookSlot;
  /** Of the four that follow. */
  readonly traffic: HookPresence;
  readonly onTrafficFromClient: HookSlot;
  readonly onTrafficToServer: HookSlot;
  readonly onTrafficFromServer: HookSlot;
  readonly onTrafficToClient: HookSlot;
  /** Hears of what handlers end; undefined when nobody watches. */
  readonly watch?: GroupWatch;
}

/** The slots of a registry that every session reads. */
export function sessionHooksOf(registry: HookRegistry, watch?: GroupWatch): SessionHooks {
  return {
    onOpening: registry.chain("OnOpening"),
    onOpened: registry.chain("OnOpened"),
    onClosing: registry.chain("OnClosing"),
    onClosed: registry.chain("OnClosed"),
    onTraffic: registry.chain("OnTraffic"),
    traffic: registry.presence([
      "OnTrafficFromClient",
      "OnTrafficToServer",
      "OnTrafficFromServer",
      "OnTrafficToClient",
    ]),
    onTrafficFromClient: registry.chain("OnTrafficFromClient"),
    onTrafficToServer: registry.chain("OnTrafficToServer"),
    onTrafficFromServer: registry.chain("OnTrafficFromServer"),
    onTrafficToClient: registry.chain("OnTrafficToClient"),
    ...(watch !== undefined && { watch }),
  };
}
