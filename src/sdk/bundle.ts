/**
 * What a project of a plugin needs to test it, made into one file for those that are written without this source
 * at hand (scripts/sdk-bundle.ts).
 */
export * as sdk from "./plugin-api.ts";
export * as testing from "./testing.ts";
