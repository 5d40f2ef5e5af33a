/** The head of the page: what runs, how it is, and the figures that tell most. */
import type { GetStatusResponse, Pool } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { element, part, setAttributes, setText } from "./element.ts";
import { count, duration, NONE, rate, span, word } from "./format.ts";
import type { Moment } from "./history.ts";
import type { JsonOf } from "./json-of.ts";

type StatusJson = JsonOf<GetStatusResponse>;
type PoolJson = JsonOf<Pool>;

/** What becomes of a tile that tells of something unusual. */
type Kind = "" | "warn" | "bad";

class Tile {
  readonly element: HTMLElement;
  readonly #value = element("dd");
  readonly #note = element("dd", { class: "note" });

  constructor(title: string) {
    this.element = element(
      "div",
      { class: "tile" },
      element("dt", {}, title),
      this.#value,
      this.#note,
    );
  }

  show(value: string, note: string, kind: Kind = ""): void {
    setText(this.#value, value);
    setText(this.#note, note);
    setAttributes(this.element, { class: kind === "" ? "tile" : `tile ${kind}` });
  }
}

export class Overview {
  readonly #state = part("state", HTMLElement);
  readonly #facts = part("facts", HTMLElement);
  readonly #reasons = part("reasons", HTMLElement);
  readonly #clients = new Tile("Clients");
  readonly #throughput = new Tile("Transactions/s");
  readonly #latency = new Tile("Latency p95");
  readonly #connections = new Tile("Server connections");
  readonly #waiting = new Tile("Waiting");
  readonly #errors = new Tile("Errors/s");

  constructor() {
    const tiles = [
      this.#throughput,
      this.#latency,
      this.#clients,
      this.#connections,
      this.#waiting,
      this.#errors,
    ];
    part("tiles", HTMLElement).append(...tiles.map((tile) => tile.element));
  }

  showStatus(status: StatusJson): void {
    const phase = word(status.phase, "PHASE_");
    const isServing = phase === "serving" && status.reasons.length === 0;
    setText(this.#state, isServing || phase !== "serving" ? phase : "not serving");
    setAttributes(this.#state, {
      class: `pill ${isServing ? "good" : phase === "serving" ? "bad" : "warn"}`,
    });
    setText(
      this.#facts,
      `${status.version} · up ${span(status.uptimeSeconds)} · pid ${status.pid}`,
    );
    setAttributes(this.#facts, { title: status.versionInfo });
    setText(this.#reasons, status.reasons.join(". "));
    this.#reasons.hidden = status.reasons.length === 0;
    const clients = status.groups.reduce((total, group) => total + group.clients, 0);
    const [group] = status.groups;
    const where =
      status.groups.length === 1 && group !== undefined
        ? `at ${group.addresses.join(", ")}`
        : `in ${status.groups.length} groups`;
    this.#clients.show(count(clients), where);
  }

  showPools(pools: readonly PoolJson[]): void {
    const sum = (figure: (pool: PoolJson) => number): number =>
      pools.reduce((total, pool) => total + figure(pool), 0);
    const [used, size, idle] = [
      sum(({ leased }) => leased),
      sum(({ size }) => size),
      sum(({ available }) => available),
    ];
    this.#connections.show(`${count(used)} of ${count(size)}`, `in use, ${count(idle)} idle`);
  }

  /** @param longestMs how long the first of them has waited */
  showWaiting(waiting: number, longestMs: number): void {
    const note = waiting === 0 ? "nobody waits" : `the longest for ${duration(longestMs / 1_000)}`;
    this.#waiting.show(count(waiting), note, waiting === 0 ? "" : "warn");
  }

  /**
   * @param moment the last one; undefined: nothing is counted
   * @param blocks of how many blocks it is
   */
  showMoment(moment: Moment | undefined, blocks: number): void {
    if (moment === undefined) {
      for (const tile of [this.#throughput, this.#latency, this.#errors])
        tile.show(NONE, "no figures");
      return;
    }
    const { transactionsPerSecond, unitsPerSecond, latencyMs, errorsPerSecond } = moment;
    this.#throughput.show(rate(transactionsPerSecond), `${rate(unitsPerSecond)} units/s`);
    if (latencyMs === undefined) this.#latency.show(NONE, "nothing was asked");
    else {
      const p50 = `p50 ${duration(latencyMs.p50 / 1_000)}`;
      const whose = blocks > 1 ? `${p50}, the slowest block` : p50;
      this.#latency.show(duration(latencyMs.p95 / 1_000), whose);
    }
    this.#errors.show(
      rate(errorsPerSecond),
      "that clients were told",
      errorsPerSecond > 0 ? "warn" : "",
    );
  }
}
