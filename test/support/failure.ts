import { ClientError, type Status } from 'nice-grpc-common';
import { type BadRequest, type ErrorInfo, type ResourceInfo, RichClientError } from 'nice-grpc-error-details';

/** What a client is told about a call that failed. */
export interface Failure {
  readonly code: Status;
  /** The reason of the ErrorInfo. */
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields that the BadRequest names, in order. */
  readonly fields: readonly string[];
  /** The name in the ResourceInfo. */
  readonly resource: string | undefined;
  readonly message: string;
}

/** Waits for a call of a test server's client to fail; fails if it does not. */
export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  const error = await call.then(() => undefined, identity);
  if (!(error instanceof ClientError)) throw new Error('the call did not fail as calls do', { cause: error });
  const details = error instanceof RichClientError ? error.extra : [];
  const info = details.find((detail): detail is ErrorInfo => detail.$type === 'google.rpc.ErrorInfo');
  const bad = details.find((detail): detail is BadRequest => detail.$type === 'google.rpc.BadRequest');
  const resource = details.find((detail): detail is ResourceInfo => detail.$type === 'google.rpc.ResourceInfo');
  return {
    code: error.code,
    reason: info?.reason ?? '',
    metadata: info?.metadata ?? {},
    fields: bad?.fieldViolations.map(({ field }) => field) ?? [],
    resource: resource?.resourceName,
    message: error.details,
  };
}

function identity(error: unknown): unknown {
  return error;
}
