import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { type HookName, terminate } from "../../src/hooks/index.ts";
import { errorResponse, readyForQuery } from "../../src/postgres/index.ts";
import { SEED, times } from "../fixtures/test-size.ts";
import { frontend } from "../fixtures/wire/index.ts";
import { connectWire, type PostgresServer, startPostgres, type WireTarget } from "../kit/index.ts";
import { HOOK_MODES, type HookMode, startInMode } from "./hook-modes.ts";
import type { GatewayInProcess } from "./start-gateway.ts";

/**
 * Random conversations, pipelined and cut up at random, through handlers that take a random time, against
 * the same with PostgreSQL itself. A run that fails prints its seed.
 */

const { query, parse, bind, execute, sync, flush, describeStatement, copyData } = frontend;
const { copyDone, copyFail, closeStatement } = frontend;
const RUNS = {
  numRuns: times(30, 600),
  seed: SEED,
  interruptAfterTimeLimit: times(8_000, 120_000),
};
const TIMEOUT_MS = times(60_000, 180_000);
const WRONG = "selec";
const FORBIDDEN = "forbidden";
const COPY = "copy copied from stdin";
const LARGE = "select repeat('x', 3000) from generate_series(1, 300)";
const LAST_WORDS = "the end of the conversation";
const HOOKS = [
  "OnTrafficFromClient",
  "OnTrafficToServer",
  "OnTrafficFromServer",
  "OnTrafficToClient",
] as const satisfies readonly HookName[];

const joined = (...messages: readonly Uint8Array[]): Buffer => Buffer.concat(messages);
const rest = joined(bind(), execute(), sync());
const extended = (sql: string): Buffer => joined(parse(sql), rest);

/** What a client may send, as whole units. */
const UNITS: Readonly<Record<string, Buffer>> = {
  "a query": query("select 1"),
  "two queries in one": query("select 1; select 2"),
  "an empty query": query(""),
  "a wrong query": query(WRONG),
  "a large answer": query(LARGE),
  "an answer with pauses": query(
    "do $$ begin raise notice 'a'; perform pg_sleep(0.008); raise notice 'b'; end $$",
  ),
  "a batch": extended("select 1"),
  "a wrong batch": extended(WRONG),
  "a batch that fails late": extended("select 1/0"),
  "a batch with a large answer": extended(LARGE),
  "a Sync": sync(),
  "a batch in two parts": joined(parse("select 1"), describeStatement(), flush(), rest),
  "a wrong batch in two parts": joined(parse(WRONG), describeStatement(), flush(), rest),
  "a named statement": joined(parse("select 1", "named"), describeStatement("named"), sync()),
  "a use of it": joined(bind("", "named"), execute(), sync()),
  "a use of it in two parts": joined(bind("", "named"), execute(), flush(), execute(), sync()),
  "its end": joined(closeStatement("named"), sync()),
  "a COPY": joined(query(COPY), copyData("1\n"), copyData("2\n"), copyDone()),
  "a wrong COPY": joined(query(COPY), copyData("x\n"), copyData("x\n"), copyDone()),
  "a COPY given up": joined(query(COPY), copyData("1\n"), copyFail()),
  "an extended COPY": joined(extended(COPY), copyData("3\n"), copyDone(), sync()),
  "a COPY TO": query("copy (select generate_series(1, 2000)) to stdout"),
};

/** Only where a request that is terminated does not have to fail its transaction. */
const TRANSACTIONS: Readonly<Record<string, Buffer>> = {
  begin: query("begin"),
  rollback: query("rollback"),
};

/**
 * What handlers terminate, and what PostgreSQL answers in the same way: the client must not be able to
 * tell a request that a handler refuses from one that the server refuses.
 */
const TERMINATED: Readonly<Record<string, readonly [sent: Buffer, like: Buffer]>> = {
  "a forbidden query": [query(FORBIDDEN), query(WRONG)],
  "a forbidden batch": [extended(FORBIDDEN), extended(WRONG)],
  "a forbidden first part": [
    joined(parse(FORBIDDEN), describeStatement(), flush(), rest),
    joined(parse(WRONG), describeStatement(), flush(), rest),
  ],
  "a forbidden last part": [
    joined(parse("select 1"), describeStatement(), flush(), extended(FORBIDDEN)),
    joined(parse("select 1"), describeStatement(), flush(), extended(WRONG)),
  ],
  "a forbidden part in the middle": [
    joined(parse("select 1"), flush(), parse(FORBIDDEN), flush(), rest),
    joined(parse("select 1"), flush(), parse(WRONG), flush(), rest),
  ],
  "a forbidden part of a batch that has failed": [
    joined(parse(WRONG), flush(), parse(FORBIDDEN), flush(), rest),
    joined(parse(WRONG), flush(), rest),
  ],
  "a forbidden COPY": [
    joined(query(COPY), copyData(`${FORBIDDEN}\n`), copyDone()),
    joined(query(COPY), copyFail()),
  ],
  "a COPY that is forbidden later": [
    joined(query(COPY), copyData("1\n"), copyData(`${FORBIDDEN}\n`), copyData("2\n"), copyDone()),
    joined(query(COPY), copyData("1\n"), copyFail()),
  ],
  "a forbidden extended COPY": [
    joined(extended(COPY), copyData(`${FORBIDDEN}\n`), copyDone(), sync()),
    joined(extended(COPY), copyFail(), sync()),
  ],
};

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.query("create table copied (x int)");
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function started(mode: HookMode): Promise<GatewayInProcess> {
  const server = { maxPendingUnits: 3 };
  return await startInMode(mode, postgres.address, { method: "trust" }, { server });
}

async function pass(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A number of turns of the event loop, mostly none, for each time it is asked. */
const anyPace = fc.infiniteStream(
  fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat({ max: 30 })),
);

/** Lengths of the pieces in which bytes are sent. */
const anyCut = fc.infiniteStream(
  fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 200 })),
);

interface Manner {
  readonly lengths: Iterator<number>;
  readonly pauses: Iterator<number>;
  /** Called after each piece. */
  readonly onPiece?: () => void;
}

const anyManner = fc.record({ lengths: anyCut, pauses: anyPace });

/** Registers a handler on each hook that takes its time; the answer removes them. */
function registerSlowHandlers(
  inside: GatewayInProcess,
  pace: Iterator<number>,
  response?: Uint8Array,
): () => void {
  const removals = HOOKS.map((hook) =>
    inside.gateway.hooks.register(hook, {
      name: "random",
      priority: 1000,
      onError: "continue",
      handler: (payload) => {
        const { request } = payload;
        const isForbidden =
          hook === "OnTrafficFromClient" &&
          request instanceof Uint8Array &&
          Buffer.from(request).includes(FORBIDDEN);
        const result = isForbidden
          ? terminate(response === undefined ? {} : { response })
          : undefined;
        const turns: number = pace.next().value ?? 0;
        return turns === 0 ? result : pass(turns).then(() => result);
      },
    }),
  );
  return () => {
    for (const remove of removals) remove();
  };
}

/** Holds a conversation, and answers the tags of all that the server said. */
async function tagsOf(target: WireTarget, bytes: Buffer, manner?: Manner): Promise<string> {
  await using client = await connectWire(target);
  await client.login();
  for (let at = 0; at < bytes.length;) {
    const length: number = manner?.lengths.next().value ?? bytes.length;
    client.send(bytes.subarray(at, at + length));
    at += length;
    await pass(manner?.pauses.next().value ?? 0);
    manner?.onPiece?.();
  }
  // It is answered in a failed transaction too.
  client.query(`rollback; select '${LAST_WORDS}'`);
  let tags = "";
  for (let isLast = false; ;) {
    const { type, body } = await client.message();
    tags += type;
    isLast ||= body.includes(LAST_WORDS);
    if (isLast && type === "Z") return tags;
  }
}

const direct = (): WireTarget => ({ host: postgres.host, port: postgres.port });

test.each(HOOK_MODES)(
  "any conversation in mode %s is the one with the server",
  async (mode) => {
    await using inside = await started(mode);
    const units = { ...UNITS, ...(mode !== "statement" && TRANSACTIONS) };
    const anyUnits = fc.array(fc.constantFrom(...Object.keys(units)), {
      minLength: 1,
      maxLength: 9,
    });
    await fc.assert(
      fc.asyncProperty(anyUnits, anyManner, anyPace, async (names, manner, pace) => {
        const bytes = joined(...names.map((name) => UNITS[name] ?? TRANSACTIONS[name] ?? sync()));
        const expected = await tagsOf(direct(), bytes);
        const remove = registerSlowHandlers(inside, pace);
        try {
          expect(await tagsOf(inside.target, bytes, manner)).toBe(expected);
        } finally {
          remove();
        }
      }),
      RUNS,
    );
    expect(inside.errors).toEqual([]);
  },
  TIMEOUT_MS,
);

test.each(HOOK_MODES)(
  "it is so in mode %s while handlers come and go",
  async (mode) => {
    await using inside = await started(mode);
    const units = { ...UNITS, ...(mode !== "statement" && TRANSACTIONS) };
    const anyUnits = fc.array(fc.constantFrom(...Object.keys(units)), {
      minLength: 1,
      maxLength: 9,
    });
    const anyComing = fc.infiniteStream(fc.nat({ max: 3 }));
    await fc.assert(
      fc.asyncProperty(
        anyUnits,
        anyManner,
        anyPace,
        anyComing,
        async (names, manner, pace, coming) => {
          const bytes = joined(...names.map((name) => UNITS[name] ?? TRANSACTIONS[name] ?? sync()));
          const expected = await tagsOf(direct(), bytes);
          let remove: (() => void) | undefined;
          const onPiece = (): void => {
            if (coming.next().value !== 0) return;
            if (remove === undefined) {
              remove = registerSlowHandlers(inside, pace);
            } else {
              remove();
              remove = undefined;
            }
          };
          try {
            expect(await tagsOf(inside.target, bytes, { ...manner, onPiece })).toBe(expected);
          } finally {
            remove?.();
          }
        },
      ),
      RUNS,
    );
    expect(inside.errors).toEqual([]);
  },
  TIMEOUT_MS,
);

const REFUSAL = joined(
  errorResponse({ severity: "ERROR", sqlState: "42501", message: "not for you" }),
  readyForQuery(0x49),
);

test.each(
  HOOK_MODES.flatMap((mode) => [
    [mode, "without", undefined] as const,
    [mode, "with", REFUSAL] as const,
  ]),
)(
  "what handlers terminate in mode %s, %s a response, is as if the server had refused it",
  async (mode, _, response) => {
    await using inside = await started(mode);
    const anyUnits = fc.array(
      fc.oneof(fc.constantFrom(...Object.keys(UNITS)), fc.constantFrom(...Object.keys(TERMINATED))),
      { minLength: 1, maxLength: 9 },
    );
    await fc.assert(
      fc.asyncProperty(anyUnits, anyManner, anyPace, async (names, manner, pace) => {
        const sent = joined(...names.map((name) => TERMINATED[name]?.[0] ?? UNITS[name] ?? sync()));
        const like = joined(...names.map((name) => TERMINATED[name]?.[1] ?? UNITS[name] ?? sync()));
        const expected = await tagsOf(direct(), like);
        const remove = registerSlowHandlers(inside, pace, response);
        try {
          expect(await tagsOf(inside.target, sent, manner)).toBe(expected);
        } finally {
          remove();
        }
      }),
      RUNS,
    );
    expect(inside.errors).toEqual([]);
  },
  TIMEOUT_MS,
);
