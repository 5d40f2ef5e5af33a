import { expect, test } from "bun:test";
import fc from "fast-check";
import { LARGE, ModelServer } from "../../../tests/fixtures/model-server.ts";
import { MultiplexedKit } from "../../../tests/fixtures/multiplexed.ts";
import type { MultiplexedClient } from "../../../tests/fixtures/multiplexed.ts";
import { SEED, times } from "../../../tests/fixtures/test-size.ts";
import { frontend } from "../../../tests/fixtures/wire/index.ts";
import { HEADER_BYTES, Settings } from "../../postgres/index.ts";
import { MessageSplitter, forEachMessage } from "../../postgres/message-splitter.ts";

const ASKS = [
  "shared",
  "shared",
  "shared",
  "unnamed",
  "prepared",
  "prepared",
  "failing",
  "large",
  "exclusive",
  "begin",
  "commit",
  "pipelined",
  "rebind",
  "sync",
] as const;
const CLIENTS = 6;
const SIZE = 2;

type Move =
  | { readonly kind: "ask"; readonly who: number; readonly what: (typeof ASKS)[number] }
  | {
      readonly kind: "answer";
      readonly who: number;
      readonly messages: number;
      readonly share: number;
    }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "cancel" | "stall" | "drain"; readonly who: number }
  | { readonly kind: "leave"; readonly who: number; readonly how: "end" | "terminate" | "goodbye" }
  | { readonly kind: "lose"; readonly who: number; readonly farewell: string | undefined }
  | { readonly kind: "strike" };

const who = fc.nat({ max: 100 });
const of = <Kind extends string>(...kinds: readonly Kind[]) => fc.constantFrom(...kinds);
const anyMove: fc.Arbitrary<Move> = fc.oneof(
  { weight: 14, arbitrary: fc.record({ kind: of("ask"), who, what: of(...ASKS) }) },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: of("answer"),
      who,
      messages: fc.nat({ max: 8 }),
      share: fc.constantFrom(1, 1, 0.9, 0.5, 0.1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: of("pass"), ms: fc.constantFrom(1, 15, 30, 30, 300) }),
  },
  { weight: 5, arbitrary: fc.record({ kind: of("cancel", "stall", "drain"), who }) },
  { weight: 2, arbitrary: fc.record({ kind: of("strike") }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: of("leave"), who, how: of("end", "terminate", "goodbye") }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: of("lose"), who, farewell: fc.constantFrom(undefined, "57P01") }),
  },
);

/** What a client is owed. */
interface Owed {
  readonly answer: string;
  readonly errors: Set<string>;
}

let lastToken = 0;

/** A client that checks what it hears. */
class ModelClient {
  readonly client: MultiplexedClient;
  /** Backends have been lost. */
  readonly hasLost: () => boolean;
  owed: Owed[] = [];
  /** What was wrong in what it heard. */
  readonly faults: string[] = [];
  /** It has left, or its session was ended. */
  isOver = false;
  isInTransaction = false;
  readonly #prepared = new Set<string>();
  /** What the names of its statements end with: those of before may be there or not. */
  #names = "";
  #unnamed: string | undefined;
  readonly #splitter = new MessageSplitter(1024 * 1024);
  #heard: string[] = [];

  constructor(client: MultiplexedClient, hasLost: () => boolean) {
    this.client = client;
    this.hasLost = hasLost;
    client.heard.onBytes = (bytes) => {
      const run = this.#splitter.push(bytes);
      forEachMessage(run, (tag, from, to) => {
        const body = Buffer.from(run.subarray(from + HEADER_BYTES, to)).toString("latin1");
        this.#hear(String.fromCharCode(tag), body);
      });
    };
  }

  ask(what: (typeof ASKS)[number]): void {
    if (this.isOver) return;
    const token = `token${++lastToken}`;
    switch (what) {
      case "shared":
        return this.#query(`select ${token}`);
      case "failing":
        return this.#query(`select fail ${token}`, "22012");
      case "large":
        return this.#query(`select large ${token}`);
      case "exclusive":
        return this.#query(`update ${token}`);
      case "begin":
        this.isInTransaction = true;
        return this.#query("begin");
      case "commit":
        this.isInTransaction = false;
        return this.#query("commit");
      case "pipelined":
        this.#unnamed = undefined;
        this.#owe(`answer select ${token}`);
        this.#owe(`answer select again ${token}`);
        return this.#write(
          frontend.query(`select ${token}`),
          frontend.query(`select again ${token}`),
        );
      case "unnamed":
        this.#unnamed = `select unnamed${lastToken}`;
        this.#owe(`answer ${this.#unnamed} ${token}`);
        return this.#write(frontend.parse(this.#unnamed), ...runOf("", token));
      case "rebind":
        if (this.#unnamed === undefined) return;
        this.#owe(`answer ${this.#unnamed} ${token}`);
        return this.#write(...runOf("", token));
      case "sync":
        this.#owe("");
        return this.#write(frontend.sync());
      case "prepared":
        return this.#runPrepared(token);
    }
  }

  /** Whatever it is owed may be cancelled, and no statement counts that may have been. */
  cancel(): void {
    // Or it fails since what it goes by was cancelled: a Parse, the end of a transaction that has failed.
    const codes = ["57014", "26000", "25P02"];
    for (const { errors } of this.owed) for (const code of codes) errors.add(code);
    if (this.owed.length > 0) {
      this.#unnamed = undefined;
      this.#prepared.clear();
      this.#names = `of ${lastToken}`;
    }
    void this.client.session.cancel();
  }

  leave(how: "end" | "terminate" | "goodbye"): void {
    this.isOver = true;
    const { connection } = this.client;
    if (how === "terminate") return connection.terminate();
    if (how === "goodbye") connection.write(frontend.terminate());
    connection.shutdown();
  }

  /** Its session has not ended without a reason. */
  check(): void {
    expect(this.faults).toEqual([]);
    if (this.isOver) return;
    const { ends } = this.client;
    // Within a message there is no place for an error.
    this.isOver = ends.length > 0 && this.#mayBeLost;
    if (!this.isOver) expect(ends).toEqual([]);
  }

  get #mayBeLost(): boolean {
    return this.hasLost() && (this.owed.length > 0 || this.isInTransaction);
  }

  #query(text: string, error?: string): void {
    this.#unnamed = undefined;
    this.#owe(text.includes("token") ? `answer ${text}` : "", error);
    this.#write(frontend.query(text));
  }

  #runPrepared(token: string): void {
    const text = `select prepared${lastToken % 3}`;
    const name = `${text} ${this.#names}`;
    if (this.#prepared.has(name)) {
      this.#owe(`answer ${text} ${token}`);
      this.#write(...runOf(name, token));
      return;
    }
    // Until it is answered nobody knows whether it is there.
    if (this.owed.length > 0) return;
    this.#owe("");
    this.#write(frontend.parse(text, name), frontend.sync());
    this.#prepared.add(name);
  }

  #owe(answer: string, error?: string): void {
    const errors = new Set(error === undefined ? [] : [error]);
    const before = this.owed.flatMap((owed) => [...owed.errors]);
    for (const code of ["25P02", "26000"]) if (before.includes(code)) errors.add(code);
    if (this.isInTransaction) errors.add("25P02");
    this.owed.push({ answer, errors });
  }

  #write(...messages: readonly Uint8Array[]): void {
    this.client.connection.write(Buffer.concat(messages));
  }

  #hear(tag: string, body: string): void {
    if (tag === "D") this.#heard.push(/answer [\w ]+/.exec(body)?.[0] ?? body.slice(-LARGE.length));
    if (tag === "E") this.#hearError(body);
    if (tag !== "Z") return;
    const owed = this.owed.shift();
    if (this.owed.length === 0) this.isInTransaction = body !== "I";
    const heard = this.#heard.filter((row) => row !== LARGE).join(", ");
    this.#heard = [];
    if (owed === undefined) return void this.faults.push(`nobody asked for ${heard}`);
    const isError = owed.errors.has(heard.slice(-5));
    if (!isError && heard !== owed.answer) this.faults.push(`${heard} instead of ${owed.answer}`);
  }

  #hearError(body: string): void {
    const code = /\0C(\w{5})\0/.exec(body)?.[1] ?? "";
    if (!body.includes("VFATAL")) {
      this.#heard.push(code);
      return;
    }
    if (!this.#mayBeLost) this.faults.push(`FATAL ${code} out of the blue`);
    if (code !== "08006" && code !== "57P01") this.faults.push(`FATAL ${code}`);
    this.isOver = true;
  }
}

function runOf(name: string, token: string): readonly Uint8Array[] {
  return [frontend.bind("", name, [token]), frontend.execute(), frontend.sync()];
}

class World {
  readonly kit: MultiplexedKit;
  readonly servers: ModelServer[] = [];
  readonly clients: ModelClient[];
  #hasLost = false;
  /** Cancel requests that have struck. */
  #struck = 0;

  constructor(retriesReadOnly: boolean) {
    this.kit = new MultiplexedKit({ size: SIZE, retriesReadOnly });
    this.clients = Array.from({ length: CLIENTS }, (_, place) => {
      const settings = SETTINGS[place];
      return new ModelClient(this.kit.client(settings), () => this.#hasLost);
    });
  }

  async make(move: Move): Promise<void> {
    const client = this.clients[("who" in move ? move.who : 0) % CLIENTS];
    this.#meet();
    const open = this.servers.filter(({ isOpen }) => isOpen);
    const server = open[("who" in move ? move.who : 0) % Math.max(1, open.length)];
    switch (move.kind) {
      case "ask":
        client?.ask(move.what);
        break;
      case "answer":
        server?.answer(move.messages, move.share);
        break;
      case "pass":
        await this.kit.pass(move.ms);
        break;
      case "cancel":
        client?.cancel();
        break;
      case "stall":
      case "drain":
        if (client !== undefined) client.client.gatewayEnd.isBlocked = move.kind === "stall";
        break;
      case "leave":
        client?.leave(move.how);
        break;
      case "lose":
        this.#hasLost = true;
        server?.leave(move.farewell);
        break;
      case "strike":
        this.#strike();
        break;
    }
    await this.kit.pass(0);
    this.#meet();
    for (const one of this.clients) one.check();
  }

  /** From now on everything goes well: everybody hears what is due, and nothing is left in the end. */
  async recover(): Promise<void> {
    for (const { client } of this.clients) client.gatewayEnd.isBlocked = false;
    for (let round = 0; round < 200 && !this.#isQuiet; round++) {
      for (const client of this.clients) {
        if (client.owed.length === 0 && client.isInTransaction) client.ask("commit");
      }
      this.#strike();
      this.#meet();
      for (const server of this.servers) if (server.isOpen) server.answer(20, 1);
      await this.kit.pass(round < 100 ? 5 : 500);
      for (const client of this.clients) client.check();
    }
    const owed = this.clients.map((client) => (client.isOver ? [] : client.owed));
    expect(owed.flat()).toEqual([]);
    expect(this.kit.snapshot).toMatchObject({ idle: SIZE, leased: 0, waiting: 0 });
    await this.kit.expectClean();
  }

  get #isQuiet(): boolean {
    return (
      this.kit.snapshot.idle === SIZE &&
      this.clients.every(({ isOver, owed, isInTransaction }) => {
        return isOver || (owed.length === 0 && !isInTransaction);
      })
    );
  }

  /** The requests to cancel reach their servers, which then close the connections of these. */
  #strike(): void {
    for (const backend of this.kit.cancelled.slice(this.#struck)) {
      this.servers.find((server) => server.is(backend))?.strike();
    }
    this.#struck = this.kit.cancelled.length;
    this.kit.cancelling.resolve();
    this.kit.cancelling = Promise.withResolvers();
  }

  #meet(): void {
    for (const end of this.kit.backends.slice(this.servers.length)) {
      this.servers.push(new ModelServer(end));
    }
  }
}

const SETTINGS: readonly (Settings | undefined)[] = [
  new Settings([["application_name", "report"]]),
  new Settings([["DateStyle", "German, DMY"]]),
];

test(
  "clients that share hear what they have asked for, whatever happens",
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(anyMove, { minLength: 1, maxLength: 80, size: "max" }),
        async (retriesReadOnly, moves) => {
          const world = new World(retriesReadOnly);
          await world.kit.fill();
          for (const move of moves) await world.make(move);
          await world.recover();
        },
      ),
      { numRuns: times(300, 20_000), seed: SEED },
    );
  },
  times(60_000, 3_600_000),
);
