import { Metadata, status as Status, type StatusObject } from '@grpc/grpc-js';
import { type DomainError, isDomainError } from '../domain/errors.js';
import { type ClientError, ofDomain } from '../middleware/error-mapping.js';
import type { Any } from 'nice-grpc-error-details';
import { DETAILS_TRAILER, encodeStatus, errorInfo, sayable } from '../middleware/error-details.js';

export type WireStatus = Pick<StatusObject, 'code' | 'details'> & Partial<Pick<StatusObject, 'metadata'>>;

/** What the transport says by itself, told by how it begins, and how we say it. */
const own: readonly (readonly [begin: string, code: Status, reason: string, advice: string])[] = [
  ['Metadata is larger', Status.RESOURCE_EXHAUSTED, 'METADATA_TOO_LARGE', 'send less of it'],
  ['Received message larger', Status.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE', 'send smaller messages'],
  ['Received message that decompresses', Status.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE', 'send smaller messages'],
  ['Received message compressed', Status.UNIMPLEMENTED, 'UNKNOWN_ENCODING', 'use identity, gzip or deflate'],
  ['Failed to decompress', Status.INVALID_ARGUMENT, 'MALFORMED_MESSAGE', 'it is not what grpc-encoding says'],
  ['Error deserializing', Status.INVALID_ARGUMENT, 'MALFORMED_MESSAGE', 'the message cannot be decoded'],
  ['Received no request', Status.INVALID_ARGUMENT, 'MALFORMED_MESSAGE', 'send one message, then half-close'],
  ['Received a second', Status.INVALID_ARGUMENT, 'MALFORMED_MESSAGE', 'send one message, then half-close'],
  ['Invalid grpc-timeout', Status.INVALID_ARGUMENT, 'MALFORMED_DEADLINE', 'send digits and one of HMSmun'],
  ['Sent message larger', Status.RESOURCE_EXHAUSTED, 'RESPONSE_TOO_LARGE', 'ask for less at once'],
  ['Deadline exceeded', Status.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED', ''],
];

/**
 * The status as it goes out: with ErrorInfo, and with a text that can be sent. Statuses of our middleware have details
 * already; this is for what grpc-js answers before or beside it.
 */
export function presentable(status: WireStatus): WireStatus {
  if (status.code === Status.OK) return status;
  const details = sayable(status.details);
  if (status.metadata?.get(DETAILS_TRAILER).length) return { ...status, details };
  const [, code, reason, advice] = own.find(([begin]) => details.startsWith(begin)) ?? [
    '',
    status.code,
    Status[status.code],
    '',
  ];
  // grpc-js calls unary methods server streaming here.
  const cause = details.replace(/ for server streaming method .*/, '');
  const text = advice === '' ? cause : `${cause}; ${advice}`;
  return withDetails(code, text, [errorInfo(reason)], status.metadata?.clone());
}

/** Of an error that ends a call before its handler runs. */
export function statusOf(error: DomainError | ClientError): WireStatus {
  const { code, details, extra } = isDomainError(error) ? ofDomain(error) : error;
  return withDetails(code, details, extra);
}

/** A status with its google.rpc details in `metadata`. */
export function withDetails(
  code: Status,
  text: string,
  details: readonly Any[],
  metadata = new Metadata(),
): WireStatus & { readonly metadata: Metadata } {
  metadata.set(DETAILS_TRAILER, Buffer.from(encodeStatus(code, text, details)));
  return { code, details: text, metadata };
}
