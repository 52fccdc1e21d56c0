import { ClientError, Status } from 'nice-grpc';
import { RichClientError, type ErrorDetails } from 'nice-grpc-error-details';
import { PublishProgress } from '../../gen/leat/v1/event_service.js';

/** What a failed call said, with the google.rpc details of the service opened. */
export interface CallError {
  readonly code: Status;
  readonly message: string;
  /** ErrorInfo.reason; undefined if the failure was not told by the service but by the transport. */
  readonly reason?: string;
  /** ErrorInfo.metadata: current values, for example `first_offset`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  /** When to try again. Absent: trying again is not proposed. */
  readonly retryAfterMs?: number;
  /** Of PublishEvents: what is durable nevertheless. */
  readonly progress?: PublishProgress;
}

/** Undefined if `error` did not come from a call. */
export function readCallError(error: unknown): CallError | undefined {
  if (!(error instanceof ClientError)) return undefined;
  const details = error instanceof RichClientError ? error.extra : [];
  const base: CallError = { code: error.code, message: error.details, metadata: {}, violations: [] };
  return details.reduce<CallError>((known, detail) => ({ ...known, ...readDetail(detail) }), base);
}

function readDetail(detail: ErrorDetails): Partial<CallError> {
  switch (detail.$type) {
    case 'google.rpc.ErrorInfo':
      return { reason: detail.reason, metadata: detail.metadata };
    case 'google.rpc.BadRequest':
      return { violations: detail.fieldViolations };
    case 'google.rpc.RetryInfo':
      return { retryAfterMs: Number(detail.retryDelay?.seconds ?? 0) * 1000 + (detail.retryDelay?.nanos ?? 0) / 1e6 };
    case 'google.protobuf.Any':
      return detail.typeUrl.endsWith('/leat.v1.PublishProgress')
        ? { progress: PublishProgress.decode(detail.value) }
        : {};
    default:
      return {};
  }
}

/**
 * True if the connection or the server went away, or the service asked to be called again: not if it answered with
 * a verdict. A reset stream is INTERNAL or CANCELLED without a reason, whatever took it down.
 */
export function isTransient(error: CallError): boolean {
  if (error.retryAfterMs !== undefined || error.code === Status.UNAVAILABLE) return true;
  const resets: readonly Status[] = [Status.INTERNAL, Status.CANCELLED, Status.UNKNOWN];
  return error.reason === undefined && resets.includes(error.code);
}
