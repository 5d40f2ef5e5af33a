import { connect, createServer, type Server, type Socket } from "node:net";
import { waitFor, type WireTarget } from "../kit/index.ts";
import { Transcript } from "./transcript.ts";

/** Listens where a driver can connect, and takes down what the driver gets to read. */
export class Tap implements AsyncDisposable {
  readonly host = "127.0.0.1";
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor(target: WireTarget, transcripts: Transcript[]) {
    this.#server = createServer((client) => {
      const transcript = new Transcript(`connection ${transcripts.length + 1}`);
      transcripts.push(transcript);
      this.#relay(client, "path" in target ? connect(target.path) : connect(target), transcript);
    });
  }

  static async start(target: WireTarget, transcripts: Transcript[]): Promise<Tap> {
    const tap = new Tap(target, transcripts);
    await new Promise<void>((resolve) => tap.#server.listen(0, tap.host, resolve));
    return tap;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the tap does not listen");
    return address.port;
  }

  /** Waits until all connections are closed. */
  async quiet(): Promise<void> {
    await waitFor("the driver to close its connections", () => this.#open.size === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await this.quiet();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #relay(client: Socket, server: Socket, transcript: Transcript): void {
    const requests = new Frames((message) => transcript.sent([message]));
    const answers = new Frames((message) =>
      transcript.received({
        type: message.toString("latin1", 0, 1),
        body: message.subarray(5),
      }),
    );
    let isFirst = true;
    client.on("data", (bytes: Buffer) => {
      // A StartupMessage has no tag.
      if (isFirst) isFirst = false;
      else requests.push(bytes);
    });
    server.on("data", (bytes: Buffer) => answers.push(bytes));
    server.on("end", () => transcript.closed());
    client.pipe(server);
    server.pipe(client);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#open.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => this.#open.delete(socket));
    }
  }
}

/** Cuts a stream into its messages. */
class Frames {
  readonly #take: (message: Buffer) => void;
  #rest = Buffer.alloc(0);

  constructor(take: (message: Buffer) => void) {
    this.#take = take;
  }

  push(bytes: Buffer): void {
    let rest = Buffer.concat([this.#rest, bytes]);
    while (rest.length >= 5 && rest.length > rest.readUInt32BE(1)) {
      const length = 1 + rest.readUInt32BE(1);
      this.#take(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    this.#rest = rest;
  }
}
