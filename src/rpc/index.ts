/**
 * What the gateway and plugin processes say to each other: the services of proto/ as stubs, and payloads of
 * hooks as the bytes of a `plugin.v1.Struct`.
 * Pure: bytes and values. May import: errors.
 */
export { decodeStruct } from "./decode-struct.ts";
export { encodeStruct } from "./encode-struct.ts";
export { Health, HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health_pb.ts";
export { GRPCController } from "./gen/plugin/controller_pb.ts";
export { GRPCStdio, StdioData_Channel } from "./gen/plugin/stdio_pb.ts";
export { GatewayDPluginService } from "./gen/plugin/v1/plugin_pb.ts";
