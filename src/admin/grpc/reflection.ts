/** Tells gRPC tools what there is to call, in the current version of the protocol and in the one before. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescFile, DescService, MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import {
  ServerReflection,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "../gen/grpc/reflection/v1/reflection_pb.ts";
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from "../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  ServerReflection as OlderReflection,
  ServerReflectionRequestSchema as OlderRequestSchema,
  ServerReflectionResponseSchema as OlderResponseSchema,
} from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";

type AnswerInit = MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"];

/** @param expectAllowed rejects when the caller may not know */
export function serveReflection(
  router: ConnectRouter,
  services: readonly DescService[],
  expectAllowed: (context: HandlerContext) => Promise<void>,
): void {
  const catalogue = new Catalogue(services);
  router.service(ServerReflection, {
    async *serverReflectionInfo(requests, context) {
      await expectAllowed(context);
      for await (const request of requests) yield catalogue.answer(request);
    },
  });
  // The same messages under another name.
  router.service(OlderReflection, {
    async *serverReflectionInfo(requests, context) {
      await expectAllowed(context);
      for await (const older of requests) {
        const bytes = toBinary(OlderRequestSchema, older);
        const answer = catalogue.answer(fromBinary(ServerReflectionRequestSchema, bytes));
        yield fromBinary(OlderResponseSchema, toBinary(ServerReflectionResponseSchema, answer));
      }
    },
  });
}

/** The services, and all files that their messages are declared in. */
class Catalogue {
  readonly #services: readonly DescService[];
  /** By name, as imports have them. */
  readonly #files = new Map<string, DescFile>();

  constructor(services: readonly DescService[]) {
    this.#services = services;
    for (const { file } of services) this.#add(file);
  }

  answer(originalRequest: ServerReflectionRequest): ServerReflectionResponse {
    const messageResponse = this.#answer(originalRequest.messageRequest);
    return create(ServerReflectionResponseSchema, { originalRequest, messageResponse });
  }

  #answer(asked: ServerReflectionRequest["messageRequest"]): NonNullable<AnswerInit> {
    switch (asked.case) {
      case "listServices": {
        const service = this.#services.map(({ typeName }) => ({ name: typeName }));
        return { case: "listServicesResponse", value: { service } };
      }
      case "fileByFilename":
        return this.#file(this.#files.get(asked.value.replace(/\.proto$/, "")));
      case "fileContainingSymbol":
        return this.#file(this.#fileOf(asked.value));
      case "allExtensionNumbersOfType":
        return {
          case: "allExtensionNumbersResponse",
          value: { baseTypeName: asked.value, extensionNumber: [] },
        };
      default:
        return notFound("there is no such extension");
    }
  }

  #file(file: DescFile | undefined): NonNullable<AnswerInit> {
    if (file === undefined) return notFound("there is no such file or symbol");
    const fileDescriptorProto = [toBinary(FileDescriptorProtoSchema, file.proto)];
    return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
  }

  /** Of a service, a message or an enum; also of a method, by `Service.Method`. */
  #fileOf(symbol: string): DescFile | undefined {
    return [...this.#files.values()].find((file) =>
      [...file.services, ...file.messages, ...file.enums].some(
        ({ typeName }) => symbol === typeName || symbol.startsWith(`${typeName}.`),
      ),
    );
  }

  #add(file: DescFile): void {
    if (this.#files.has(file.name)) return;
    this.#files.set(file.name, file);
    for (const imported of file.dependencies) this.#add(imported);
  }
}

function notFound(errorMessage: string): NonNullable<AnswerInit> {
  return { case: "errorResponse", value: { errorCode: Code.NotFound, errorMessage } };
}
