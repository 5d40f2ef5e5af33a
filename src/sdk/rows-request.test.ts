import { expect, test } from "bun:test";
import { BackendWriter, FrontendWriter } from "../postgres/index.ts";
import type { BindMessage } from "../postgres/index.ts";
import { rows } from "./plugin-api.ts";
import { serverMessages } from "./server-messages.ts";
import { answerTo } from "./testing.ts";

const parse = (name = "", text = "select 1") => ({ name, text, parameterTypes: [] });
const bind = (more: Partial<BindMessage> = {}): BindMessage => {
  const unnamed = { portal: "", statement: "", parameterFormats: [], values: [] };
  return { ...unnamed, resultFormats: [], ...more };
};
const execute = (portal = "", maxRows = 0) => ({ portal, maxRows });
const writer = () => new FrontendWriter();

test.each([
  ["nothing that is executed", writer().sync(), "the request has 0"],
  ["two statements", writer().query("a").query("b"), "the request has 2"],
  ["two executions", writer().bind(bind()).execute(execute()).execute(execute()), "has 2"],
  ["a Query beside a Parse", writer().parse(parse()).query("a"), "no answer to Parse"],
  ["a named statement", writer().parse(parse("s")).execute(execute()), "a statement for later"],
  [
    "a statement behind the one that is executed",
    writer().parse(parse()).bind(bind()).execute(execute()).parse(parse()).sync(),
    "the batch has another one",
  ],
  ["two Parses", writer().parse(parse()).parse(parse()).bind(bind()).execute(execute()), "has an"],
  [
    "two Binds",
    writer()
      .bind(bind({ portal: "p" }))
      .bind(bind())
      .execute(execute()),
    "binds two",
  ],
  [
    "another statement than its own",
    writer()
      .parse(parse())
      .bind(bind({ statement: "s" }))
      .execute(execute()),
    "another statement than it prepares",
  ],
  ["what is bound already", writer().execute(execute("p")), "what it has not bound"],
  ["what is bound later", writer().execute(execute()).bind(bind()), "what it has not bound"],
  ["another portal", writer().bind(bind()).execute(execute("p")), "what it has not bound"],
  ["a limit of rows", writer().bind(bind()).execute(execute("", 1)), "1 rows at a time"],
  [
    "formats of other columns",
    writer()
      .bind(bind({ resultFormats: [1, 0, 1] }))
      .execute(execute()),
    "3 formats, and the rows have 2 columns",
  ],
  [
    "a format that is none",
    writer()
      .bind(bind({ resultFormats: [2] }))
      .execute(execute()),
    "no format 2",
  ],
  ["COPY data", writer().bind(bind()).execute(execute()).copyDone(), "no answer to CopyDone"],
])("a request with %s cannot be answered with rows", (_, request, problem) => {
  const reply = rows(
    ["a", "b"],
    [1, 2].map(() => ["1", "2"]),
  );
  expect(() => answerTo(request.take(), reply)).toThrow(problem);
});

test("a batch is told of its parameters as far as it says what they are", () => {
  const request = writer()
    .parse({ ...parse(), parameterTypes: [23, 0] })
    .bind(bind({ values: ["1", "2", "3"].map((value) => Buffer.from(value)) }))
    .describe({ kind: "statement", name: "" })
    .execute(execute());
  const [, , description] = serverMessages(answerTo(request.take(), rows(["a"], [["1"]])));
  expect(description).toMatchObject({ type: "ParameterDescription" });
  expect(description?.bytes).toEqual(
    new Uint8Array(new BackendWriter().parameterDescription([23, 25, 25]).take()),
  );
});
