/**
 * The page for people at `/`: its files. What it shows it asks of the API, in the reader's browser (browser/).
 * May import: nothing.
 */
export { pageFile } from "./page-files.ts";
