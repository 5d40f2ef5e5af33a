import type { CaseRun } from "./compare.ts";
import { startupPacket } from "../kit/index.ts";
import { Disturber } from "./disturber.ts";
import type { Endpoint } from "./endpoints.ts";
import type { ParityCase } from "./parity-case.ts";
import { ParitySession } from "./parity-session.ts";
import { Tap } from "./tap.ts";
import { Transcript } from "./transcript.ts";

/** How long what ought to come is waited for. */
export interface Patience {
  /** A message to a session of the case. */
  readonly messageMs: number;
  /** A server connection for somebody else. */
  readonly othersMs: number;
}

const PATIENT: Patience = { messageMs: 10_000, othersMs: 10_000 };

/** Where one run of a case takes place: its connections, and what they received. */
export class Stage {
  readonly #endpoint: Endpoint;
  readonly #disturber: Disturber;
  readonly #patience: Patience;
  readonly #transcripts: Transcript[] = [];
  readonly #sessions: ParitySession[] = [];
  readonly #taps: Tap[] = [];

  private constructor(endpoint: Endpoint, disturber: Disturber, patience: Patience) {
    this.#endpoint = endpoint;
    this.#disturber = disturber;
    this.#patience = patience;
  }

  /**
   * Runs a case, to its end or as far as it comes.
   *
   * @param patience how long what ought to come is waited for
   */
  static async run(
    parityCase: ParityCase,
    endpoint: Endpoint,
    patience: Patience = PATIENT,
  ): Promise<CaseRun> {
    const disturber = await Disturber.start(endpoint, patience.othersMs);
    const stage = new Stage(endpoint, disturber, patience);
    try {
      await parityCase.script(stage);
      for (const session of stage.#sessions) await session.leave();
      for (const tap of stage.#taps) await tap.quiet();
      return { transcripts: stage.#transcripts };
    } catch (failure) {
      return { transcripts: stage.#transcripts, failure };
    } finally {
      for (const session of stage.#sessions) await session[Symbol.asyncDispose]();
      for (const tap of stage.#taps) await tap[Symbol.asyncDispose]();
      await disturber[Symbol.asyncDispose]();
    }
  }

  /** Name of the database, which is not the same at all endpoints. */
  get database(): string {
    return this.#endpoint.database;
  }

  /** Connects, sends a StartupMessage and waits for nothing. */
  async connect(parameters: Readonly<Record<string, string>> = {}): Promise<ParitySession> {
    const asked = { user: "postgres", database: this.database, ...parameters };
    return await this.raw(startupPacket(asked));
  }

  /** Connects, sends any first packet and waits for nothing. */
  async raw(packet: Uint8Array): Promise<ParitySession> {
    const transcript = new Transcript(`client ${this.#transcripts.length + 1}`);
    this.#transcripts.push(transcript);
    const session = await ParitySession.start(this.#endpoint.target, packet, transcript, {
      beforeUnit: async () => {
        if (this.#sessions.every(({ isIdle }) => isIdle)) await this.disturb();
      },
      patienceMs: this.#patience.messageMs,
    });
    this.#sessions.push(session);
    return session;
  }

  /** A client that has logged in. */
  async session(parameters?: Readonly<Record<string, string>>): Promise<ParitySession> {
    const session = await this.connect(parameters);
    await session.ready();
    return session;
  }

  /** Lets others use the server connections. Sessions do that themselves, before a unit. */
  async disturb(): Promise<void> {
    await this.#disturber.disturb();
  }

  /** A port for a driver, whose connections are taken down. */
  async tap(): Promise<Tap> {
    const tap = await Tap.start(this.#endpoint.target, this.#transcripts);
    this.#taps.push(tap);
    return tap;
  }
}
