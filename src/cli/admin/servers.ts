import { readServers } from "./answers.ts";
import { apiCommand } from "./api-command.ts";
import { groupFlag, pathWith } from "./list-flags.ts";
import { textTable } from "./text-table.ts";

const HEADINGS = [
  ...["GROUP", "LISTENING AT", "PROTOCOL", "TLS", "CLIENTS", "MAX CLIENTS", "STRATEGY", "BLOCKS"],
];

/** `gatewayd servers`. */
export const serversCommand = apiCommand({
  name: "servers",
  summary: "List where clients come in, by group, and where they are led to",
  flags: [groupFlag],
  ask: (client, _operands, invocation) =>
    client.get(pathWith("/api/v1/servers", invocation, [groupFlag])),
  show: (answer) =>
    textTable(
      HEADINGS,
      readServers(answer).map((server) => [
        ...[server.group, placeOf(server), server.protocol, server.tlsMode, server.clients],
        ...[server.maxConnections, server.strategy, server.blocks.map(blockText).join(", ")],
      ]),
    ),
});

function placeOf({
  isListening,
  addresses,
  configuredAddresses,
}: Pick<
  ReturnType<typeof readServers>[number],
  "isListening" | "addresses" | "configuredAddresses"
>): string {
  return isListening ? addresses.join(", ") : `(not yet) ${configuredAddresses.join(", ")}`;
}

function blockText({
  block,
  address,
  isLive,
}: {
  block: string;
  address: string;
  isLive: boolean;
}): string {
  return `${block} at ${address}${isLive ? "" : " (not reached)"}`;
}
