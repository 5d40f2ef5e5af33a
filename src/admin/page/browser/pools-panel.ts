/** A card for each block: how its server connections are used, and who waits for one. */
import type { Pool } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { element, setAttributes, setText } from "./element.ts";
import { count, duration, NONE, rate } from "./format.ts";
import { nameOf } from "./history.ts";
import type { BlockName, Moment } from "./history.ts";
import type { JsonOf } from "./json-of.ts";

type PoolJson = JsonOf<Pool>;

interface Card {
  readonly element: HTMLElement;
  /** @param moment the last one that is known */
  show(pool: PoolJson, moment: Moment | undefined): void;
}

export class PoolsPanel {
  readonly #list: HTMLElement;
  readonly #cards = new Map<string, Card>();

  constructor(list: HTMLElement) {
    this.#list = list;
  }

  show(pools: readonly PoolJson[], momentOf: (block: BlockName) => Moment | undefined): void {
    const left = new Set(this.#cards.keys());
    for (const [index, pool] of pools.entries()) {
      const name = nameOf(pool);
      left.delete(name);
      const card = this.#cards.get(name) ?? newCard(name);
      this.#cards.set(name, card);
      card.show(pool, momentOf(pool));
      const there = this.#list.children[index];
      if (there !== card.element) this.#list.insertBefore(card.element, there ?? null);
    }
    for (const name of left) {
      this.#cards.get(name)?.element.remove();
      this.#cards.delete(name);
    }
  }
}

/** The parts of the bar, from the left. */
const PARTS = [
  { key: "used", title: "in use" },
  { key: "idle", title: "idle" },
  { key: "retiring", title: "closing" },
  { key: "open", title: "not opened" },
] as const;

function newCard(name: string): Card {
  const mode = element("span", { class: "mode" });
  const state = element("span", { class: "pill" });
  const address = element("p", { class: "address" });
  const bar = element("div", { class: "bar", role: "img" });
  const pieces = PARTS.map(({ key }) => element("span", { class: `piece ${key}` }));
  bar.append(...pieces);
  const figures = PARTS.map(({ key, title }) => {
    const value = element("dd");
    return { key, value, entry: element("div", { class: key }, element("dt", {}, title), value) };
  });
  const throughput = element("dd");
  const latency = element("dd");
  const traffic = element(
    "dl",
    { class: "traffic" },
    element("div", {}, element("dt", {}, "transactions/s"), throughput),
    element("div", {}, element("dt", {}, "p95"), latency),
  );
  const waiting = element("dd");
  const waitingEntry = element("div", { class: "waiting" }, element("dt", {}, "waiting"), waiting);
  const card = element(
    "li",
    { class: "card" },
    element("div", { class: "title" }, element("h3", {}, name), mode, state),
    address,
    bar,
    element("dl", {}, ...figures.map(({ entry }) => entry), waitingEntry),
    traffic,
  );
  return {
    element: card,
    show: (pool, moment) => {
      setText(throughput, moment === undefined ? NONE : rate(moment.transactionsPerSecond));
      const p95 = moment?.latencyMs?.p95;
      setText(latency, p95 === undefined ? NONE : duration(p95 / 1_000));
      const shares = sharesOf(pool);
      setText(mode, pool.mode);
      setText(address, pool.address);
      const { word, kind } = stateOf(pool);
      setText(state, word);
      setAttributes(state, { class: `pill ${kind}` });
      state.hidden = word === "";
      for (const [index, { key }] of PARTS.entries()) {
        const piece = pieces[index];
        if (piece === undefined) continue;
        piece.style.flexGrow = String(shares[key]);
        piece.hidden = shares[key] === 0;
      }
      for (const { key, value, entry } of figures) {
        setText(value, count(shares[key]));
        entry.hidden = key === "retiring" && shares[key] === 0;
      }
      setText(waiting, count(pool.waiting));
      setAttributes(waitingEntry, { class: pool.waiting > 0 ? "waiting some" : "waiting" });
      setAttributes(bar, {
        "aria-label": `${shares.used} of ${pool.size} server connections in use, ${shares.idle} idle`,
      });
    },
  };
}

function sharesOf({ size, leased, available, retiring }: PoolJson) {
  const open = Math.max(0, size - leased - available - retiring);
  return { used: leased, idle: available, retiring, open };
}

/** What is unusual about it; no word where nothing is. */
function stateOf({ isPaused, isLive, waiting }: PoolJson) {
  if (!isLive) return { word: "no server", kind: "bad" };
  if (isPaused) return { word: "paused", kind: "warn" };
  if (waiting > 0) return { word: "busy", kind: "warn" };
  return { word: "", kind: "" };
}
