/**
 * Makes the project of a new plugin, ready to be built, tested and run.
 * May import: errors, logging, sql.
 */
export { isLanguage, LANGUAGES } from "./plugin-project.ts";
export type { Language } from "./plugin-project.ts";
export { projectOf } from "./project-of.ts";
export type { ProjectWishes } from "./project-of.ts";
export { projectFiles } from "./project-files.ts";
export { readInputFile } from "./read-input-file.ts";
export { writeProject } from "./write-project.ts";
