import { beforeEach, describe, expect, test } from "bun:test";
import { DueList } from "./due-list.ts";

const ERROR = Buffer.from("error");
const REFUSAL = Buffer.from("refusal");

let due: DueList;
let undone: number[];

beforeEach(() => {
  due = new DueList();
  undone = [];
});

function add(place: number, isHidden = false): void {
  due.add({ place, isHidden, undo: () => undone.push(place) });
}

describe("what is due", () => {
  test("hides the answers of hidden messages, and of no others", () => {
    add(1, true);
    add(3, true);
    add(4);
    expect([0, 1, 2, 3, 4].map((place) => due.complete(place))).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
    expect(due.isEmpty).toBe(true);
    expect(undone).toEqual([]);
  });

  test("is undone from the last to the first when a batch fails, up to its end", () => {
    for (const place of [1, 2, 3, 5, 7]) add(place);
    due.complete(1);
    expect(due.fail(2, 6, ERROR)).toBe(ERROR);
    expect(undone).toEqual([5, 3, 2]);
    expect(due.isEmpty).toBe(false);
    due.complete(7);
    expect(due.isEmpty).toBe(true);
  });

  test("is done where no answer of its own came before the failure", () => {
    add(1);
    due.fail(2, 3, ERROR);
    expect(undone).toEqual([]);
    expect(due.isEmpty).toBe(true);
  });

  test("of a failing Query is undone, and of those behind it is not", () => {
    add(1);
    add(2);
    due.fail(1, 1, ERROR);
    expect(undone).toEqual([1]);
    expect(due.isEmpty).toBe(false);
  });

  test("has the refusal in place of the error that the server makes of it", () => {
    due.add({ place: 1, isHidden: false, refusal: REFUSAL });
    expect(due.fail(1, 2, ERROR)).toBe(REFUSAL);
    expect(due.fail(1, 2, ERROR)).toBe(ERROR);
  });

  test("tells of an error where another message fails for it", () => {
    const query = { place: 3, isHidden: false };
    due.add({ place: 1, isHidden: true, tells: query });
    due.add({ place: 2, isHidden: true });
    due.add(query);
    expect(due.fail(1, 2, REFUSAL)).toBeUndefined();
    expect(due.complete(2)).toBe(true);
    expect(due.fail(3, 3, ERROR)).toBe(REFUSAL);
  });
});
