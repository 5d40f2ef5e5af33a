import { describe, expect, test } from "bun:test";
import { GatewayError } from "../errors.ts";
import { createStrategy } from "./index.ts";
import type { BlockView, Strategy, StrategyOptions } from "./index.ts";

const NAMES = ["a", "b", "c"];
const CLIENT = { remoteAddress: "10.0.0.1:5000" };

/** The same numbers in every run, well mixed: Lehmer's generator. */
function seededRandom(): () => number {
  let state = 42;
  return () => {
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
}

function create(options: Partial<StrategyOptions>): Strategy {
  return createStrategy({
    strategy: "ROUND_ROBIN",
    group: "default",
    rules: [],
    random: seededRandom(),
    ...options,
  });
}

const weights = (...pairs: readonly (readonly [string, number])[]) => [
  {
    condition: "DEFAULT",
    distribution: pairs.map(([proxyName, weight]) => ({ proxyName, weight })),
  },
];

const rules = weights(["a", 3], ["b", 2], ["c", 1]);
const consistentHash = { useSourceIp: false, maxEntries: 1000 };

/** Blocks that count the clients sent to them. */
function blocks(
  names: readonly string[] = NAMES,
): { readonly name: string; leasedCount: number }[] {
  return names.map((name) => ({ name, leasedCount: 0 }));
}

/** The names of the blocks that so many clients, each from another port, are sent to. */
function pickMany(
  strategy: Strategy,
  candidates: readonly { readonly name: string; leasedCount: number }[],
  count: number,
  host = "10.0.0.1",
): string[] {
  return Array.from({ length: count }, (_, index) => {
    const block = strategy.pick(candidates, { remoteAddress: `${host}:${index}` });
    block.leasedCount += 1;
    return block.name;
  });
}

const shares = (names: readonly string[]) =>
  Object.fromEntries(NAMES.map((name) => [name, names.filter((other) => other === name).length]));

describe.each([
  ["ROUND_ROBIN", {}],
  ["RANDOM", {}],
  ["WEIGHTED_ROUND_ROBIN", { rules }],
  ["LEAST_CONNECTIONS", {}],
  ["ROUND_ROBIN", { consistentHash }],
  ["RANDOM", { consistentHash }],
  ["WEIGHTED_ROUND_ROBIN", { rules, consistentHash }],
  ["LEAST_CONNECTIONS", { consistentHash }],
] satisfies [string, Partial<StrategyOptions>][])("%s with %j", (name, options) => {
  const build = () => create({ strategy: name, ...options });

  test("reaches every candidate", () => {
    expect(new Set(pickMany(build(), blocks(), 200))).toEqual(new Set(NAMES));
  });

  test("picks the only candidate, one the configuration does not name too", () => {
    const strategy = build();
    expect(pickMany(strategy, blocks(["b"]), 3)).toEqual(["b", "b", "b"]);
    expect(pickMany(strategy, blocks(["unknown"]), 3)).toEqual(Array(3).fill("unknown"));
  });

  test("hands back the candidate itself", () => {
    const candidates = blocks();
    expect(candidates).toContain(build().pick(candidates, CLIENT));
  });

  test("never picks a block that is gone, and picks it again when it is back", () => {
    const strategy = build();
    const all = blocks();
    pickMany(strategy, all, 10);
    for (const gone of NAMES) {
      const rest = all.filter((block) => block.name !== gone);
      const picked = pickMany(strategy, rest, 100);
      expect(new Set(picked)).toEqual(new Set(NAMES.filter((other) => other !== gone)));
    }
    expect(new Set(pickMany(strategy, all, 600, "10.0.0.2"))).toEqual(new Set(NAMES));
  });

  test("gives the same answers to the same questions", () => {
    const rounds = [build(), build()].map((strategy) => [
      ...pickMany(strategy, blocks(), 20),
      ...pickMany(strategy, blocks(["a", "c"]), 20),
      ...pickMany(strategy, blocks(), 20),
    ]);
    expect(rounds[0]).toEqual(rounds[1] as string[]);
  });

  test("says so when there is no candidate, and goes on afterwards", () => {
    const strategy = build();
    expect(() => strategy.pick([], CLIENT)).toThrow(GatewayError);
    expect(NAMES).toContain(strategy.pick(blocks(), CLIENT).name);
  });
});

describe("ROUND_ROBIN", () => {
  test.each([
    [["a", "b", "c"], "bcabca"],
    [["a", "b"], "bababa"],
    [["a"], "aaaaaa"],
  ])("goes over %j in their order, from the second", (names, expected) => {
    expect(pickMany(create({}), blocks(names), 6).join("")).toBe(expected);
  });

  test("skips a block that is gone and gives it one turn, not more, when it is back", () => {
    const strategy = create({});
    expect(pickMany(strategy, blocks(), 2).join("")).toBe("bc");
    expect(pickMany(strategy, blocks(["b", "c"]), 4).join("")).toBe("bcbc");
    expect(pickMany(strategy, blocks(), 6).join("")).toBe("abcabc");
  });

  test("stays fair among those that stay while another comes and goes all the time", () => {
    const strategy = create({});
    const picked: string[] = [];
    for (let round = 0; round < 150; round += 1) {
      picked.push(...pickMany(strategy, blocks(round % 2 === 0 ? NAMES : ["a", "b"]), 1));
    }
    const { a = 0, b = 0 } = shares(picked);
    expect(Math.abs(a - b)).toBeLessThanOrEqual(1);
  });
});

test("RANDOM gives each block an equal share", () => {
  for (const share of Object.values(
    shares(pickMany(create({ strategy: "RANDOM" }), blocks(), 3000)),
  )) {
    expect(share).toBeWithin(900, 1100);
  }
});

test.each([
  [0, "a"],
  [0.34, "b"],
  [0.999_999, "c"],
])("RANDOM takes %d of the way through the list", (value, expected) => {
  const strategy = create({ strategy: "RANDOM", random: () => value });
  expect(strategy.pick(blocks(), CLIENT).name).toBe(expected);
});

describe("WEIGHTED_ROUND_ROBIN", () => {
  const weighted = (own: StrategyOptions["rules"]) =>
    create({ strategy: "WEIGHTED_ROUND_ROBIN", rules: own });

  test("mixes the blocks evenly", () => {
    const strategy = weighted(weights(["a", 5], ["b", 1], ["c", 1]));
    expect(pickMany(strategy, blocks(), 14).join("")).toBe("aabacaaaabacaa");
  });

  test("keeps the proportion of those that are left", () => {
    const strategy = weighted(weights(["a", 3], ["b", 2], ["c", 1]));
    pickMany(strategy, blocks(), 4);
    expect(shares(pickMany(strategy, blocks(["a", "c"]), 400))).toEqual({ a: 300, b: 0, c: 100 });
    const { a = 0, b = 0, c = 0 } = shares(pickMany(strategy, blocks(), 600));
    expect(a).toBeWithin(298, 303);
    expect(b).toBeWithin(198, 203);
    expect(c).toBeWithin(98, 103);
  });

  test("uses blocks without a share only while none with a share is there", () => {
    const strategy = weighted(weights(["b", 1]));
    expect(pickMany(strategy, blocks(), 3).join("")).toBe("bbb");
    expect(shares(pickMany(strategy, blocks(["a", "c"]), 4))).toEqual({ a: 2, b: 0, c: 2 });
    expect(pickMany(strategy, blocks(), 3).join("")).toBe("bbb");
  });

  test("knows blocks by their names in lower case, as the configuration does", () => {
    const strategy = weighted(weights(["B", 1]));
    expect(strategy.pick(blocks(), CLIENT).name).toBe("b");
  });

  test("follows the rule DEFAULT, else the first one", () => {
    const rule = (condition: string, proxyName: string) => {
      return { condition, distribution: [{ proxyName, weight: 1 }] };
    };
    const withDefault = weighted([rule("OTHER", "a"), rule("DEFAULT", "c")]);
    expect(withDefault.pick(blocks(), CLIENT).name).toBe("c");
    const without = weighted([rule("OTHER", "b"), rule("ANOTHER", "c")]);
    expect(without.pick(blocks(), CLIENT).name).toBe("b");
  });

  test("is refused without rules", () => {
    expect(() => weighted([])).toThrow(
      "servers.default.loadBalancer.loadBalancingRules: WEIGHTED_ROUND_ROBIN needs a rule",
    );
  });
});

describe("LEAST_CONNECTIONS", () => {
  const build = () => create({ strategy: "LEAST_CONNECTIONS" });

  test("picks the block with the fewest clients", () => {
    const candidates = [
      { name: "a", leasedCount: 3 },
      { name: "b", leasedCount: 4 },
      { name: "c", leasedCount: 0 },
    ];
    expect(pickMany(build(), candidates, 3).join("")).toBe("ccc");
    pickMany(build(), candidates, 100);
    const counts = candidates.map(({ leasedCount }) => leasedCount);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  test("lets blocks with equally few clients take turns", () => {
    const candidates: readonly BlockView[] = blocks();
    const strategy = build();
    const picked = Array.from({ length: 6 }, () => strategy.pick(candidates, CLIENT).name);
    expect(shares(picked)).toEqual({ a: 2, b: 2, c: 2 });
  });
});

describe("consistentHash", () => {
  const build = (own: Partial<typeof consistentHash>) =>
    create({ consistentHash: { ...consistentHash, ...own } });
  const pick = (strategy: Strategy, remoteAddress: string, names: readonly string[] = NAMES) =>
    strategy.pick(blocks(names), { remoteAddress }).name;

  test.each(["10.0.0.1:", "[2001:db8::1]:", "[::1%eth0]:"])(
    "keeps all ports of %s on one block with useSourceIp",
    (host) => {
      const strategy = build({ useSourceIp: true });
      const picked = [1, 22, 65_535].map((port) => pick(strategy, `${host}${port}`));
      expect(picked).toEqual(["b", "b", "b"]);
      expect(pick(strategy, "10.0.0.2:1")).toBe("c");
    },
  );

  test("keeps an address and port on one block without useSourceIp", () => {
    const strategy = build({ useSourceIp: false });
    expect(pick(strategy, "10.0.0.1:1")).toBe("b");
    expect(pick(strategy, "10.0.0.1:2")).toBe("c");
    expect(pick(strategy, "10.0.0.1:1")).toBe("b");
    expect(pick(strategy, "10.0.0.1:2")).toBe("c");
  });

  test("leads a client elsewhere while its block is gone, and back when it lives", () => {
    const strategy = build({});
    expect(pick(strategy, "10.0.0.1:1")).toBe("b");
    expect(pick(strategy, "10.0.0.1:1", ["a", "c"])).not.toBe("b");
    expect(pick(strategy, "10.0.0.1:1")).toBe("b");
  });

  test("forgets the client not seen for longest when its table is full", () => {
    const strategy = build({ maxEntries: 2 });
    expect(pick(strategy, "one:1")).toBe("b");
    expect(pick(strategy, "two:1")).toBe("c");
    expect(pick(strategy, "one:1")).toBe("b");
    expect(pick(strategy, "three:1")).toBe("a"); // Takes the place of two.
    expect(pick(strategy, "one:1")).toBe("b");
    expect(pick(strategy, "two:1")).toBe("b"); // Chosen anew: it is b's turn.
  });
});

test("an unknown strategy is refused, with its place", () => {
  expect(() => create({ strategy: "FASTEST", group: "blue" })).toThrow(
    expect.objectContaining({
      code: "ERR_CONFIG_INVALID",
      message: 'servers.blue.loadBalancer.strategy: unknown strategy "FASTEST"',
    }),
  );
});
