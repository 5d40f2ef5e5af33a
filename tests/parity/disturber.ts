import { connectWire, waitFor, type WireClient } from "../kit/index.ts";
import type { Endpoint } from "./endpoints.ts";
import { bind, execute, flush, parse, query, sync, terminate } from "./messages.ts";

/**
 * Other clients of the same user and database. One keeps to the defaults, the other has everything set
 * differently: where a server connection goes from hand to hand, both what must be restored and what must be
 * taken away is met.
 */
const OTHERS: readonly Readonly<Record<string, string>>[] = [
  {
    application_name: "somebody else",
    DateStyle: "German",
    TimeZone: "Asia/Tokyo",
    IntervalStyle: "iso_8601",
    client_encoding: "LATIN1",
    options:
      "-c bytea_output=escape -c extra_float_digits=-5 -c search_path=elsewhere " +
      "-c standard_conforming_strings=off -c work_mem=1234kB -c role=parity_guest",
  },
  {},
];

/** Leaves behind what a session can leave on a server connection. */
const REMAINS = [
  "set datestyle to german",
  "set search_path to elsewhere",
  "create temporary table left_behind (x int)",
  "create temporary table numbers (wrong text)",
  "prepare s1 as select 'wrong'",
  "listen parity",
  "declare c1 cursor with hold for select 'wrong'",
  "select pg_advisory_lock(1)",
  "set role parity_guest",
];

/** Lets other clients use the server connections of an endpoint, at given points. */
export class Disturber implements AsyncDisposable {
  readonly #isInTurns: boolean;
  readonly #patienceMs: number;
  readonly #others: WireClient[] = [];
  /** Which of the others keeps a server connection now. */
  #holder: number | undefined;

  private constructor(isInTurns: boolean, patienceMs: number) {
    this.#isInTurns = isInTurns;
    this.#patienceMs = patienceMs;
  }

  /** @param patienceMs how long the others wait for a server connection */
  static async start(endpoint: Endpoint, patienceMs: number): Promise<Disturber> {
    const { target, others, sharing, database } = endpoint;
    const disturber = new Disturber(sharing === "turns", patienceMs);
    if (others === "before") await leaveRemains(endpoint);
    if (others !== "between") return disturber;
    for (const parameters of OTHERS) {
      const client = await connectWire(target);
      disturber.#others.push(client);
      await client.login({ user: "postgres", database, ...parameters });
    }
    await disturber.disturb();
    return disturber;
  }

  /**
   * With two server connections: the one that was free goes to one of the others, and the one the other had is
   * free now. With more of them: the others come and go.
   */
  async disturb(): Promise<void> {
    const next = this.#holder === 0 ? 1 : 0;
    const [comer, leaver] = [this.#others[next], this.#others[1 - next]];
    if (comer === undefined || leaver === undefined) return;
    await this.#take(comer);
    if (!this.#isInTurns) await giveBack(comer);
    else if (this.#holder !== undefined) await giveBack(leaver);
    this.#holder = next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#others) {
      // Without its Sync the batch would cost the server connection.
      client.send(Buffer.concat([sync(), terminate()]));
      await client.ended();
      await client[Symbol.asyncDispose]();
    }
  }

  /** A batch that is not ended keeps its server connection, in every mode. */
  async #take(client: WireClient): Promise<void> {
    const text = "select 'of somebody else', $1::date";
    const messages = [parse("", text), bind("", ["01.02.2003"]), execute(), flush()];
    client.send(Buffer.concat(messages));
    const isAnswered = () => client.received.length > 0 || client.hasEnded;
    await waitFor("somebody else to get a server connection", isAnswered, {
      deadlineMs: this.#patienceMs,
      intervalMs: 1,
    });
    for (;;) {
      const { type, body } = await client.message();
      if (type === "C") return;
      if (type === "E") throw new Error(`somebody else was refused: ${body.toString("latin1")}`);
    }
  }
}

async function giveBack(client: WireClient): Promise<void> {
  client.send(sync());
  await client.messagesUntil("Z");
}

async function leaveRemains({ target, database }: Endpoint): Promise<void> {
  await using client = await connectWire(target);
  await client.login({ user: "postgres", database });
  for (const text of REMAINS) {
    client.send(query(text));
    const answer = await client.messagesUntil("Z");
    if (answer.some(({ type }) => type === "E")) throw new Error(`"${text}" has failed`);
  }
  client.send(parse("s2", "select 'wrong'"));
  client.send(sync());
  await client.messagesUntil("Z");
}
