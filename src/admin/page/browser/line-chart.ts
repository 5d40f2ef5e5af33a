/**
 * Lines over time, drawn anew with each answer. What it shows is told in words, too; with the arrow keys or the
 * pointer one goes through its moments.
 */
import { drawing, element, setAttributes, setText } from "./element.ts";
import { clock, NONE } from "./format.ts";
import { axisUpTo, linear, linePath, nearest, timeTicks } from "./scale.ts";
import type { Scale } from "./scale.ts";

export interface Series {
  readonly name: string;
  /** One for each moment; undefined where there is none. */
  readonly values: readonly (number | undefined)[];
}

export interface ChartData {
  /** Ascending. */
  readonly momentsMs: readonly number[];
  /** At most three; the last is drawn first. */
  readonly series: readonly Series[];
  readonly fromMs: number;
  readonly toMs: number;
}

export interface ChartOptions {
  readonly title: string;
  readonly format: (value: number) => string;
  /** For the axis, where there is little room. */
  readonly formatTick: (value: number) => string;
}

const HEIGHT = 190;
const MARGIN = { top: 10, right: 8, bottom: 22, left: 52 } as const;
const LINES = 4;
/** Of the width of a time. */
const HALF_A_TIME = 16;
const MINUTE_MS = 60_000;
/** So many lines for times are enough. */
const MAX_TIMES = 6;

export class LineChart {
  readonly element: HTMLElement;
  readonly #options: ChartOptions;
  readonly #plot: HTMLElement;
  readonly #svg = drawing("svg", { "aria-hidden": "true", height: HEIGHT });
  readonly #cursor = drawing("g", { class: "cursor" });
  readonly #moment = element("span", { class: "moment" });
  readonly #legend = element("ul", { class: "legend" });
  readonly #summary: HTMLElement;
  #data: ChartData = { momentsMs: [], series: [], fromMs: 0, toMs: 1 };
  #scales: { readonly x: Scale; readonly y: Scale } = { x: () => 0, y: () => 0 };
  /** The moment that is pointed at; undefined: the last one. */
  #pointedMs: number | undefined;

  /** @param id for the parts that speak of each other */
  constructor(id: string, options: ChartOptions) {
    this.#options = options;
    const { title } = options;
    this.#summary = element("p", { id: `${id}-summary`, class: "visually-hidden" });
    this.#plot = element("div", {
      class: "plot",
      role: "slider",
      tabindex: 0,
      "aria-label": `${title}: moments, by the arrow keys`,
      "aria-describedby": `${id}-summary`,
    });
    this.#plot.append(this.#svg);
    const heading = element("h3", {}, title);
    this.element = element(
      "figure",
      { class: "chart", id },
      element("figcaption", {}, heading, this.#moment, this.#legend),
      this.#plot,
      this.#summary,
    );
    this.#listen();
  }

  show(data: ChartData): void {
    this.#data = data;
    this.#draw();
  }

  #listen(): void {
    const plot = this.#plot;
    plot.addEventListener("pointermove", ({ clientX }) =>
      this.#pointAt(clientX - plot.getBoundingClientRect().left),
    );
    plot.addEventListener("pointerleave", () => this.#point(undefined));
    plot.addEventListener("blur", () => this.#point(undefined));
    plot.addEventListener("keydown", (event) => {
      const index = this.#indexAfter(event.key);
      if (index === undefined) return;
      event.preventDefault();
      this.#point(this.#data.momentsMs[index]);
    });
    new ResizeObserver(() => this.#draw()).observe(plot);
  }

  /** Where a key leads to; undefined: it is none of ours. */
  #indexAfter(key: string): number | undefined {
    const last = this.#data.momentsMs.length - 1;
    const within = (index: number): number => Math.min(last, Math.max(0, index));
    const at = this.#index();
    switch (key) {
      case "ArrowLeft":
      case "ArrowDown":
        return within(at - 1);
      case "ArrowRight":
      case "ArrowUp":
        return within(at + 1);
      case "PageDown":
        return within(at - 12);
      case "PageUp":
        return within(at + 12);
      case "Home":
        return 0;
      case "End":
      case "Escape":
        return last;
      default:
        return undefined;
    }
  }

  #pointAt(x: number): void {
    const { momentsMs } = this.#data;
    const index = nearest(momentsMs.map(this.#scales.x), x);
    this.#point(momentsMs[index]);
  }

  #point(ms: number | undefined): void {
    this.#pointedMs = ms === this.#data.momentsMs.at(-1) ? undefined : ms;
    this.#tell();
  }

  #index(): number {
    const { momentsMs } = this.#data;
    return this.#pointedMs === undefined
      ? momentsMs.length - 1
      : nearest(momentsMs, this.#pointedMs);
  }

  #draw(): void {
    const { momentsMs, series, fromMs, toMs } = this.#data;
    const width = Math.max(this.#plot.clientWidth, MARGIN.left + MARGIN.right + 1);
    const greatest = Math.max(
      0,
      ...series.flatMap(({ values }) => values.filter((value) => value !== undefined)),
    );
    const axis = axisUpTo(greatest, LINES);
    const right = width - MARGIN.right;
    const bottom = HEIGHT - MARGIN.bottom;
    const x = linear([fromMs, toMs], [MARGIN.left, right]);
    const y = linear([0, axis.top], [bottom, MARGIN.top]);
    this.#scales = { x, y };
    setAttributes(this.#svg, { width, viewBox: `0 0 ${width} ${HEIGHT}` });
    const lines = series.map(({ values }, index) => {
      const places = momentsMs.map((ms, at) => ({ x: x(ms), y: optional(y, values[at]) }));
      return drawing("path", { class: `line series-${index + 1}`, d: linePath(places) });
    });
    this.#svg.replaceChildren(
      ...axis.ticks.map((tick) => this.#horizontal(tick, right)),
      ...timesBetween(fromMs, toMs).map((ms) => timeMark(x(ms), bottom, right, ms)),
      ...lines.toReversed(),
      this.#cursor,
    );
    this.#tell();
  }

  #horizontal(tick: number, right: number): SVGElement {
    const y = this.#scales.y(tick);
    return drawing(
      "g",
      { class: tick === 0 ? "base" : "grid" },
      drawing("line", { x1: MARGIN.left, x2: right, y1: y, y2: y }),
      drawing(
        "text",
        { x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" },
        this.#options.formatTick(tick),
      ),
    );
  }

  /** The values of the moment that is pointed at: in the legend, at the cursor, and in words. */
  #tell(): void {
    const { momentsMs, series } = this.#data;
    const { format, title } = this.#options;
    const index = this.#index();
    const ms = momentsMs[index];
    const values = series.map(({ name, values: all }) => {
      const value = all[index];
      return { name, value, text: value === undefined ? NONE : format(value) };
    });
    const when = ms === undefined ? "" : clock(ms);
    const spoken = values.map(({ name, text }) => `${name} ${text}`).join(", ");
    setText(this.#moment, when);
    this.#legend.replaceChildren(
      ...values.map(({ name, text }, at) => legendEntry(name, text, at + 1)),
    );
    setAttributes(this.#plot, {
      "aria-valuemin": 0,
      "aria-valuemax": Math.max(0, momentsMs.length - 1),
      "aria-valuenow": Math.max(0, index),
      "aria-valuetext": ms === undefined ? "no figures yet" : `${when}: ${spoken}`,
    });
    setText(this.#summary, ms === undefined ? `${title}: no figures yet` : this.#inWords());
    this.#drawCursor(ms, values);
  }

  #inWords(): string {
    const { series, fromMs, toMs } = this.#data;
    const { format, title } = this.#options;
    const minutes = Math.round((toMs - fromMs) / MINUTE_MS);
    const each = series.map(({ name, values }) => {
      const known = values.filter((value) => value !== undefined);
      const last = known.at(-1);
      if (last === undefined) return `${name}: none`;
      const least = format(Math.min(...known));
      return `${name}: now ${format(last)}, between ${least} and ${format(Math.max(...known))}`;
    });
    return `${title} in the last ${minutes} minutes. ${each.join(". ")}.`;
  }

  #drawCursor(
    ms: number | undefined,
    values: readonly { readonly value: number | undefined }[],
  ): void {
    if (ms === undefined || this.#pointedMs === undefined) return this.#cursor.replaceChildren();
    const x = this.#scales.x(ms);
    const dots = values.flatMap(({ value }, index) =>
      value === undefined
        ? []
        : [
            drawing("circle", {
              class: `dot series-${index + 1}`,
              cx: x,
              cy: this.#scales.y(value),
              r: 3.5,
            }),
          ],
    );
    const line = drawing("line", { x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom });
    this.#cursor.replaceChildren(line, ...dots);
  }
}

function optional(scale: Scale, value: number | undefined): number | undefined {
  return value === undefined ? undefined : scale(value);
}

function timesBetween(fromMs: number, toMs: number): readonly number[] {
  const step = Math.ceil((toMs - fromMs) / MINUTE_MS / MAX_TIMES) * MINUTE_MS;
  return timeTicks(fromMs, toMs, step);
}

function timeMark(x: number, bottom: number, right: number, ms: number): SVGElement {
  // The last one would stand beyond the edge.
  const anchor = right - x < HALF_A_TIME ? "end" : "middle";
  return drawing(
    "g",
    { class: "time" },
    drawing("line", { x1: x, x2: x, y1: bottom, y2: bottom + 4 }),
    drawing("text", { x, y: bottom + 17, "text-anchor": anchor }, clock(ms, false)),
  );
}

function legendEntry(name: string, text: string, place: number): HTMLElement {
  const swatch = drawing(
    "svg",
    { width: 18, height: 10, "aria-hidden": "true" },
    drawing("path", { class: `line series-${place}`, d: "M1 5H17" }),
  );
  return element("li", {}, swatch, ` ${name} `, element("b", {}, text));
}
