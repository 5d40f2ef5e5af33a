/** Where things are in a chart: plain numbers, nothing drawn. */

/** From values to places. */
export type Scale = (value: number) => number;

/** @param from the least and the greatest value @param to the places of both */
export function linear(from: readonly [number, number], to: readonly [number, number]): Scale {
  const [low, high] = from;
  const [start, end] = to;
  if (high === low) return () => start;
  return (value) => start + ((value - low) / (high - low)) * (end - start);
}

export interface Axis {
  /** Nothing is greater. */
  readonly top: number;
  /** Where lines go through the chart, from 0 to the top. */
  readonly ticks: readonly number[];
}

/** Steps that people can count by, times a power of ten. */
const STEPS = [1, 2, 2.5, 5, 10] as const;

/** An axis from 0 that reaches `greatest`, with about so many lines. Of nothing it reaches 1. */
export function axisUpTo(greatest: number, lines: number): Axis {
  const goal = (greatest > 0 && Number.isFinite(greatest) ? greatest : 1) / lines;
  const power = 10 ** Math.floor(Math.log10(goal));
  const step = power * (STEPS.find((one) => one * power >= goal * (1 - 1e-9)) ?? 10);
  const count = Math.max(1, Math.ceil((goal * lines) / step - 1e-9));
  // Multiplied anew for each: sums of steps drift.
  const ticks = Array.from({ length: count + 1 }, (_, index) => tidy(index * step));
  return { top: tidy(count * step), ticks };
}

/** Without what binary fractions add at the end. */
function tidy(value: number): number {
  return Number(value.toPrecision(12));
}

/** Whole multiples of a step within a span of time. */
export function timeTicks(fromMs: number, toMs: number, stepMs: number): readonly number[] {
  const ticks: number[] = [];
  for (let tick = Math.ceil(fromMs / stepMs) * stepMs; tick <= toMs; tick += stepMs) {
    ticks.push(tick);
  }
  return ticks;
}

/** A place in a chart; without `y` there is no value. */
export interface Place {
  readonly x: number;
  readonly y: number | undefined;
}

/** The `d` of a path through places; where there is no value the line is interrupted. */
export function linePath(places: readonly Place[]): string {
  let path = "";
  let isDrawing = false;
  for (const [index, { x, y }] of places.entries()) {
    if (y !== undefined) {
      path += `${isDrawing ? "L" : "M"}${round(x)} ${round(y)}`;
      // A value between two that are not there is a dot.
      if (!isDrawing && places[index + 1]?.y === undefined) path += "h0";
    }
    isDrawing = y !== undefined;
  }
  return path;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The index of the nearest of ascending numbers; -1 of none. */
export function nearest(ascending: readonly number[], value: number): number {
  let best = -1;
  let distance = Number.POSITIVE_INFINITY;
  for (const [index, one] of ascending.entries()) {
    if (Math.abs(one - value) > distance) break;
    distance = Math.abs(one - value);
    best = index;
  }
  return best;
}
