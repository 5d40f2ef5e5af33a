/**
 * Calls of HTTP as messages of proto/, by the option `google.api.http` of each method: a path with
 * `{field}` in it, fields in the query, and JSON in the body (the mapping of ProtoJSON).
 */
import { create, fromJson, getOption, toJson } from "@bufbuild/protobuf";
import type { DescMethodUnary, JsonObject, JsonValue, Message } from "@bufbuild/protobuf";
import { GatewayError } from "../../errors.ts";
import { http } from "../gen/google/api/annotations_pb.ts";

/** Some programs always send something. */
const NO_BODY = /^\s*(\{\s*\})?\s*$/;

/** How one method is called over HTTP. */
interface Route {
  readonly method: DescMethodUnary;
  /** `GET` */
  readonly verb: string;
  readonly path: RegExp;
  readonly hasBody: boolean;
}

/** Which method a path means, and what it says in `{field}`; or the verbs that it can be called by. */
export type Match =
  | { readonly kind: "found"; readonly call: HttpCall }
  | { readonly kind: "otherVerb"; readonly verbs: readonly string[] }
  | { readonly kind: "unknown" };

export class HttpCall {
  readonly #route: Route;
  readonly #fields: Readonly<Record<string, string>>;

  constructor(route: Route, fields: Readonly<Record<string, string>>) {
    this.#route = route;
    this.#fields = fields;
  }

  get method(): DescMethodUnary {
    return this.#route.method;
  }

  /** @throws GatewayError ERR_ADMIN_INVALID saying which value is not one */
  request(query: URLSearchParams, body: string): Message {
    const { input } = this.method;
    const { hasBody } = this.#route;
    if (!hasBody && !NO_BODY.test(body)) throw invalid("a body is not expected");
    const json = { ...(hasBody ? bodyOf(body) : queryOf(query)), ...this.#fields };
    try {
      return Object.keys(json).length === 0 ? create(input) : fromJson(input, json);
    } catch (thrown) {
      throw invalid(reasonOf(thrown));
    }
  }

  /** Fields that are empty are there, too. */
  response(message: Message): JsonValue {
    return toJson(this.method.output, message, { alwaysEmitImplicit: true });
  }
}

export class Transcoder {
  readonly #routes: readonly Route[];

  constructor(methods: readonly DescMethodUnary[]) {
    this.#routes = methods.map(routeOf);
  }

  match(verb: string, path: string): Match {
    const matching = this.#routes.flatMap((route) => {
      const fields = route.path.exec(path);
      return fields === null ? [] : [{ route, fields: fields.groups ?? {} }];
    });
    const found = matching.find(({ route }) => route.verb === verb);
    if (found !== undefined) {
      const decoded = Object.entries(found.fields).map(([name, text]) => [name, decode(text)]);
      return { kind: "found", call: new HttpCall(found.route, Object.fromEntries(decoded)) };
    }
    if (matching.length === 0) return { kind: "unknown" };
    return { kind: "otherVerb", verbs: matching.map(({ route }) => route.verb) };
  }
}

function routeOf(method: DescMethodUnary): Route {
  const { pattern, body } = getOption(method, http);
  if (pattern.case === undefined) throw new Error(`${method.name} says no path`);
  const source = pattern.value
    .split(/\{(\w+)\}/)
    .map((part, index) => (index % 2 === 1 ? `(?<${part}>[^/]+)` : RegExp.escape(part)))
    .join("");
  return {
    method,
    verb: pattern.case.toUpperCase(),
    path: new RegExp(`^${source}$`),
    hasBody: body === "*",
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`${text} is not encoded as a part of a path has to be`);
  }
}

function queryOf(query: URLSearchParams): JsonObject {
  const fields: JsonObject = {};
  query.forEach((value, name) => {
    if (name in fields) throw invalid(`${name} is said twice`);
    fields[name] = value;
  });
  return fields;
}

function bodyOf(body: string): JsonObject {
  if (body.trim() === "") return {};
  try {
    const json: unknown = JSON.parse(body);
    if (isObject(json)) return json;
  } catch (thrown) {
    throw invalid(`the body is not JSON: ${thrown instanceof Error ? thrown.message : ""}`);
  }
  throw invalid("the body is not a JSON object");
}

/** What JSON.parse makes of an object. */
function isObject(json: unknown): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** The library names the field as protobuf does; whoever calls knows it by the name that he has given. */
function reasonOf(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return message.replace(/^cannot decode field [\w.]*\.(\w+) from JSON: /, "$1: ");
}

function invalid(message: string): GatewayError {
  return new GatewayError("ERR_ADMIN_INVALID", message);
}
