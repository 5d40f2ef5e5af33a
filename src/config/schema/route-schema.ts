/** `servers.<group>.routes`: several databases behind one port. */
import * as z from "zod";
import { names, notEmpty, text } from "./scalars.ts";

export const routeSchema = z.strictObject({
  database: names().describe("Databases that clients ask for; `*`: any other."),
  user: names().prefault(["*"]).describe("Users that the route is for; `*`: any."),
  blocks: names().describe(
    "Blocks of the group that have the database; clients are spread over them.",
  ),
  as: text(notEmpty)
    .optional()
    .describe("What the database is called there. Not given: as the client calls it."),
});
