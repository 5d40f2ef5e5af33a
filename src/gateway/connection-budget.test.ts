import { describe, expect, test } from "bun:test";
import { ConnectionBudget, DescriptorBudget } from "./connection-budget.ts";

/** Descriptors of a process that are not for clients. */
const RESERVED = 128;

describe("the budget of connections", () => {
  test("admits `maxConnections`, lets 64 more be told so, and refuses the others", () => {
    const budget = new ConnectionBudget(2, new DescriptorBudget(0, undefined));
    const answers = Array.from({ length: 67 }, () => budget.admit());
    expect(answers.slice(0, 2)).toEqual(["admitted", "admitted"]);
    expect(new Set(answers.slice(2, 66))).toEqual(new Set(["overLimit"]));
    expect(answers[66]).toBe("refused");
    budget.release("overLimit");
    expect(budget.admit()).toBe("overLimit");
    budget.release("admitted");
    expect(budget.admit()).toBe("admitted");
  });

  test("does not count cancel requests among the clients", () => {
    const budget = new ConnectionBudget(1, new DescriptorBudget(0, undefined));
    budget.admit();
    const cancel = budget.exempt("admitted");
    expect(budget.admit()).toBe("admitted");
    budget.release(cancel);
    expect(budget.admit()).toBe("overLimit");
    expect(budget.exempt("overLimit")).toBe("overLimit");
  });

  test("counts the sockets of all groups together, those of cancel requests too", () => {
    const shared = new DescriptorBudget(10, RESERVED + 10 + 2);
    const [one, two] = [new ConnectionBudget(100, shared), new ConnectionBudget(100, shared)];
    expect([one.maxConnections, one.admit(), two.admit()]).toEqual([2, "admitted", "admitted"]);
    const cancel = one.exempt("admitted");
    expect(one.admit()).toBe("overLimit");
    one.release(cancel);
    expect([one.admit(), two.admit()]).toEqual(["admitted", "overLimit"]);
  });

  test("needs room for a client", () => {
    expect(() => new DescriptorBudget(10, RESERVED + 10)).toThrow("leaves no room for clients");
  });
});
