import { describe, expect, spyOn, test } from "bun:test";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { bytesIn } from "../../tests/fixtures/handlers.ts";
import { SessionKit, told } from "../../tests/fixtures/session.ts";
import { backend, frontend } from "../../tests/fixtures/wire/index.ts";

const { query } = frontend;
const QUERY = query("select 1");
const ROWS = backend.rows("1");

describe.each(["OnTrafficToServer", "OnTrafficToClient"] as const)(
  "what handlers of %s are told after the fact",
  (hook) => {
    /** A session whose handler answers when it is let go on. */
    async function slowSession() {
      const kit = await new SessionKit().logIn();
      const seen: string[] = [];
      const waiting: (() => void)[] = [];
      const remove = kit.on(hook, (payload) => {
        seen.push(
          bytesIn(payload, hook === "OnTrafficToServer" ? "request" : "response").toString(),
        );
        return new Promise<void>((resolve) => waiting.push(resolve));
      });
      const goOn = async (): Promise<void> => {
        waiting.shift()?.();
        await settle();
      };
      return { kit, seen, waiting, goOn, remove };
    }

    test("comes in order, one after the other, and holds nothing up", async () => {
      const { kit, seen, waiting, goOn } = await slowSession();
      for (const word of ["1", "2", "3"]) {
        await kit.say(query(word));
        await kit.answer(backend.rows(word));
      }
      expect(told(kit.heard.bytes)).toBe("T D C Z T D C Z T D C Z");
      expect(waiting).toHaveLength(1);
      for (let index = 0; index < 3; index++) await goOn();
      expect(seen.map((text) => /[123](?=\0|C)/.exec(text)?.[0])).toEqual(["1", "2", "3"]);
      await kit.expectClean();
    });

    test("slows its source down when it piles up", async () => {
      const { kit, seen, waiting, goOn } = await slowSession();
      const source = hook === "OnTrafficToServer" ? kit.gatewayEnd : kit.backend.gatewayEnd;
      const [pause, resume] = [spyOn(source, "pause"), spyOn(source, "resume")];
      const large = "x".repeat(200_000);
      const count = 8;
      for (let index = 0; index < count; index++) {
        await kit.say(query(hook === "OnTrafficToServer" ? large : "small"));
        await kit.answer(backend.rows(hook === "OnTrafficToClient" ? large : "small"));
      }
      expect(pause).toHaveBeenCalledTimes(1);
      expect(resume).not.toHaveBeenCalled();
      for (let index = 0; index < 20 && waiting.length > 0; index++) await goOn();
      expect(resume).toHaveBeenCalledTimes(1);
      expect(seen).toHaveLength(count);
      expect(kit.heard.take().length).toBeGreaterThan(0);
      await kit.expectClean();
    });

    test("comes before the end of the connection", async () => {
      const { kit, seen, goOn } = await slowSession();
      for (const event of ["OnClosing", "OnClosed"] as const)
        kit.on(event, () => void seen.push(event));
      for (let index = 0; index < 2; index++) {
        await kit.say(QUERY);
        await kit.answer(ROWS);
      }
      kit.client.close();
      await settle();
      expect(seen).toHaveLength(1);
      for (let index = 0; index < 2; index++) await goOn();
      expect(seen.slice(2)).toEqual(["OnClosing", "OnClosed"]);
      await kit.expectClean();
    });

    test("holds up the end for a while only, and what is left then is dropped", async () => {
      const { kit, seen, goOn } = await slowSession();
      kit.on("OnClosed", () => void seen.push("OnClosed"));
      for (let index = 0; index < 3; index++) {
        await kit.say(QUERY);
        await kit.answer(ROWS);
      }
      kit.client.close();
      await settle();
      await kit.pass(4_900);
      expect(seen).toHaveLength(1);
      await kit.pass(200);
      expect(seen.slice(1)).toEqual(["OnClosed"]);
      const [record] = kit.logger.records.filter(({ level }) => level === "warn");
      expect(record?.message).toBe("Handlers were not told of all traffic in time");
      await goOn();
      expect(seen).toHaveLength(2);
      await kit.expectClean();
    });

    test("keeps its hold on the traffic when other handlers go", async () => {
      const { kit, waiting, goOn, remove } = await slowSession();
      const large = "x".repeat(200_000);
      for (let index = 0; index < 8; index++) {
        await kit.say(query(hook === "OnTrafficToServer" ? large : "small"));
        await kit.answer(backend.rows(hook === "OnTrafficToClient" ? large : "small"));
      }
      remove();
      kit.heard.take();
      while (waiting.length > 0) await goOn();
      await kit.say(QUERY);
      await kit.answer(ROWS);
      expect(told(kit.heard.bytes)).toEndWith("T D C Z");
      await kit.expectClean();
    });
  },
);
