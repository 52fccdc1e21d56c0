import { ClientError } from 'nice-grpc';
import { RichClientError, type ErrorDetails } from 'nice-grpc-error-details';
import { PublishProgress } from '../../gen/leat/v1/event_service.js';
import { LeatError } from '../../src/client/index.js';

/** What a failed call said, by whatever client it was made. */
export type CallError = Pick<
  LeatError,
  'code' | 'message' | 'reason' | 'metadata' | 'violations' | 'retryAfterMs' | 'progress'
>;

/** Undefined if `error` did not come from a call. */
export function readCallError(error: unknown): CallError | undefined {
  if (error instanceof LeatError) return error;
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
