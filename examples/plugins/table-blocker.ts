// Refuses statements that name certain tables, for everybody but certain users.
//
//   config: { tables: [salaries, hr.contracts], except: [payroll] }
//   onError: terminate
//
// `salaries` stands for that name in every schema. `hr.contracts` does not stand for other schemas' `contracts`, but
// for a `contracts` without a schema, since `search_path` may make it that. With `onError: terminate` nothing gets by
// while the plugin fails or is away.
//
// Tables are seen where the text names them. What a view, a function, a trigger, DO or EXECUTE of a prepared statement
// reads behind the text is not; strings are read as with standard_conforming_strings = on, which a client may turn off;
// and a user is whoever has logged in, also after SET ROLE: where it has to hold, take the rights away from the role.
// Names are those that PostgreSQL keeps: in lower case unless they were created in quotes. A text of more than 30,000
// words is not read, and refused as one that nobody understands.
import { definePlugin, errorResponse, tablesOf } from "gatewayd/sdk";

interface Config {
  readonly tables: readonly string[];
  readonly except: readonly string[];
}

export default definePlugin({
  name: "table-blocker",
  version: "1.0.0",
  description: "Refuses statements that name certain tables.",
  configSchema: {
    parse: (value): Config => {
      const { tables, except = [] } = value as Readonly<Record<string, unknown>>;
      return { tables: names("tables", tables), except: names("except", except) };
    },
  },
  setup({ config, logger, metrics }) {
    const blocked = metrics.counter({
      name: "table_blocker_refused_total",
      help: "Requests that were refused.",
    });
    const isBlocked = (table: string): boolean =>
      config.tables.some(
        (name) => table === name || table.endsWith(`.${name}`) || name.endsWith(`.${table}`),
      );
    return {
      onTrafficFromClient(event) {
        const { user } = event.session;
        if (user !== undefined && config.except.includes(user)) return;
        for (const sql of event.queries) {
          const tables = tablesOf(sql);
          // A text that cannot be understood here may name anything.
          const found = tables === undefined ? "an unknown table" : tables.find(isBlocked);
          if (found === undefined) continue;
          blocked.inc();
          logger.warn("Statement refused", { user, table: found });
          event.respond(
            errorResponse({ sqlState: "42501", message: `permission denied for ${found}` }),
          );
          return;
        }
      },
    };
  },
});

function names(key: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw new TypeError(`${key} must be a list of names`);
}
