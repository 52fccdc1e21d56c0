import { status as Status, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';
import { DomainError } from '../domain/errors.js';
import type { CallRecord } from '../middleware/call-record.js';
import type { ClientError } from '../middleware/error-mapping.js';
import { malformed } from '../middleware/request-codec.js';
import type { BoundCall } from './bound-partial-message.js';
import { statusOf } from './wire-status.js';

type NextCall = Parameters<ServerInterceptor>[1];

/** A call, for ending it from below. */
export interface Refusable {
  readonly nextCall: NextCall;
  readonly record: CallRecord;
  /** Its handler runs from the beginning; one of a single request waits for that, and does not run. */
  readonly requestStream: boolean;
}

export function refuse({ nextCall, record, requestStream }: Refusable, error: DomainError | ClientError): void {
  if (requestStream) record.abort(error);
  else nextCall.sendStatus(statusOf(error));
}

/** Refuses a call whose metadata is larger than allowed, in bytes; true if it did. */
export function refusesMetadata({ nextCall }: Refusable, metadata: Metadata, maxBytes: number): boolean {
  const size = sizeOf(metadata);
  if (size <= maxBytes) return false;
  const details = `Metadata is larger than max (${size} vs. ${maxBytes})`;
  nextCall.sendStatus({ code: Status.RESOURCE_EXHAUSTED, details });
  return true;
}

/** Refuses a call that ended within a message; true if it did. grpc-js drops what is left over, and half-closes. */
export function refusesPartialMessage(call: Refusable, bound: BoundCall): boolean {
  if (!bound.hasPartialMessage) return false;
  refuse(call, malformed('the stream ended in the middle of it'));
  return true;
}

export function overloaded(): DomainError {
  return new DomainError(
    'exhausted',
    'OVERLOADED',
    'messages that came only in part fill the room there is, and this one stood still longest: call again in a moment',
  );
}

/** As HTTP/2 counts it (RFC 9113, section 6.5.2). */
function sizeOf(metadata: Metadata): number {
  const headers = metadata.toHttp2Headers();
  let size = 0;
  for (const name in headers) {
    const values = headers[name];
    if (Array.isArray(values)) for (const value of values) size += name.length + value.length + 32;
    else size += name.length + String(values).length + 32;
  }
  return size;
}
