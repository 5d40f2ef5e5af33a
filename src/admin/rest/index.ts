/**
 * The door for HTTP and JSON, and the pages for people and orchestrators.
 * May import: access, commands, page.
 */
export { RestDoor } from "./rest-door.ts";
export type { RestPlace } from "./rest-door.ts";
