import { connect, type Socket } from "node:net";
import { cancelRequest, frontendMessage, startupPacket } from "../kit/index.ts";

/** Everything up to and including a ReadyForQuery. */
export interface Cycle {
  /** Types of the messages, several of the same in a row as one; without notices and reported parameters. */
  readonly shape: string;
  readonly rows: readonly (readonly (string | null)[])[];
  /** `code: message` of each error. */
  readonly errors: readonly string[];
  /** Transaction status: I, T or E. */
  readonly status: string;
}

/** Where to connect to. */
export interface SoakTarget {
  readonly host: string;
  readonly port: number;
}

/** Messages that a server may send at any time. */
const UNASKED = "SN";

/** A client that sends what it is told to, and reads whole cycles; made for many queries. */
export class SoakClient implements Disposable {
  /** Process id and secret, as BackendKeyData has them. */
  key: Buffer = Buffer.alloc(0);

  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #shape = "";
  #rows: (string | null)[][] = [];
  #errors: string[] = [];
  readonly #cycles: Cycle[] = [];
  #waiting: PromiseWithResolvers<Cycle> | undefined;
  #end: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error(`the connection was closed ${this.#said()}`)));
  }

  /** Connects and logs in to whoever trusts. */
  static async open(target: SoakTarget, name: string): Promise<SoakClient> {
    const client = new SoakClient(await connected(target));
    client.send(startupPacket({ user: "postgres", database: "postgres", application_name: name }));
    await client.cycle();
    return client;
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The next cycle, in the order they come. @throws when the connection ends before. */
  async cycle(): Promise<Cycle> {
    const ready = this.#cycles.shift();
    if (ready !== undefined) return ready;
    if (this.#end !== undefined) throw this.#end;
    this.#waiting = Promise.withResolvers();
    return await this.#waiting.promise;
  }

  /** Has what this client runs cancelled; resolves once that has been seen to. */
  async cancel(target: SoakTarget): Promise<void> {
    const socket = await connected(target);
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.resume().end(cancelRequest(this.key));
    await closed;
  }

  /** Says goodbye and goes. */
  [Symbol.dispose](): void {
    this.#socket.removeAllListeners("close");
    this.#socket.end(frontendMessage("X", ""));
  }

  #said(): string {
    return this.#errors.length > 0 ? `after ${this.#errors.join("; ")}` : "without a word";
  }

  #fail(error: Error): void {
    this.#end ??= error;
    this.#waiting?.reject(this.#end);
    this.#waiting = undefined;
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + 5 <= bytes.length) {
      const end = at + 1 + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      this.#take(String.fromCharCode(bytes[at] ?? 0), bytes.subarray(at + 5, end));
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }

  #take(type: string, body: Buffer): void {
    if (UNASKED.includes(type)) return;
    if (!this.#shape.endsWith(type)) this.#shape += type;
    if (type === "D") this.#rows.push(columnsOf(body));
    else if (type === "E") this.#errors.push(errorOf(body));
    else if (type === "K") this.key = Buffer.from(body);
    else if (type === "Z") {
      const cycle = {
        shape: this.#shape,
        rows: this.#rows,
        errors: this.#errors,
        status: body.toString("latin1"),
      };
      this.#shape = "";
      this.#rows = [];
      this.#errors = [];
      if (this.#waiting === undefined) this.#cycles.push(cycle);
      else this.#waiting.resolve(cycle);
      this.#waiting = undefined;
    }
  }
}

async function connected({ host, port }: SoakTarget): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return socket;
}

function columnsOf(body: Buffer): (string | null)[] {
  let at = 2;
  return Array.from({ length: body.readUInt16BE(0) }, () => {
    const length = body.readInt32BE(at);
    at += 4;
    if (length < 0) return null;
    at += length;
    return body.toString("utf8", at - length, at);
  });
}

function errorOf(body: Buffer): string {
  const fields = body.toString("utf8").split("\0");
  const field = (name: string): string => fields.find((each) => each.startsWith(name)) ?? "";
  return `${field("C").slice(1)}: ${field("M").slice(1)}`;
}
