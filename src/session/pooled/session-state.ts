/**
 * What a session is beyond a connection: its settings, its prepared statements, what it was told of
 * itself, and what ties it to one backend. It goes with the client from backend to backend.
 */
import type { PooledBackend, SharedStatement } from "../../backend/index.ts";
import { restoreStatements, setStatements } from "../../postgres/index.ts";
import type { AnswerLedger, Notice, Settings } from "../../postgres/index.ts";
import type { FactsSource } from "../session-facts.ts";
import { DueList } from "./due-list.ts";
import { parameterDifference } from "./parameter-difference.ts";
import { Pins } from "./pins.ts";
import type { PooledRelayOptions } from "./pooled-relay-options.ts";
import type { PooledMode } from "./pooling.ts";
import type { RequestPolicy } from "./request-stream.ts";
import { ResetReader } from "./reset-reader.ts";
import { SessionStatements } from "./session-statements.ts";
import { SettingsWatch } from "./settings-watch.ts";

/** Sessions of different names may share a backend: nothing that they may run there depends on it. */
const APPLICATION_NAME = "application_name";

export class SessionState implements FactsSource {
  readonly #ledger: AnswerLedger;
  readonly #mode: PooledMode;
  readonly #pins: Pins;
  readonly #watch: SettingsWatch;
  /** None in session mode: the backend is the session's own. */
  readonly statements: SessionStatements | undefined;
  /** What has to do with the requests of the client; undefined when nothing has. */
  readonly policy: RequestPolicy | undefined;
  /** What the server's answers mean for the session. */
  readonly due = new DueList();
  #settings: Settings;
  #told: ReadonlyMap<string, string>;
  /** Its application_name, while what it was told last is of a backend that has another one's. */
  #ownName: string | undefined;

  /** The facts go by this session from now on. */
  constructor(options: PooledRelayOptions, ledger: AnswerLedger) {
    const { block, asked, settings, told, ownName, statements, facts } = options;
    const { mode, statements: catalog } = block;
    const pins = new Pins(mode, block.pinBudget, options);
    this.#ledger = ledger;
    this.#mode = mode;
    this.#settings = settings;
    this.#told = told;
    this.#ownName = ownName;
    this.#pins = pins;
    this.#watch = new SettingsWatch(asked, settings);
    if (mode !== "session") {
      const parts = { ledger, due: this.due, pins, watch: this.#watch, catalog };
      this.statements = new SessionStatements(parts, statements);
      this.policy = this.statements;
    } else if (asked.values.size > 0) {
      this.policy = new ResetReader(ledger, this.#watch);
    }
    facts.source = this;
  }

  /** What the client has set, as far as is known. */
  get settings(): Settings {
    return this.#settings;
  }

  get transactionStatus(): number {
    return this.#ledger.transactionStatus;
  }

  get applicationName(): string | undefined {
    return this.#toldOf(APPLICATION_NAME);
  }

  /** What the client knows of its session's parameters, but for {@link ownName}. */
  get told(): ReadonlyMap<string, string> {
    return this.#told;
  }

  get ownName(): string | undefined {
    return this.#ownName;
  }

  /** The prepared statement that the client knows by this name. */
  named(name: string): SharedStatement | undefined {
    return this.statements?.named(name);
  }

  /** It has nothing on a backend, but for what another one can be given: it can be laid aside without any. */
  get isPortable(): boolean {
    return this.#mode === "session" || !this.isTied;
  }

  /** It has something on its backend that no other one can give it. */
  get isTied(): boolean {
    return !this.#pins.areNone;
  }

  /** Why; undefined when it is not. */
  get pinReason(): string | undefined {
    return this.#pins.reason || undefined;
  }

  /** It is over. What it has on its backend is still to be seen here. */
  end(): void {
    this.#pins.end();
  }

  /** What is set has to be asked for before anybody else gets the backend. */
  get isUnsettled(): boolean {
    if (this.#watch.hasReset) return true;
    // Session mode needs no knowledge: whatever is set is reset in the end.
    if (this.#mode === "session" || !this.#watch.isTouched) return false;
    return this.statements?.mustNotBeAsked !== true;
  }

  /** What it resets in a transaction is set again there: it goes on. */
  get settlesWithin(): boolean {
    return this.#mode !== "statement" && this.statements?.mustNotBeAsked !== true;
  }

  /** It has reset what its startup asked for, which has to be set again before it goes on. */
  get hasReset(): boolean {
    return this.#watch.hasReset;
  }

  /** It leaves something behind that must not be met by others. */
  get isDirty(): boolean {
    return this.#mode === "session" || this.#watch.isTouched || this.isTied;
  }

  /** The backend is as this session left its last one. */
  isAt(backend: PooledBackend): boolean {
    return backend.settings.equals(this.#settings);
  }

  /**
   * Goes on at a backend where its settings are in force.
   * @param isShared for a unit among those of others: all but its application_name is in force
   * @returns what the client is to be told first: another backend may report something else
   */
  begin(backend: PooledBackend, isShared: boolean): Uint8Array | undefined {
    this.#watch.begin();
    this.statements?.begin(backend.statements, this.#settings);
    return this.news(backend, isShared);
  }

  /** What the client has to be told of the parameters; undefined if it knows. */
  news({ parameters }: PooledBackend, isShared = false): Uint8Array | undefined {
    if (parameters === this.#told && (isShared || this.#ownName === undefined)) return undefined;
    const except = isShared ? APPLICATION_NAME : undefined;
    const difference = parameterDifference((name) => this.#toldOf(name), parameters, except);
    this.#ownName = isShared ? this.#toldOf(APPLICATION_NAME) : undefined;
    this.#told = parameters;
    return difference.length === 0 ? undefined : difference;
  }

  #toldOf(name: string): string | undefined {
    const isOwn = name === APPLICATION_NAME && this.#ownName !== undefined;
    return isOwn ? this.#ownName : this.#told.get(name);
  }

  /**
   * The server has changed a parameter.
   * @returns the client is to hear of it at once: not of what a reset has made of it, see {@link hasReset}
   */
  reported(backend: PooledBackend, name: string, value: string): boolean {
    backend.report(name, value);
    this.#watch.touch();
    this.statements?.settingsChanged();
    if (this.#watch.hasReset) return false;
    this.#told = backend.parameters;
    return true;
  }

  /**
   * Brings the backend to the settings of this session, all of them or none.
   * @returns the server's reason against it; undefined when they are in force
   * @throws GatewayError when the connection is lost with it
   */
  async restore(backend: PooledBackend): Promise<Notice | undefined> {
    const { error } = await backend.run(restoreStatements(backend.settings, this.#settings) ?? "");
    if (error === undefined) backend.settings = this.#settings;
    return error;
  }

  /**
   * The same for what was reset, in the transaction that goes on.
   * @returns the server's reason against it
   * @throws GatewayError when the connection is lost with it
   */
  async settleWithin(backend: PooledBackend): Promise<Notice | undefined> {
    backend.connection.resume();
    const statements = setStatements(this.#watch.takeResets());
    return (await backend.run(statements, { mayBeInTransaction: true })).error;
  }

  /**
   * Asks the backend what is set on it now: rolled back, canonical and indirect settings are seen so. What
   * was reset is set again as the client's startup asked for: the server would go back to its own.
   * @returns the server's reason against it; undefined when this session knows
   * @throws GatewayError when the connection is lost with it
   */
  async settle(backend: PooledBackend): Promise<Notice | undefined> {
    // A client that does not read may have left it paused.
    backend.connection.resume();
    const { rows, error } = await backend.run(this.#watch.query);
    if (error !== undefined) return error;
    const { present, wanted } = this.#watch.settle(rows);
    backend.settings = present;
    this.#settings = wanted;
    return wanted === present ? undefined : await this.restore(backend);
  }
}
