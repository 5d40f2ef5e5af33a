/**
 * Has the literals of a statement read as they were when a client prepared it, on a connection that parses it
 * anew: `'02/03/2024'::date` is read when a statement is parsed, by the DateStyle of then.
 */
import { Settings, isReadByLiterals, quotedName, setConfig } from "./settings.ts";

/** Statements that go ahead of a Parse and behind it, so that literals are read by other settings. */
export interface LiteralsDetour {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/**
 * None of the statements has rows.
 *
 * @param now the settings in force; undefined when they are not known for sure
 * @param then those of then
 * @param isInBlock of a transaction, where a savepoint takes back whatever is set
 * @returns undefined when there is no way back to what is in force
 */
export function literalsDetour(
  now: Settings | undefined,
  then: Settings,
  isInBlock: boolean,
): LiteralsDetour | undefined {
  if (isInBlock) {
    return {
      before: [`SAVEPOINT ${SAVEPOINT}`, "RESET ALL", ...setLiterals(Settings.NONE, then)],
      after: [`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`, `RELEASE SAVEPOINT ${SAVEPOINT}`],
    };
  }
  if (now === undefined) return undefined;
  return { before: setLiterals(now, then), after: setLiterals(then, now) };
}

const SAVEPOINT = "_gatewayd_literals";

function setLiterals(from: Settings, to: Settings): readonly string[] {
  const gone = [...from.values.keys()].filter((name) => !to.values.has(name));
  const changed = [...to.values].filter(([name, value]) => from.values.get(name) !== value);
  const sets = changed
    .filter(([name]) => isReadByLiterals(name))
    .map((setting) => `${setConfig(setting)} IS NULL`);
  return [
    ...gone.filter(isReadByLiterals).map((name) => `RESET ${quotedName(name)}`),
    ...(sets.length > 0 ? [`SELECT WHERE ${sets.join(" OR ")}`] : []),
  ];
}
