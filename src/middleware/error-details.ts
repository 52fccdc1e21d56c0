import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Status } from 'nice-grpc-common';
import {
  Any,
  BadRequest,
  ErrorInfo,
  PreconditionFailure,
  QuotaFailure,
  ResourceInfo,
  RetryInfo,
} from 'nice-grpc-error-details';
import { type DomainError, type FieldViolation, retryAfterMsOf } from '../domain/errors.js';

/** Trailer with the encoded google.rpc.Status. */
export const DETAILS_TRAILER = 'grpc-status-details-bin';

/** Trailers of 8 KiB and more are refused by clients in some languages, so long lists are cut. */
const VIOLATIONS_MAX_BYTES = 3_000;
const MESSAGE_MAX_LENGTH = 1_024;

/** A text as it can be sent: grpc-js calls encodeURI, which throws on half a surrogate pair, outside of any handler. */
export function sayable(text: string): string {
  return text.slice(0, MESSAGE_MAX_LENGTH).replace(/\p{Surrogate}/gu, '\uFFFD');
}

interface DetailType<T> {
  readonly $type: string;
  fromPartial(object: Partial<T>): T;
  encode(message: T): { finish(): Uint8Array };
}

function pack<T>(type: DetailType<T>, fields: Partial<T>): Any {
  const value = type.encode(type.fromPartial(fields)).finish();
  return Any.fromPartial({ typeUrl: `type.googleapis.com/${type.$type}`, value });
}

export function errorInfo(reason: string, metadata: Readonly<Record<string, string>> = {}): Any {
  return pack(ErrorInfo, { reason, domain: 'leat', metadata: { ...metadata } });
}

export function retryInfo(ms: number): Any {
  return pack(RetryInfo, {
    retryDelay: { $type: 'google.protobuf.Duration', seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 },
  });
}

/** All google.rpc details of an error, ErrorInfo first. */
export function detailsOf(error: DomainError): Any[] {
  const { metadata, violations, resource, detail } = error.options;
  const description = sayable(error.message);
  const details = [errorInfo(error.reason, metadata)];
  if (violations !== undefined) details.push(badRequest(violations));
  if (resource !== undefined) {
    const { type: resourceType, name: resourceName } = resource;
    details.push(pack(ResourceInfo, { resourceType, resourceName, description }));
  }
  const failure = { subject: resource?.name ?? '', description };
  if (error.kind === 'precondition') {
    const violation = { $type: 'google.rpc.PreconditionFailure.Violation', type: error.reason, ...failure } as const;
    details.push(pack(PreconditionFailure, { violations: [violation] }));
  }
  if (error.kind === 'exhausted') {
    const violation = { $type: 'google.rpc.QuotaFailure.Violation', ...failure } as const;
    details.push(pack(QuotaFailure, { violations: [violation] }));
  }
  const retryAfterMs = retryAfterMsOf(error);
  if (retryAfterMs !== undefined) details.push(retryInfo(retryAfterMs));
  if (detail !== undefined) {
    details.push(Any.fromPartial({ typeUrl: `type.googleapis.com/${detail.typeName}`, value: detail.value }));
  }
  return details;
}

/** The encoded google.rpc.Status, for `DETAILS_TRAILER`. */
export function encodeStatus(code: Status, message: string, details: readonly Any[]): Uint8Array {
  const writer = new BinaryWriter().uint32(8).int32(code).uint32(18).string(message);
  for (const detail of details) writer.uint32(26).bytes(Any.encode(detail).finish());
  return writer.finish();
}

function badRequest(violations: readonly FieldViolation[]): Any {
  let bytes = 0;
  const fitting = violations.filter((v) => (bytes += v.field.length + v.description.length) <= VIOLATIONS_MAX_BYTES);
  const left = violations.length - fitting.length;
  const more = left > 0 ? [{ field: '', description: `and ${left} more` }] : [];
  const fieldViolations = [...fitting, ...more].map(
    (violation) => ({ $type: 'google.rpc.BadRequest.FieldViolation', ...violation }) as const,
  );
  return pack(BadRequest, { fieldViolations });
}
