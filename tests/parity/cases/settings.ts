import { NAMES_IN_LOWER_CASE, NO_TRANSACTIONS } from "../differences.ts";
import { bind, execute, extended, parse, query, sync } from "../messages.ts";
import { oneClient, onStage, type ParityCase, simpleQueries } from "../parity-case.ts";

/** What a client asks for at its start: name of the case, parameters, what is shown of it. */
const STARTUPS: readonly (readonly [
  string,
  Readonly<Record<string, string>>,
  readonly string[],
])[] = [
  ["application_name", { application_name: "parity client" }, ["show application_name"]],
  ["an application_name in UTF-8", { application_name: "größe" }, ["show application_name"]],
  ["DateStyle, as the server writes it", { DateStyle: "german" }, ["show datestyle"]],
  ["TimeZone", { TimeZone: "Europe/Berlin" }, ["select '2024-07-01 12:00:00Z'::timestamptz"]],
  ["client_encoding", { client_encoding: "LATIN1" }, ["select chr(252)", "show client_encoding"]],
  ["extra_float_digits", { extra_float_digits: "0" }, ["select 0.1::float4, 1/3::float8"]],
  ["a name in capitals", { SEARCH_PATH: "elsewhere" }, ["show search_path"]],
  ["a parameter of an extension", { "parity.one": "1" }, ["show parity.one", "show parity.two"]],
  ["an empty value", { application_name: "" }, ["show application_name"]],
  [
    "options of every form",
    { options: "-c work_mem=8MB -cgeqo=off --statement-timeout=5min -c parity.two=a\\ b" },
    ["show work_mem", "show geqo", "show statement_timeout", "show parity.two"],
  ],
  [
    "an option and a parameter of the same name",
    { options: "-c DateStyle=sql", DateStyle: "german" },
    ["show datestyle"],
  ],
  [
    "a role",
    { options: "-c role=parity_guest" },
    ["select current_user, session_user", "show role"],
  ],
];

/** What the server does not let a client ask for. */
const REFUSED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "a parameter that is not there": { options: "-c nonsense=1" },
  "a value that is none": { DateStyle: "nonsense" },
  "a parameter that cannot be changed": { options: "-c max_connections=7" },
  "an encoding that is none": { client_encoding: "nonsense" },
  "a role that is not there": { options: "-c role=nobody" },
  "a database that is not there": { database: "nowhere" },
};

/** Settings of the session, which must follow it. */
export const SETTING_CASES: readonly ParityCase[] = [
  ...STARTUPS.map(([what, startup, texts]) =>
    oneClient(
      `startup: ${what}`,
      async (client) => {
        await client.query(...texts);
        await client.query("select 1", ...texts);
      },
      { startup },
    ),
  ),
  ...Object.entries(REFUSED).map(([what, parameters]) =>
    onStage(`startup refused: ${what}`, async (stage) => {
      const client = await stage.connect(parameters);
      await client.closed();
    }),
  ),
  ...simpleQueries({
    "settings: SET is kept, RESET takes it back": [
      "set work_mem = '7MB'",
      "show work_mem",
      "select 1",
      "show work_mem",
      "reset work_mem",
      "show work_mem",
    ],
    "settings: reported ones, in the words of the server": [
      "set datestyle to german",
      "show datestyle",
      "set datestyle to 'sql, ymd'",
      "set intervalstyle to iso_8601",
      "set timezone to 'America/New_York'",
      "set application_name to 'another'",
      "set standard_conforming_strings to off",
      "select 1",
      "show datestyle",
      "reset datestyle",
      "set datestyle to default",
      "show intervalstyle",
      "reset all",
      "show datestyle",
    ],
    "settings: every form of SET TIME ZONE": [
      "set time zone 'Asia/Tokyo'",
      "show timezone",
      "set time zone 3",
      "show timezone",
      "set time zone interval '-08:30' hour to minute",
      "show timezone",
      "set time zone local",
      "show timezone",
      "set time zone default",
      "show timezone",
    ],
    "settings: every other form of SET": [
      "set session work_mem to '7MB'",
      "set names 'LATIN1'",
      "show client_encoding",
      "set schema 'elsewhere'",
      "show search_path",
      "set session characteristics as transaction read only",
      "show default_transaction_read_only",
      "insert into public.copied values (1)",
      "reset default_transaction_read_only",
      "set seed to 0.5",
      "set xml option document",
      "show nothing_of_it",
    ],
    "settings: the same value in another session's words": [
      "set search_path to elsewhere, public",
      "select * from numbers",
      'set search_path to "$user", public',
      "select * from numbers where id = 1",
    ],
    "settings: how values are written": [
      "set bytea_output to escape",
      "select '\\x00ff41'::bytea",
      "set extra_float_digits to -3",
      "select pi()",
      "set intervalstyle to postgres_verbose",
      "select '1 year 2 days'::interval",
      "set datestyle to german",
      "select '2024-02-03'::date",
      "set lc_monetary to 'C'",
      "reset all",
      "select '\\x00ff41'::bytea, pi(), '2024-02-03'::date",
    ],
    "settings: an error takes back what the same query has set": [
      "set datestyle to german; select 1/0",
      "show datestyle",
      "set work_mem to '7MB'; set nonsense to 1",
      "show work_mem",
    ],
    "settings: errors": [
      "set nonsense to 1",
      "set work_mem to 'much'",
      "show nonsense",
      "set max_connections to 7",
      "set role nobody",
      "set datestyle to 'none'",
    ],
    "settings: SET LOCAL outside and inside of a query's transaction": [
      "set local work_mem to '7MB'",
      "show work_mem",
      "begin; set local datestyle to german; select '2024-02-03'::date; commit",
      "select '2024-02-03'::date",
    ],
    "settings: rolled back within one query": [
      "begin; set datestyle to german; rollback",
      "show datestyle",
      "begin; set datestyle to german; savepoint s; set datestyle to sql; rollback to s; commit",
      "show datestyle",
    ],
    "settings: a role decides who one is, and what may be read": [
      "set role parity_guest",
      "select current_user, session_user",
      "select * from secret",
      "show role",
      "reset role",
      "select * from secret",
      "set role none",
      "select current_user",
    ],
    "settings: of a role and others together": [
      "set role parity_guest",
      "set datestyle to german",
      "select current_user, '2024-02-03'::date",
      "select current_user, '2024-02-03'::date",
      "reset all",
      "select current_user, '2024-02-03'::date",
      "set work_mem to '7MB'",
      "reset role",
      "show work_mem",
    ],
    "settings: of an extension": [
      "set parity.user_id to '42'",
      "select current_setting('parity.user_id')",
      "select current_setting('parity.user_id')",
      "select current_setting('parity.never_set')",
      "select current_setting('parity.never_set', true) is null",
      "reset parity.user_id",
      "show parity.user_id",
    ],
    "settings: odd values": [
      "set application_name to 'it''s \\ \"odd\"'",
      "show application_name",
      "set parity.text to E'line\\nbreak \\\\ and ''quote'''",
      "show parity.text",
      "show parity.text",
      "set standard_conforming_strings to off",
      "show parity.text",
      "select 'a\\\\b'",
    ],
    "settings: DISCARD ALL takes everything back": [
      "set datestyle to german",
      "set role parity_guest",
      "set parity.user_id to '42'",
      "discard all",
      "show datestyle",
      "select current_user",
      "show parity.user_id",
    ],
    "settings: a limit of time": [
      "set statement_timeout to '50ms'",
      "select pg_sleep(10)",
      "show statement_timeout",
      "reset statement_timeout",
      "select pg_sleep(0.06)",
    ],
  }),
  ...simpleQueries(
    {
      "settings: of an extension, in capitals": [
        'set "Parity"."Mixed" to \'x\'',
        "show parity.mixed",
      ],
    },
    { differs: [NAMES_IN_LOWER_CASE] },
  ),
  oneClient(
    "startup: RESET and DISCARD ALL go back to it",
    async (client) => {
      await client.query("set datestyle to sql", "reset datestyle", "show datestyle");
      await client.query("set application_name to 'y'", "set application_name to default");
      await client.query("show application_name", "reset all", "show datestyle");
      await client.query("set datestyle to sql", "discard all", "show datestyle");
      await client.query("show work_mem");
    },
    { startup: { application_name: "x", DateStyle: "german", options: "-c work_mem=8MB" } },
  ),
  oneClient(
    "startup: in a text of several statements",
    async (client) => {
      await client.query("set datestyle to sql; reset all", "show datestyle");
      await client.query("select '2024-02-03'::date", "set datestyle to sql; select 1; reset all");
      await client.query("select '2024-02-03'::date");
    },
    { startup: { application_name: "x", DateStyle: "german", options: "-c work_mem=8MB" } },
  ),
  oneClient(
    "startup: RESET by extended messages",
    async (client) => {
      await client.query("set datestyle to sql");
      await client.unit(...extended("reset datestyle"));
      await client.query("select '2024-02-03'::date");
      await client.unit(parse("reset", "set datestyle to default"));
      await client.query("set datestyle to sql");
      await client.unit(bind("reset"), execute());
      await client.query("select '2024-02-03'::date");
      await client.unit(bind("reset"), execute());
    },
    { startup: { DateStyle: "german" } },
  ),
  oneClient(
    "startup: a role that is left, and gone back to",
    async (client) => {
      await client.query("select current_user", "set role none", "select current_user");
      await client.query("reset role", "select current_user", "set role postgres", "reset all");
      await client.query("select current_user", "discard all", "select current_user");
    },
    { startup: { role: "parity_guest" } },
  ),
  oneClient(
    "startup: settings of one's own",
    async (client) => {
      await client.query("select 1", "set work_mem to '7MB'", "show parity.user_id");
      await client.query("set parity.user_id to ''", "show parity.user_id");
      await client.query("reset parity.user_id", "show parity.user_id");
      await client.query("set parity.user_id to '43'", "discard all", "show parity.user_id");
    },
    { startup: { options: "-c parity.user_id=42" } },
  ),
  oneClient(
    "startup: RESET in a transaction",
    async (client) => {
      await client.query("begin", "set datestyle to sql", "reset datestyle", "show datestyle");
      await client.query("set transaction isolation level serializable", "show search_path");
      await client.query("set search_path to a", "set work_mem to '9MB'", "reset all");
      await client.query("show search_path", "show work_mem", "show datestyle", "savepoint one");
      await client.query("set datestyle to iso", "savepoint two", "reset datestyle");
      await client.query("show datestyle", "rollback to two", "show datestyle");
      await client.query("commit", "show datestyle", "begin", "reset datestyle", "show datestyle");
      await client.query("rollback", "show datestyle", "begin", "reset datestyle; select 1/0");
      await client.query("rollback", "show datestyle", "reset datestyle", "show datestyle");
    },
    {
      differs: [NO_TRANSACTIONS],
      startup: {
        DateStyle: "german",
        options: "-c work_mem=8MB",
        search_path: '"$user", public, "Odd name"',
      },
    },
  ),
  oneClient(
    "startup: RESET in a transaction, by extended messages in several pieces",
    async (client) => {
      await client.unit(parse("reset", "reset datestyle"));
      await client.query("begin", "set datestyle to sql");
      await client.sendInPieces(3, bind("reset"), execute(), sync());
      await client.ready();
      await client.unit(...extended("select '2024-02-03'::date"));
      await client.query("commit", "select '2024-02-03'::date");
    },
    { differs: [NO_TRANSACTIONS], startup: { DateStyle: "german" } },
  ),
  oneClient(
    "startup: RESET in a failing text",
    async (client) => {
      await client.query("set datestyle to sql", "reset datestyle; select 1/0", "show datestyle");
      await client.query("reset datestyle", "show datestyle");
    },
    { startup: { DateStyle: "german" } },
  ),
  ...simpleQueries(
    {
      "settings: rolled back": [
        "begin",
        "set datestyle to german",
        "show datestyle",
        "rollback",
        "show datestyle",
        "begin",
        "set work_mem to '7MB'",
        "select 1/0",
        "commit",
        "show work_mem",
      ],
      "settings: committed": [
        "begin",
        "set datestyle to german",
        "set work_mem to '7MB'",
        "set role parity_guest",
        "commit",
        "show datestyle",
        "show work_mem",
        "select current_user",
      ],
      "settings: savepoints count": [
        "begin",
        "set datestyle to german",
        "savepoint one",
        "set datestyle to sql",
        "set timezone to 'Asia/Tokyo'",
        "rollback to one",
        "commit",
        "show datestyle",
        "show timezone",
      ],
      "settings: SET LOCAL ends with its transaction": [
        "set datestyle to sql",
        "begin",
        "set local datestyle to german",
        "set local role parity_guest",
        "select current_user, '2024-02-03'::date",
        "commit",
        "select current_user, '2024-02-03'::date",
      ],
      "settings: LOCAL over SESSION in one transaction": [
        "begin",
        "set local work_mem to '9MB'",
        "set session work_mem to '8MB'",
        "set local work_mem to '7MB'",
        "show work_mem",
        "commit",
        "show work_mem",
      ],
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  ...simpleQueries(
    {
      "settings: set_config()": [
        "select set_config('datestyle', 'german', false)",
        "show datestyle",
        "select set_config('work_mem', '7MB', true)",
        "show work_mem",
        "select set_config('parity.inside', 'x', false)",
        "show parity.inside",
      ],
      "settings: set inside of a function, reported": [
        "select set_inside('datestyle', 'german')",
        "show datestyle",
        "select 1",
        "show datestyle",
      ],
      "settings: set inside of DO": [
        "do $$ begin set datestyle to german; perform set_config('work_mem', '7MB', false); end $$",
        "show datestyle",
        "show work_mem",
      ],
      "settings: another session user": [
        "set session authorization parity_guest",
        "select current_user, session_user",
        "select * from secret",
        "reset session authorization",
        "select current_user, session_user",
      ],
    },
    { sharing: "beside" },
  ),
  oneClient("settings: by extended messages", async (client) => {
    await client.unit(...extended("set datestyle to german"));
    await client.unit(...extended("show datestyle"));
    await client.unit(...extended("set datestyle to sql"), ...extended("select 1/0"));
    await client.query("show datestyle");
    await client.unit(...extended("reset datestyle"), ...extended("show datestyle"));
  }),
  oneClient("settings: a prepared SET executed later", async (client) => {
    await client.unit(parse("set", "set datestyle to german"));
    await client.query("show datestyle");
    await client.unit(bind("set"), execute());
    await client.query("show datestyle", "reset datestyle", "show datestyle");
    await client.unit(bind("set"), execute());
    await client.query("show datestyle");
  }),
  oneClient("settings: set and used in one pipeline", async (client) => {
    await client.send(
      query("set datestyle to german"),
      ...extended("select '2024-02-03'::date"),
      sync(),
      query("set datestyle to sql; select '2024-02-03'::date"),
      query("select '2024-02-03'::date"),
    );
    await client.ready(4);
    await client.query("select '2024-02-03'::date");
  }),
  onStage("settings: of two sessions in turn", async (stage) => {
    const one = await stage.session({ application_name: "one" });
    const two = await stage.session({ application_name: "two", DateStyle: "german" });
    const text = "select current_setting('application_name'), '2024-02-03'::date, current_user";
    for (const client of [one, two, one]) await client.query(text);
    await one.query("set datestyle to sql");
    await two.query("set role parity_guest");
    for (const client of [two, one, two]) await client.query(text);
    await two.query("reset all", text);
    await one.query("reset all", text);
  }),
  oneClient("settings: more than a hundred of one's own", async (client) => {
    const names = Array.from({ length: 120 }, (_, at) => `parity.setting_${at}`);
    await client.query(names.map((name, at) => `set ${name} to '${at}'`).join(";"));
    await client.query(...[0, 60, 99, 100, 119].map((at) => `show ${names[at]}`));
  }),
  oneClient(
    "settings: more than are followed",
    async (client) => {
      const names = Array.from({ length: 1_020 }, (_, at) => `parity.setting_${at}`);
      await client.query(names.map((name, at) => `set ${name} to '${at}'`).join(";"));
      await client.query(...[0, 999, 1000, 1019].map((at) => `show ${names[at]}`));
    },
    { sharing: "beside" },
  ),
  oneClient("settings: a large value", async (client) => {
    await client.query(`set parity.large to '${"x".repeat(100_000)}'`);
    await client.query("select length(current_setting('parity.large'))", "select 1");
    await client.query("select length(current_setting('parity.large'))");
  }),
];
