// A handler on both ways of the traffic that has nothing to say.
import { definePlugin } from "gatewayd/sdk";

export default definePlugin({
  name: "bench",
  version: "1.0.0",
  setup: () => ({ onTrafficFromClient() {}, onTrafficFromServer() {} }),
});
