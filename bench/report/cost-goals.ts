import { ratioByParts } from "../measure/index.ts";
import type { Goal } from "../result.ts";
import { noFailures, type Unjudged } from "./goals.ts";
import { loadRows, type Row } from "./summary.ts";

/** So much of CPU, and of throughput, something that is always on may cost. */
const MAX_COST = 0.03;

/**
 * What a gateway with something may cost, measured by one without it. CPU is what it costs; throughput follows from
 * that, and scatters more. Beside both stands the control: what one program differs from itself.
 */
export function costGoals(result: Unjudged, withIt: string, without: string): readonly Goal[] {
  const { control } = result;
  const cpu = loadRows(result, "cpu");
  const throughput = loadRows(result, "throughput");
  const sameTwice = { entry: control.twin, to: control.entry };
  return [
    ...noFailures(result),
    ...cpu.flatMap((row) => [
      ...goal(result, row, { quantity: "CPU", entry: withIt, to: without, most: 1 + MAX_COST }),
      ...goal(result, row, { quantity: "CPU", ...sameTwice }),
    ]),
    ...throughput.flatMap((row) => [
      ...goal(result, row, {
        quantity: "throughput",
        entry: withIt,
        to: without,
        least: 1 - MAX_COST,
      }),
      ...goal(result, row, { quantity: "throughput", ...sameTwice }),
    ]),
  ];
}

interface Comparison {
  readonly quantity: "CPU" | "throughput";
  readonly entry: string;
  readonly to: string;
  /** The ratio is to be; neither: it is no goal. */
  readonly most?: number;
  readonly least?: number;
}

function goal(
  { control, settings }: Unjudged,
  row: Row,
  { quantity, entry, to, most, least }: Comparison,
): readonly Goal[] {
  const isOfControl = entry === control.twin;
  const values = isOfControl ? row.samples[entry] : roundsOf(row, entry, control);
  const bases = isOfControl ? row.samples[to] : roundsOf(row, to, control);
  const { generations = 1 } = settings;
  // One part alone has no bounds.
  if (!values?.length || !bases?.length || generations < 2) return [];
  const { ratio, low, high } = ratioByParts(values, bases, generations);
  const measured = `${ratio.toFixed(3)}x (${low.toFixed(3)} to ${high.toFixed(3)})`;
  const text = `${row.label}: ${quantity} of ${entry} to ${to}`;
  if (most !== undefined) {
    return [{ text, target: `<= ${most}x`, measured, ...verdict(high <= most, low > most) }];
  }
  if (least !== undefined) {
    return [{ text, target: `>= ${least}x`, measured, ...verdict(low >= least, high < least) }];
  }
  return [{ text, measured }];
}

/** With the target between the bounds a run shows neither. */
function verdict(isReached: boolean, isMissed: boolean): Pick<Goal, "isReached"> {
  return isReached || isMissed ? { isReached } : {};
}

/** By rounds; of the entry that is measured twice the mean of both. */
function roundsOf(
  { samples }: Row,
  entry: string,
  control: Unjudged["control"],
): readonly number[] | undefined {
  const values = samples[entry];
  const twins = entry === control.entry ? samples[control.twin] : undefined;
  return values?.map((value, round) => (value + (twins?.[round] ?? value)) / 2);
}
