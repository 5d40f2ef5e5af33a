/**
 * The commands, and the layer that checks who may give them, carries them out and writes them down.
 * May import: access (what a caller is), the port, what is generated from proto/.
 */
export { CommandLayer } from "./command-layer.ts";
