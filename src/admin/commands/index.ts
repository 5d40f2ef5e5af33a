/**
 * The commands, and the layer that checks who may give them, carries them out and writes them down.
 * May import: the port, what is generated from proto/.
 */
export type { Caller } from "./caller.ts";
export { CommandLayer } from "./command-layer.ts";
export { refusalOf } from "./refusal.ts";
