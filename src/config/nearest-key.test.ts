import { expect, test } from "bun:test";
import { editDistance } from "./edit-distance.ts";
import { nearestKey, suggestion } from "./nearest-key.ts";

test.each([
  ["", "", 0],
  ["abc", "", 3],
  ["kitten", "sitting", 3],
  ["adress", "address", 1],
])("%p and %p are %d edits apart", (left, right, distance) => {
  expect(editDistance(left, right)).toBe(distance);
  expect(editDistance(right, left)).toBe(distance);
});

test("the nearest key is found whatever its case", () => {
  expect(nearestKey("ADRESS", ["network", "address"])).toBe("address");
  expect(nearestKey("recieveTimeout", ["receiveDeadline", "receiveTimeout"])).toBe(
    "receiveTimeout",
  );
});

test("nothing is suggested for a name unlike any other", () => {
  expect(nearestKey("bogus", ["address", "network"])).toBeUndefined();
  expect(suggestion("bogus", ["address"])).toBe("");
  expect(suggestion("adress", ["address"])).toBe(', did you mean "address"?');
});
