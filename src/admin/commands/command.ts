/** What an administrator can ask for, whichever door the wish comes in by. */
import { getOption } from "@bufbuild/protobuf";
import type {
  DescMethod,
  DescMethodUnary,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { ROLES } from "../access/index.ts";
import type { Role } from "../access/index.ts";
import { http } from "../gen/google/api/annotations_pb.ts";
import { access } from "../gen/gatewayd/admin/v1/access_pb.ts";

/** One method of a service of proto/, at work. */
export interface Command {
  readonly method: DescMethodUnary;
  /** How it is called over HTTP: `GET`, and the path with `{field}` in it. */
  readonly verb: string;
  readonly endpoint: string;
  /** As traces name it. */
  readonly spanName: string;
  /** The least that a caller has to be. */
  readonly role: Role;
  /** What it does, for the audit log; empty if it changes nothing. */
  readonly audit: string;
  /** @throws GatewayError saying why it cannot be done */
  run(request: Message): unknown;
}

/** A function for each method of a service: from its request to its response, or a promise of that. */
export type Implementation<S extends DescService> = {
  readonly [Name in keyof S["method"]]: S["method"][Name] extends DescMethodUnary<
    infer Input,
    infer Output
  >
    ? (request: MessageShape<Input>) => MessageInitShape<Output> | Promise<MessageInitShape<Output>>
    : never;
};

/** Those that GatewayD does not name after their methods. */
const SPAN_NAMES = new Map([
  ["Version", "Get Version"],
  ["GetGlobalConfig", "Getting Global Config"],
  ["GetPluginConfig", "Get GetPlugin Config"],
]);

/** The methods of a service as commands, in their order. */
export function commandsOf<S extends DescService>(
  service: S,
  implementation: Implementation<S>,
): readonly Command[] {
  // The type above says so for every method; by its name alone a method's own types are lost.
  const functions = implementation as Readonly<Record<string, (request: Message) => unknown>>;
  return service.methods.map((method) => {
    const run = functions[method.localName];
    if (run === undefined || !isUnary(method)) throw new Error(`${method.name} is no command`);
    const { role, audit } = getOption(method, access);
    const { pattern } = getOption(method, http);
    if (pattern.case === undefined) throw new Error(`${method.name} says no path`);
    const place = { verb: pattern.case.toUpperCase(), endpoint: pattern.value };
    const spanName =
      SPAN_NAMES.get(method.name) ?? method.name.replace(/(?<=[a-z])(?=[A-Z])/g, " ");
    // Whoever forgets to say who may call a method has said that nobody but an admin may.
    return { method, ...place, spanName, role: ROLES[role - 1] ?? "admin", audit, run };
  });
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}
