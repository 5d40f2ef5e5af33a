/**
 * Databases that the gateway itself is: who may come in is asked of them, and they answer in place of a server.
 * May import: the rest of session, errors, net, postgres, auth.
 */
export { admitVirtually } from "./admit-virtually.ts";
export type { Admitted } from "./admit-virtually.ts";
export { VirtualSession } from "./virtual-session.ts";
export type {
  VirtualAdmission,
  VirtualClient,
  VirtualConversation,
  VirtualDatabase,
  VirtualLogin,
} from "./virtual-database.ts";
