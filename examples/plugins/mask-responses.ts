// Masks what looks like an e-mail address or a card number in every row that leaves the gateway.
//
//   config: { except: [auditor] }
//   onError: terminate
//
// With `onError: terminate` rows that it fails to look through do not leave the gateway; without it they would, as
// they are. It goes by what values look like, so that it needs to know no tables. It takes any 13 to 19 digits for a
// card number, ids and times in milliseconds too, and puts stars in their place also where a client expects a number.
// A value keeps its length, so that whatever it is part of in binary format, an array say, stays readable.
// It does not see values in other forms: numbers in binary format, compressed or encrypted ones, the data of COPY, what
// errors and notices quote.
import { definePlugin } from "gatewayd/sdk";

// Looked for at the beginning of a word only: else a long one without an @ takes a time that grows by its square.
// Letters that are not ASCII are bytes from 80 to ff here, whatever the encoding.
const EMAIL = /(?<![\w.+\x80-\xff-])[\w.+\x80-\xff-]+@[\w\x80-\xff-]+(?:\.[\w\x80-\xff-]+)+/g;
const CARD = /\b(?:\d[ -]?){12,18}\d\b/g;

export default definePlugin({
  name: "mask-responses",
  version: "1.0.0",
  description: "Masks e-mail addresses and card numbers in responses.",
  setup({ config, metrics }) {
    const { except } = config;
    const seesAll = new Set(Array.isArray(except) ? except.map(String) : []);
    const masked = metrics.counter({
      name: "mask_responses_values_total",
      help: "Values that were masked.",
    });
    const stars = (found: string): string => "*".repeat(found.length);
    const mask = (value: Uint8Array): Uint8Array => {
      // Most values are too short to hide anything, and are not looked at.
      if (value.length < 6) return value;
      // One character for each byte.
      const text = Buffer.from(value.buffer, value.byteOffset, value.length).toString("latin1");
      const named = text.includes("@") ? text.replace(EMAIL, stars) : text;
      const hidden = named.replace(CARD, stars);
      if (hidden === text) return value;
      masked.inc();
      return Buffer.from(hidden, "latin1");
    };
    return {
      onTrafficFromServer(event) {
        if (seesAll.has(event.session.user ?? "")) return;
        event.mapRows((values) => {
          const changed = values.map((value) => (value === null ? null : mask(value)));
          return changed.some((value, index) => value !== values[index]) ? changed : values;
        });
      },
    };
  },
});
