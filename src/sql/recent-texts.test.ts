import { expect, test } from "bun:test";
import { RecentTexts } from "./recent-texts.ts";

test("what is known of a text stays known while it is asked for", () => {
  const texts = new RecentTexts(2, () => ({}));
  const facts = texts.factsOf("a");
  for (const other of ["b", "c", "d", "e"]) {
    texts.factsOf(other);
    expect(texts.factsOf("a")).toBe(facts);
  }
});

test("a text that nobody asks for is forgotten", () => {
  const texts = new RecentTexts(2, () => ({}));
  const facts = texts.factsOf("a");
  for (const other of ["b", "c", "d", "e"]) texts.factsOf(other);
  expect(texts.factsOf("a")).not.toBe(facts);
});
