import { NO_TRANSACTIONS } from "../differences.ts";
import { functionCall, query, sync } from "../messages.ts";
import { oneClient, type ParityCase } from "../parity-case.ts";

/** Functions of pg_catalog, whose object ids never change. */
const ABS_INT4 = 1397;
const TEXT_CONCATENATION = 1258;
const INT4_DIVISION = 154;
const NOW_IN_NO_CATALOGUE = 4_000_000_000;
const INT4_7 = Uint8Array.of(0, 0, 0, 7);
const INT4_0 = new Uint8Array(4);

/** FunctionCall, the oldest way to call a function. */
export const FUNCTION_CALL_CASES: readonly ParityCase[] = [
  oneClient("function call: text and binary", async (client) => {
    await client.send(functionCall(ABS_INT4, ["-7"]));
    await client.ready();
    await client.send(functionCall(ABS_INT4, [INT4_7], { format: 1, result: 1 }));
    await client.ready();
    await client.send(functionCall(TEXT_CONCATENATION, ["one", "two"]));
    await client.ready();
  }),
  oneClient("function call: null, and arguments that are missing", async (client) => {
    await client.send(functionCall(ABS_INT4, [null]));
    await client.ready();
    await client.send(functionCall(ABS_INT4, []));
    await client.ready();
    await client.send(functionCall(ABS_INT4, ["x"]));
    await client.ready();
  }),
  oneClient("function call: errors", async (client) => {
    await client.send(functionCall(NOW_IN_NO_CATALOGUE, []));
    await client.ready();
    await client.send(functionCall(INT4_DIVISION, [INT4_7, INT4_0], { format: 1 }));
    await client.ready();
    await client.query("select 'goes on'");
  }),
  oneClient("function call: among other units in one write", async (client) => {
    await client.send(
      query("select 1"),
      functionCall(ABS_INT4, ["-2"]),
      sync(),
      functionCall(ABS_INT4, ["x"]),
      query("select 3"),
    );
    await client.ready(5);
  }),
  oneClient(
    "function call: within a transaction",
    async (client) => {
      await client.query("begin");
      await client.send(functionCall(ABS_INT4, ["-7"]));
      await client.ready();
      await client.send(functionCall(INT4_DIVISION, [INT4_7, INT4_0], { format: 1 }));
      await client.ready();
      await client.send(functionCall(ABS_INT4, ["-7"]));
      await client.ready();
      await client.query("rollback");
    },
    { differs: [NO_TRANSACTIONS] },
  ),
];
