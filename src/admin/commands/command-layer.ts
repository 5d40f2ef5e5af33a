/** The one place where commands are carried out: checked, done, and written down. */
import { create } from "@bufbuild/protobuf";
import type { DescMethodUnary, Message, MessageInitShape } from "@bufbuild/protobuf";
import { GatewayError } from "../../errors.ts";
import type { Logger } from "../../logging/index.ts";
import { ROLES } from "../access/index.ts";
import type { Caller } from "../access/index.ts";
import type { AdminPort } from "../admin-port.ts";
import { GatewayDAdminAPIService } from "../gen/api/v1/api_pb.ts";
import { AdminService } from "../gen/gatewayd/admin/v1/admin_pb.ts";
import { refusalOf } from "../refusal.ts";
import type { Span, TraceContext, Tracer } from "../../tracing/index.ts";
import { adminCommands } from "./admin-commands.ts";
import { commandsOf } from "./command.ts";
import type { Command } from "./command.ts";
import { originalCommands } from "./original-commands.ts";

export class CommandLayer {
  readonly #commands: ReadonlyMap<DescMethodUnary, Command>;
  readonly #port: AdminPort;
  readonly #logger: Logger;
  readonly #tracer: Tracer | undefined;

  /** @param tracer undefined: nothing is traced */
  constructor(port: AdminPort, logger: Logger, tracer?: Tracer) {
    const commands = [
      ...commandsOf(GatewayDAdminAPIService, originalCommands(port)),
      ...commandsOf(AdminService, adminCommands(port)),
    ];
    this.#commands = new Map(commands.map((command) => [command.method, command]));
    this.#port = port;
    this.#logger = logger;
    this.#tracer = tracer;
  }

  get commands(): readonly Command[] {
    return [...this.#commands.values()];
  }

  /**
   * Every command that changes something is written down with who asked for it, done or not.
   * @param trace what the caller says that it is a part of
   * @throws GatewayError ERR_ADMIN_FORBIDDEN, or what came of the command
   */
  async call(
    method: DescMethodUnary,
    request: Message,
    caller: Caller,
    trace?: TraceContext,
  ): Promise<Message> {
    const command = this.#commands.get(method);
    if (command === undefined) {
      throw new GatewayError("ERR_ADMIN_UNIMPLEMENTED", `there is no ${method.name}`);
    }
    const span = this.#begin(command, caller, trace);
    try {
      expectRole(command, caller);
      const response = (await command.run(request)) as MessageInitShape<typeof method.output>;
      this.#writeDown(command, request, caller, undefined);
      return create(method.output, response);
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      if (error.code === "ERR_INTERNAL") {
        this.#logger.error("An admin command failed", { command: method.name, error: thrown });
      }
      this.#writeDown(command, request, caller, error);
      span?.setAttributes({ "error.type": error.code });
      span?.fail(error.message);
      throw error;
    } finally {
      span?.end();
    }
  }

  #begin(command: Command, caller: Caller, trace: TraceContext | undefined): Span | undefined {
    return this.#tracer?.begin(command.spanName, trace, {
      kind: "server",
      attributes: {
        "rpc.service": command.method.parent.typeName,
        "rpc.method": command.method.name,
        "user.name": caller.name,
        "user.roles": [caller.role],
        "client.address": caller.address,
        "gatewayd.admin.door": caller.door,
      },
    });
  }

  #writeDown(
    { method, audit, verb, endpoint }: Command,
    request: Message,
    caller: Caller,
    error: GatewayError | undefined,
  ): void {
    this.#port.requested(verb, endpoint, error && refusalOf(error).name);
    if (audit === "") return;
    const { $typeName: _, $unknown: _unknown, ...values } = request;
    // Also where little is logged, lest somebody begins with `set-level error`.
    this.#logger.insist(error === undefined ? "info" : "warn", "An administrator's command", {
      command: method.name,
      does: audit,
      caller: caller.name,
      role: caller.role,
      door: caller.door,
      address: caller.address,
      ...(Object.keys(values).length > 0 && { request: values }),
      ...(error === undefined ? { result: "done" } : { result: error.code, error: error.message }),
    });
  }
}

function expectRole({ method, role }: Command, caller: Caller): void {
  if (ROLES.indexOf(caller.role) >= ROLES.indexOf(role)) return;
  throw new GatewayError(
    "ERR_ADMIN_FORBIDDEN",
    `${method.name} needs the role ${role}; ${caller.name} is ${caller.role}`,
  );
}
