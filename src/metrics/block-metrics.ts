/** What happens to the sessions of one block, counted: amid traffic, in plain fields. */
import type { ErrorCode } from "../errors.ts";
import { ByteMeter } from "../watch/index.ts";
import type { BlockListener, WatchedSession, WatchedUnit } from "../watch/index.ts";
import { Buckets, QUERY_BOUNDS } from "./buckets.ts";
import type { Figures } from "./figures.ts";
import type { BlockCounts } from "./history.ts";
import { Tally } from "./tally.ts";

/** Anybody may raise an error of any SQLSTATE. */
const MAX_SQL_STATES = 200;
/** Of a ReadyForQuery outside of transactions. */
const IDLE = 0x49;
/** An error that could not be read. */
const NO_SQL_STATE = "unknown";

export class BlockMetrics implements BlockListener {
  readonly clientMeter = new ByteMeter();
  readonly serverMeter = new ByteMeter();
  readonly #queries = new Buckets(QUERY_BOUNDS);
  readonly #waits = new Buckets(QUERY_BOUNDS);
  readonly #logins = new Buckets(QUERY_BOUNDS);
  readonly #errors = new Tally(MAX_SQL_STATES);
  readonly #waitFailures = new Tally();
  #units = 0;
  #cutOff = 0;
  #transactions = 0;
  #multiplexed = 0;
  #cancels = 0;
  terminations = 0;

  loggedIn(_session: WatchedSession, tookMs: number): void {
    this.#logins.observe(tookMs);
  }

  waited(_session: WatchedSession, waitedMs: number, failure: ErrorCode | undefined): void {
    if (failure === undefined) this.#waits.observe(waitedMs);
    else this.#waitFailures.add(failure);
  }

  cancelSent(): void {
    this.#cancels++;
  }

  failed(_session: WatchedSession, sqlState: string): void {
    this.#errors.add(sqlState === "" ? NO_SQL_STATE : sqlState);
  }

  unitEnded(unit: WatchedUnit, tookMs: number): void {
    this.#units++;
    if (unit.transactionStatus === IDLE) this.#transactions++;
    else if (unit.transactionStatus === 0) this.#cutOff++;
    if (unit.isMultiplexed) this.#multiplexed++;
    if (unit.traceId === undefined) this.#queries.observe(tookMs);
    else this.#queries.observeTraced(tookMs, unit.traceId, Date.now());
  }

  /** What has come together so far. */
  counts(): BlockCounts {
    return {
      units: this.#units,
      transactions: this.#transactions,
      errors: this.#errors.total,
      receivedBytes: this.clientMeter.readBytes,
      sentBytes: this.clientMeter.writtenBytes,
      unitMs: this.#queries.sumMs,
      waitMs: this.#waits.sumMs,
      queries: [...this.#queries.counts],
      waits: [...this.#waits.counts],
    };
  }

  collect(figures: Figures, group: string, block: string): void {
    const labels = { group, block };
    this.#collectBytes(figures, labels);
    figures.set("gatewayd_proxy_passthrough_terminations_total", labels, this.terminations);
    figures.histogram("gatewayd_login_duration_seconds", labels, this.#logins);
    figures.histogram("gatewayd_query_duration_seconds", labels, this.#queries);
    figures.set("gatewayd_units_total", labels, this.#units);
    figures.set("gatewayd_units_cut_off_total", labels, this.#cutOff);
    figures.set("gatewayd_transactions_total", labels, this.#transactions);
    figures.set("gatewayd_multiplexed_units_total", labels, this.#multiplexed);
    figures.set("gatewayd_cancels_total", labels, this.#cancels);
    figures.histogram("gatewayd_backend_wait_duration_seconds", labels, this.#waits);
    for (const [sqlstate, count] of this.#errors.entries()) {
      figures.set("gatewayd_errors_total", { ...labels, sqlstate }, count);
    }
    for (const [code, count] of this.#waitFailures.entries()) {
      figures.set("gatewayd_backend_wait_failures_total", { ...labels, code }, count);
    }
  }

  #collectBytes(figures: Figures, labels: { group: string; block: string }): void {
    const { clientMeter: client, serverMeter: server } = this;
    const bytes = client.readBytes + client.writtenBytes + server.readBytes + server.writtenBytes;
    const pieces = client.reads + client.writes + server.reads + server.writes;
    figures.summary("gatewayd_bytes_received_from_client", labels, client.readBytes, client.reads);
    figures.summary("gatewayd_bytes_sent_to_server", labels, server.writtenBytes, server.writes);
    figures.summary("gatewayd_bytes_received_from_server", labels, server.readBytes, server.reads);
    figures.summary("gatewayd_bytes_sent_to_client", labels, client.writtenBytes, client.writes);
    figures.summary("gatewayd_traffic_bytes", labels, bytes, pieces);
    figures.set("gatewayd_proxy_passthroughs_to_client_total", labels, client.writes);
    figures.set("gatewayd_proxy_passthroughs_to_server_total", labels, server.writes);
  }
}
