import { connect, createServer, type Server, type Socket } from "node:net";
import { waitFor } from "../../kit/index.ts";

/** Where a server listens. */
interface Target {
  readonly host: string;
  readonly port: number;
}

/** Messages that a ReadyForQuery answers. */
const ASKING = new Set(["Q", "S"].map((letter) => letter.charCodeAt(0)));
const READY_FOR_QUERY = "Z".charCodeAt(0);

/** Stands before a server, counts what is asked of it before it has answered, and can keep its answers back. */
export class InFlightTap implements AsyncDisposable {
  readonly host = "127.0.0.1";
  readonly #target: Target;
  readonly #server: Server;
  readonly #servers = new Set<Socket>();
  readonly #clients = new Set<Socket>();
  /** Asked and not answered, on the connections of the clients. */
  readonly #inFlight = new Map<Socket, number>();
  #isHeld = false;
  /** The most that was asked on one connection, and not answered. */
  most = 0;

  private constructor(target: Target) {
    this.#target = target;
    this.#server = createServer({ noDelay: true }, (client) => this.#relay(client));
  }

  static async start(target: Target): Promise<InFlightTap> {
    const tap = new InFlightTap({ host: target.host, port: target.port });
    await new Promise<void>((resolve) => tap.#server.listen(0, tap.host, resolve));
    return tap;
  }

  get address(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the tap does not listen");
    return `${this.host}:${address.port}`;
  }

  /** Keeps all answers back until this is disposed of. Counts anew, from what is under way now. */
  hold(): Disposable {
    this.most = Math.max(0, ...this.#inFlight.values());
    this.#setHeld(true);
    return { [Symbol.dispose]: () => this.#setHeld(false) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of [...this.#servers, ...this.#clients]) socket.destroy();
    await waitFor("the tap to close", () => this.#servers.size + this.#clients.size === 0);
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #setHeld(isHeld: boolean): void {
    this.#isHeld = isHeld;
    for (const server of this.#servers) {
      if (isHeld) server.pause();
      else server.resume();
    }
  }

  #relay(client: Socket): void {
    const server = connect({ ...this.#target, noDelay: true });
    this.#inFlight.set(client, 0);
    const count = (change: number): void => {
      const inFlight = Math.max(0, (this.#inFlight.get(client) ?? 0) + change);
      this.#inFlight.set(client, inFlight);
      this.most = Math.max(this.most, inFlight);
    };
    client.on("close", () => this.#inFlight.delete(client));
    const requests = new Tags(true);
    const answers = new Tags(false);
    client.on("data", (bytes: Buffer) => {
      count(requests.read(bytes).filter((tag) => ASKING.has(tag)).length);
      server.write(bytes);
    });
    server.on("data", (bytes: Buffer) => {
      count(-answers.read(bytes).filter((tag) => tag === READY_FOR_QUERY).length);
      client.write(bytes);
    });
    this.#tie(client, server, this.#clients);
    this.#tie(server, client, this.#servers);
    if (this.#isHeld) server.pause();
  }

  #tie(socket: Socket, other: Socket, open: Set<Socket>): void {
    open.add(socket);
    socket.on("end", () => other.end());
    socket.on("error", () => other.destroy());
    socket.on("close", () => {
      open.delete(socket);
      other.destroy();
    });
  }
}

/** The type letters of the messages in a stream; a StartupMessage has none. */
class Tags {
  #hasStartup: boolean;
  #rest = Buffer.alloc(0);

  constructor(hasStartup: boolean) {
    this.#hasStartup = hasStartup;
  }

  read(bytes: Buffer): number[] {
    const tags: number[] = [];
    let rest = Buffer.concat([this.#rest, bytes]);
    if (this.#hasStartup && rest.length >= 4 && rest.length >= rest.readUInt32BE(0)) {
      rest = rest.subarray(rest.readUInt32BE(0));
      this.#hasStartup = false;
    }
    while (!this.#hasStartup && rest.length >= 5 && rest.length > rest.readUInt32BE(1)) {
      tags.push(rest[0] ?? 0);
      rest = rest.subarray(1 + rest.readUInt32BE(1));
    }
    this.#rest = rest;
    return tags;
  }
}
