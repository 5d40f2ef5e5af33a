import { describe, expect, test } from "bun:test";
import { Settings, statementTraits } from "../../postgres/index.ts";
import { SettingsWatch } from "./settings-watch.ts";

const of = (values: Readonly<Record<string, string>>): Settings =>
  new Settings(Object.entries(values));

function watching(asked: Readonly<Record<string, string>>, ...texts: readonly string[]) {
  const watch = new SettingsWatch(of(asked));
  for (const text of texts) watch.saw(statementTraits(text));
  return watch;
}

describe("what a client asked for at its startup", () => {
  const ASKED = { DateStyle: "German, DMY", "my.id": "42", role: "guest" };

  test("is asked for by name, if the server does not list it", () => {
    expect(watching(ASKED).query).toContain("my.id");
  });

  test("is gone back to when it is not set any more", () => {
    const { present, wanted } = watching(ASKED, "reset datestyle").settle([
      ["my.id", "42"],
      ["role", "guest"],
    ]);
    expect(present.values.has("DateStyle")).toBe(false);
    expect(wanted.equals(of(ASKED))).toBe(true);
  });

  test("stays as the client has changed it", () => {
    const rows = [
      ["DateStyle", "SQL, DMY"],
      ["my.id", ""],
    ];
    const { present, wanted } = watching(ASKED, "set my.id to ''", "set role none").settle(rows);
    expect(wanted).toBe(present);
    expect(wanted.equals(of({ DateStyle: "SQL, DMY", "my.id": "" }))).toBe(true);
  });

  test("is set again when the client says so, though the server keeps an empty value", () => {
    const { wanted } = watching(ASKED, "reset my.id", "reset role").settle([
      ["DateStyle", "German, DMY"],
      ["my.id", ""],
    ]);
    expect(wanted.equals(of(ASKED))).toBe(true);
  });

  test("concerns no reset of anything else", () => {
    expect(watching(ASKED, "reset work_mem").hasReset).toBe(false);
    expect(watching({}, "reset all").hasReset).toBe(false);
    expect(watching(ASKED, "reset all").hasReset).toBe(true);
    const settled = watching(ASKED, "reset all");
    settled.settle([]);
    expect(settled.hasReset).toBe(false);
  });
});

test("so many settings of a session's own are followed", () => {
  const watch = new SettingsWatch(Settings.NONE);
  const isFollowed = (at: number): boolean => watch.saw(statementTraits(`set my.n${at} to 1`));
  expect(Array.from({ length: 1_000 }, (_, at) => isFollowed(at))).not.toContain(false);
  expect(isFollowed(1_000)).toBe(false);
});
