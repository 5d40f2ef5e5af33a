/** `raft`: checked, so that older files load, and otherwise without effect. */
import * as z from "zod";
import { addressProblem } from "./address.ts";
import { boolean, text } from "./scalars.ts";

const address = () => text((value) => addressProblem("tcp", value));

export const raftSchema = z.strictObject({
  address: address().prefault("127.0.0.1:2223").describe("Address of this node."),
  nodeId: text().prefault("node1").describe("Name of this node."),
  isBootstrap: boolean().prefault(true).describe("Whether this node begins the cluster."),
  isSecure: boolean().prefault(false).describe("Encrypts the traffic between nodes."),
  certFile: text().prefault("").describe("Certificate (PEM) of this node."),
  keyFile: text().prefault("").describe("Private key (PEM) of this node."),
  directory: text().prefault("raft").describe("Where the state of the cluster was kept."),
  grpcAddress: address().prefault("127.0.0.1:50051").describe("gRPC address of this node."),
  peers: z
    .array(
      z.strictObject({
        id: text().describe("Name of the other node."),
        address: address().describe("Address of the other node."),
        grpcAddress: address().optional().describe("gRPC address of the other node."),
      }),
    )
    .prefault([])
    .describe("The other nodes."),
});
