/** The description of the REST API (OpenAPI 3.1), from the same descriptors that serve it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileRegistry, fromBinary, getOption, ScalarType } from "@bufbuild/protobuf";
import type {
  DescEnum,
  DescField,
  DescFile,
  DescMessage,
  DescMethod,
  DescService,
  FileRegistry,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import packageJson from "../package.json" with { type: "json" };
import { access, RoleSchema } from "../src/admin/gen/gatewayd/admin/v1/access_pb.ts";
import type { Role } from "../src/admin/gen/gatewayd/admin/v1/access_pb.ts";
import { http } from "../src/admin/gen/google/api/annotations_pb.ts";
import { bun, installedProgram, root } from "./repository.ts";

type Json = Record<string, unknown>;

/** Services with methods that say their path, in the order of the pages. */
const SERVICES = ["gatewayd.admin.v1.AdminService", "api.v1.GatewayDAdminAPIService"] as const;

/** Messages that ProtoJSON writes in a form of their own. */
const WELL_KNOWN: Readonly<Record<string, Json>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Struct": { type: "object", additionalProperties: true },
};

export async function openApi(): Promise<Json> {
  const registry = await readRegistry();
  const services = SERVICES.map((name) => registry.getService(name)).filter(
    (one) => one !== undefined,
  );
  const schemas = new Schemas();
  const paths: Record<string, Json> = {};
  for (const service of services) {
    for (const method of service.methods) addOperation(paths, method, service, schemas);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "gatewayd admin API",
      version: packageJson.version,
      description:
        "What runs, and commands that change it. Paths below `/v1` are those of GatewayD's admin API.",
    },
    security: [{ token: [] }, {}],
    tags: services.map((service) => ({
      name: service.name,
      description: commentOf(service.file, service) ?? "",
    })),
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: { ...schemas.done(), Error: ERROR },
    },
  };
}

const ERROR: Json = {
  type: "object",
  properties: {
    code: { type: "integer", description: "The number of the status in gRPC." },
    message: { type: "string" },
    details: { type: "array", items: {} },
  },
};

function addOperation(
  paths: Record<string, Json>,
  method: DescMethod,
  service: DescService,
  schemas: Schemas,
): void {
  const { pattern, body } = getOption(method, http);
  if (pattern.case === undefined) throw new Error(`${method.name} says no path`);
  const { role } = getOption(method, access);
  const inPath = [...pattern.value.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const fields = body === "*" ? [] : method.input.fields;
  const parameters = fields.map((field) =>
    parameterOf(field, inPath.includes(field.name), schemas),
  );
  const comment = commentOf(service.file, method) ?? "";
  const operation: Json = {
    operationId: `${service.name}_${method.name}`,
    tags: [service.name],
    summary: comment.split(/(?<=\.)\s/)[0],
    description: `${comment}\n\nNeeds the role \`${roleName(role)}\`.`,
    ...(parameters.length > 0 && { parameters }),
    ...(body === "*" && {
      requestBody: { required: true, content: jsonOf(schemas.of(method.input)) },
    }),
    responses: {
      "200": { description: "Done.", content: jsonOf(schemas.of(method.output)) },
      default: { description: "Refused.", content: jsonOf({ $ref: "#/components/schemas/Error" }) },
    },
  };
  const path = pattern.value.replace(/\{(\w+)\}/g, (_, name: string) => {
    const field = method.input.fields.find((one) => one.name === name);
    return `{${field?.jsonName ?? name}}`;
  });
  paths[path] = { ...paths[path], [pattern.case]: operation };
}

function parameterOf(field: DescField, isInPath: boolean, schemas: Schemas): Json {
  return {
    name: field.jsonName,
    in: isInPath ? "path" : "query",
    required: isInPath,
    description: commentOf(field.parent.file, field) ?? "",
    schema: schemas.ofField(field),
  };
}

function jsonOf(schema: Json): Json {
  return { "application/json": { schema } };
}

function roleName(role: Role): string {
  return (RoleSchema.value[role]?.localName ?? "").toLowerCase();
}

/** Messages and enums under `components`, each once. */
class Schemas {
  readonly #schemas = new Map<string, Json>();

  of(message: DescMessage): Json {
    const wellKnown = WELL_KNOWN[message.typeName];
    if (wellKnown !== undefined) return wellKnown;
    if (!this.#schemas.has(message.name)) {
      const schema: Json = { type: "object" };
      this.#schemas.set(message.name, schema);
      const comment = commentOf(message.file, message);
      if (comment !== undefined) schema["description"] = comment;
      schema["properties"] = Object.fromEntries(
        message.fields.map((field) => [field.jsonName, this.#described(field)]),
      );
    }
    return { $ref: `#/components/schemas/${message.name}` };
  }

  ofField(field: DescField): Json {
    if (field.fieldKind === "list") return { type: "array", items: this.#ofValue(field) };
    if (field.fieldKind === "map") {
      return { type: "object", additionalProperties: this.#ofValue(field) };
    }
    return this.#ofValue(field);
  }

  done(): Json {
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #described(field: DescField): Json {
    const comment = commentOf(field.parent.file, field);
    const schema = this.ofField(field);
    return comment === undefined ? schema : { ...schema, description: comment };
  }

  #ofValue(field: DescField): Json {
    if (field.message !== undefined) return this.of(field.message);
    if (field.enum !== undefined) return this.#ofEnum(field.enum);
    return scalarSchema(field.scalar);
  }

  #ofEnum(type: DescEnum): Json {
    this.#schemas.set(type.name, { type: "string", enum: type.values.map(({ name }) => name) });
    return { $ref: `#/components/schemas/${type.name}` };
  }
}

function scalarSchema(scalar: ScalarType | undefined): Json {
  switch (scalar) {
    case ScalarType.STRING:
      return { type: "string" };
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.INT32:
      return { type: "integer", format: "int32" };
    case ScalarType.DOUBLE:
      return { type: "number" };
    default:
      throw new Error(
        `no schema for scalars of type ${scalar === undefined ? "" : ScalarType[scalar]}`,
      );
  }
}

/** Where the source of a file keeps the comment of something: numbers of fields and places, descriptor.proto. */
function pathOf(desc: DescService | DescMethod | DescMessage | DescField): readonly number[] {
  switch (desc.kind) {
    case "service":
      return [6, desc.file.proto.service.indexOf(desc.proto)];
    case "rpc":
      return [...pathOf(desc.parent), 2, desc.parent.proto.method.indexOf(desc.proto)];
    case "message":
      return [4, desc.file.proto.messageType.indexOf(desc.proto)];
    case "field":
      return [...pathOf(desc.parent), 2, desc.parent.proto.field.indexOf(desc.proto)];
  }
}

function commentOf(
  file: DescFile,
  desc: DescService | DescMethod | DescMessage | DescField,
): string | undefined {
  const path = pathOf(desc).join();
  const place = file.proto.sourceCodeInfo?.location.find((one) => one.path.join() === path);
  const text = place?.leadingComments.trim().replace(/\n ?/g, " ");
  return text === undefined || text === "" ? undefined : text;
}

async function readRegistry(): Promise<FileRegistry> {
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-openapi-"));
  try {
    const image = join(directory, "descriptors.binpb");
    const command = [bun, "--bun", installedProgram("buf"), "build"];
    const result = Bun.spawnSync([...command, "--as-file-descriptor-set", "-o", image], {
      cwd: root,
    });
    if (!result.success) throw new Error(`buf build: ${result.stderr.toString()}`);
    return createFileRegistry(fromBinary(FileDescriptorSetSchema, await Bun.file(image).bytes()));
  } finally {
    await rm(directory, { recursive: true });
  }
}
