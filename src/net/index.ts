/**
 * Sockets, and the only place that touches Bun's: listeners, dialling, connections, deadlines.
 * May import: errors, libc, logging, watch.
 */
export { formatAddress } from "./address.ts";
export type { Address } from "./address.ts";
export type { ClientHandshakeResult, ClientTlsOptions, TlsServer } from "./client-tls.ts";
export { ignoringHandler } from "./connection.ts";
export type { Connection, ConnectionHandler } from "./connection.ts";
export { acceptDirectTls } from "./direct-tls.ts";
export { dial, resolveAddress } from "./dialer.ts";
export type { DialOptions, Dialled } from "./dialer.ts";
export { listen } from "./listener.ts";
export type { Listener, ListenOptions } from "./listener.ts";
export { memoryPair } from "./memory-pair.ts";
export type { MemoryConnection } from "./memory-pair.ts";
export { NameAnswers } from "./name-answers.ts";
export { dialName, listenAtName, namesListenedAt } from "./named-sockets.ts";
export { holdNewcomers, isPortOfAnother } from "./shared-ports.ts";
export { SocketFile } from "./socket-file.ts";
export { isOwnUser } from "./own-user.ts";
export { partOf } from "./part-of.ts";
export { readProxyHeader } from "./proxy-protocol.ts";
export type { ProxyHeader } from "./proxy-protocol.ts";
export type { HandshakeResult, ServerTlsOptions, TlsPeer } from "./server-tls.ts";
export { Deadline, TimerWheel } from "./timer-wheel.ts";
export type { Clock } from "./timer-wheel.ts";
