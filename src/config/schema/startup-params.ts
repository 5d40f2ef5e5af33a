/** `clients.<group>.<block>.startupParams`: a login to the database server that all clients share. */
import * as z from "zod";
import { note } from "./key-info.ts";
import { text } from "./scalars.ts";

const filled = (value: string): string | undefined =>
  value === "" ? "must not be empty" : withoutZeros(value);

/** The protocol ends texts by a zero byte. */
const withoutZeros = (value: string): string | undefined =>
  value.includes("\0") ? "must not contain a zero byte" : undefined;

/** Beside what logs in, any setting of the session by its name, such as `search_path`. */
export const startupParamsSchema = z
  .strictObject({
    user: text(filled).describe("User to log in as, whoever the client is."),
    password: note(text(filled).optional(), { isSecret: true }).describe(
      "Password of `user`; not given: none is needed.",
    ),
    database: text(filled).describe(
      "Database to log in to; a client that asks for another one gets FATAL 3D000.",
    ),
  })
  .catchall(text(withoutZeros));
