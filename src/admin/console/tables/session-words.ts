/** What a session is at, in words. */
import { SessionActivity } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { TransactionStatus } from "../../gen/gatewayd/admin/v1/transaction_status_pb.ts";

const ACTIVITIES: ReadonlyMap<SessionActivity, string> = new Map([
  [SessionActivity.LOGGING_IN, "login"],
  [SessionActivity.IDLE, "idle"],
  [SessionActivity.WAITING, "waiting"],
  [SessionActivity.ACTIVE, "active"],
  [SessionActivity.ENDING, "ending"],
]);

const STATUSES: ReadonlyMap<TransactionStatus, string> = new Map([
  [TransactionStatus.IDLE, "idle"],
  [TransactionStatus.IN_TRANSACTION, "in transaction"],
  [TransactionStatus.FAILED, "failed"],
]);

export function activityWord(activity: SessionActivity): string {
  return ACTIVITIES.get(activity) ?? "";
}

/** Empty while it is not known. */
export function transactionWord(status: TransactionStatus): string {
  return STATUSES.get(status) ?? "";
}
