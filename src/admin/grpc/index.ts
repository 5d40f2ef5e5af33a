/**
 * The door for gRPC.
 * May import: access, commands.
 */
export { GrpcDoor } from "./grpc-door.ts";
export type { ClaimSocket, GrpcPlace } from "./grpc-door.ts";
