/**
 * What becomes of the numbers: tables, a picture, verdicts on the project's goals, files.
 * May import: the statistics, the shape of a result.
 */
export { judge } from "./judge.ts";
export { publish, republish } from "./publish.ts";
export { renderReport } from "./tables.ts";
