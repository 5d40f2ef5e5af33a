/** The events of the gateway, as plugins know them. */

/**
 * Every hook under its RPC name, with the number that plugin metadata uses for it (enum `HookName`
 * of the plugin protocol). `OnHook` is reserved: it can be registered and is never run.
 */
export const HOOK_NUMBERS = {
  OnConfigLoaded: 1,
  OnNewLogger: 2,
  OnNewPool: 3,
  OnNewClient: 4,
  OnNewProxy: 5,
  OnNewServer: 6,
  OnSignal: 7,
  OnRun: 8,
  OnBooting: 9,
  OnBooted: 10,
  OnOpening: 11,
  OnOpened: 12,
  OnClosing: 13,
  OnClosed: 14,
  OnTraffic: 15,
  OnTrafficFromClient: 16,
  OnTrafficToServer: 17,
  OnTrafficFromServer: 18,
  OnTrafficToClient: 19,
  OnShutdown: 20,
  OnTick: 21,
  OnHook: 22,
} as const;

/** The RPC name of a hook. */
export type HookName = keyof typeof HOOK_NUMBERS;
