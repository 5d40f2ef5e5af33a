/** One caller's way to the commands: typed, and each with the caller's role. */
import { create } from "@bufbuild/protobuf";
import type { DescMethodUnary, Message, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Caller } from "../access/index.ts";
import type { CommandLayer } from "../commands/index.ts";
import { AdminService } from "../gen/gatewayd/admin/v1/admin_pb.ts";

type Methods = (typeof AdminService)["method"];

/** The commands of this gateway's own API, by their names. */
export type CommandName = keyof Methods;

type InputOf<Name extends CommandName> =
  Methods[Name] extends DescMethodUnary<infer Input, infer _> ? MessageInitShape<Input> : never;
type OutputOf<Name extends CommandName> =
  Methods[Name] extends DescMethodUnary<infer _, infer Output> ? MessageShape<Output> : never;

/** What tables and commands need of it. */
export type Asking = Pick<Asker, "ask" | "caller">;

export class Asker {
  readonly caller: Caller;
  readonly #layer: CommandLayer;

  constructor(layer: CommandLayer, caller: Caller) {
    this.#layer = layer;
    this.caller = caller;
  }

  /** @throws GatewayError ERR_ADMIN_FORBIDDEN, or what came of the command */
  async ask<Name extends CommandName>(name: Name, request: InputOf<Name>): Promise<OutputOf<Name>> {
    const method: DescMethodUnary = AdminService.method[name];
    const answer: Message = await this.#layer.call(
      method,
      create(method.input, request),
      this.caller,
    );
    // The layer makes its answers by this method's own description.
    return answer as OutputOf<Name>;
  }
}
