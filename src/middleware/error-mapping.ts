import { isAbortError } from 'abort-controller-x';
import { ServerError, Status } from 'nice-grpc-common';
import { RichServerError, type Any } from 'nice-grpc-error-details';
import { codeOfKind, type DomainError, isDomainError } from '../domain/errors.js';
import type { CallRecord } from './call-record.js';
import { detailsOf, errorInfo, sayable } from './error-details.js';

/** A status for the client, with its google.rpc details. */
export type ClientError = RichServerError & { readonly extra: Any[] };

/**
 * What a client is told about whatever was thrown: a status with google.rpc details; undefined if it left by itself.
 * What nobody meant for it becomes INTERNAL with nothing but the request id; the cause stays in the record.
 */
export function toClientError(error: unknown, record: CallRecord): ClientError | undefined {
  if (isAbortError(error)) {
    const cause = record.abortReason?.cause;
    return cause === undefined ? undefined : toClientError(cause, record);
  }
  if (error instanceof RichServerError) return error as ClientError;
  if (isDomainError(error)) return ofDomain(error);
  if (error instanceof ServerError) {
    return clientError(error.code, error.details, [errorInfo(Status[error.code])]);
  }
  record.failure = error;
  const text = `internal error; the server's log has it under request id ${record.requestId}`;
  return clientError(Status.INTERNAL, text, [errorInfo('INTERNAL', { request_id: record.requestId })]);
}

/** The status of an error that is meant for the client. */
export function ofDomain(error: DomainError): ClientError {
  return clientError(codeOfKind[error.kind], error.message, detailsOf(error));
}

export function clientError(code: Status, message: string, details: Any[]): ClientError {
  return new RichServerError(code, sayable(message), details) as ClientError;
}
