// Masks what looks like an e-mail address or a card number in every row that leaves the gateway.
//
//   config: { except: [auditor] }
//
// It goes by what values look like, so that it needs to know no tables; it does not see values in other forms:
// numbers in binary format, compressed or encrypted ones, and the data of COPY.
import { definePlugin } from "gatewayd/sdk";

const EMAIL = /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g;
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
      const hidden = text.replace(EMAIL, "***@***").replace(CARD, "****");
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
