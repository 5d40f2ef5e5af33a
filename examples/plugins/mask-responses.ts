// Masks what looks like an e-mail address or a card number in every row that leaves the gateway.
//
//   config: { except: [auditor] }
//   onError: terminate
//
// With `onError: terminate` rows that it fails to look through do not leave the gateway; without it they would, as
// they are. It goes by what values look like, so that it needs to know no tables. It takes any 13 to 19 digits for a
// card number, ids and times in milliseconds too, and puts a text in their place also where a client expects a number.
// It does not see values in other forms: numbers in binary format, compressed or encrypted ones, the data of COPY.
import { definePlugin } from "gatewayd/sdk";

// Looked for at the beginning of a word only: else a long one without an @ takes a time that grows by its square.
const EMAIL = /(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g;
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
    const decoder = new TextDecoder("utf-8", { fatal: true });
    const mask = (value: Uint8Array): Uint8Array | string => {
      // Most values are too short to hide anything, and are not looked at.
      if (value.length < 6) return value;
      let text: string;
      try {
        text = decoder.decode(value);
      } catch {
        return value; // Not text.
      }
      const named = text.includes("@") ? text.replace(EMAIL, "***@***") : text;
      const hidden = named.replace(CARD, "****");
      if (hidden === text) return value;
      masked.inc();
      return hidden;
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
