import type { SessionView } from "../admin-port.ts";
import { TransactionStatus } from "../gen/gatewayd/admin/v1/transaction_status_pb.ts";

const STATUSES = {
  idle: TransactionStatus.IDLE,
  inTransaction: TransactionStatus.IN_TRANSACTION,
  failed: TransactionStatus.FAILED,
} as const;

/** In the words of proto/. */
export function transactionStatusOf(status: SessionView["transactionStatus"]): TransactionStatus {
  return status === undefined ? TransactionStatus.UNSPECIFIED : STATUSES[status];
}
