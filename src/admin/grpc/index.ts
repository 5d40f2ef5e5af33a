/**
 * The door for gRPC.
 * May import: access, commands.
 */
export { GrpcDoor } from "./grpc-door.ts";
export type { GrpcPlace } from "./grpc-door.ts";
