/** The commands as gRPC services, with reflection and health. */
import { Code, ConnectError, createContextKey, createContextValues } from "@connectrpc/connect";
import type { HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { ConnectNodeAdapterOptions } from "@connectrpc/connect-node";
import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import { GatewayError } from "../../errors.ts";
import { Health } from "../../rpc/index.ts";
import type { Caller, Credentials, Gatekeeper } from "../access/index.ts";
import type { CommandLayer } from "../commands/index.ts";
import { peerNamesOf } from "../peer-names.ts";
import { refusalOf } from "../refusal.ts";
import { parseTraceParent } from "../../tracing/index.ts";
import type { TraceContext } from "../../tracing/index.ts";
import { serveHealth } from "./serve-health.ts";
import { serveReflection } from "./reflection.ts";

/** A command has a handful of short values. */
const MAX_REQUEST_BYTES = 64 * 1024;

export interface GrpcHandlerOptions {
  readonly layer: CommandLayer;
  readonly gatekeeper: Gatekeeper;
  /** Told to whoever asks, without a token. */
  readonly isServing: () => boolean;
  /** Aborted when nobody is to be served any more. */
  readonly closing: AbortSignal;
}

/** What answers the requests of a server of node:http2. */
export type NodeHandlerFn = ReturnType<typeof connectNodeAdapter>;

type NodeServerRequest = Parameters<NonNullable<ConnectNodeAdapterOptions["contextValues"]>>[0];

/** The statuses that a refusal can have, by their numbers. */
const CODES: ReadonlyMap<number, Code> = new Map(
  [
    ...[Code.Unauthenticated, Code.PermissionDenied, Code.NotFound, Code.InvalidArgument],
    ...[Code.FailedPrecondition, Code.Unimplemented, Code.Unavailable],
  ].map((code) => [code, code]),
);

const credentialsKey = createContextKey<Credentials | undefined>(undefined);

export function grpcHandler(options: GrpcHandlerOptions): NodeHandlerFn {
  const { layer, gatekeeper, isServing, closing } = options;
  const callerOf = ({ values }: HandlerContext): Caller => {
    const credentials = values.get(credentialsKey);
    if (credentials === undefined) throw new Error("a call without a request");
    return gatekeeper.identify(credentials);
  };
  const call = async (
    method: DescMethodUnary,
    request: Message,
    context: HandlerContext,
  ): Promise<Message> =>
    await refusing(
      async () => await layer.call(method, request, callerOf(context), traceOf(context)),
    );
  const services = [...new Set(layer.commands.map(({ method }) => method.parent)), Health];
  return connectNodeAdapter({
    // Connect and gRPC-Web are for browsers, which have the REST door.
    connect: false,
    grpcWeb: false,
    readMaxBytes: MAX_REQUEST_BYTES,
    contextValues: (request) => createContextValues().set(credentialsKey, credentialsOf(request)),
    routes(router) {
      for (const { method } of layer.commands) {
        router.rpc(method, (request: Message, context: HandlerContext) =>
          call(method, request, context),
        );
      }
      serveReflection(router, services, async (context) => {
        await refusing(async () => void callerOf(context));
      });
      serveHealth(router, isServing, closing);
    },
  });
}

function traceOf({ requestHeader }: HandlerContext): TraceContext | undefined {
  const state = requestHeader.get("tracestate") ?? undefined;
  return parseTraceParent(requestHeader.get("traceparent") ?? "", state);
}

/** What is thrown gets a status of gRPC. */
async function refusing<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    const { code, message } = refusalOf(GatewayError.from(thrown));
    throw new ConnectError(message, CODES.get(code) ?? Code.Internal);
  }
}

function credentialsOf(request: NodeServerRequest): Credentials {
  const socket = "stream" in request ? request.stream.session?.socket : request.socket;
  return {
    door: "grpc",
    address: socket?.remoteAddress === undefined ? "unix" : socket.remoteAddress,
    authorization: request.headers.authorization,
    certificateNames: peerNamesOf(socket),
  };
}
