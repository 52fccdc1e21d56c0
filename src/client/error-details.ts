import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { BadRequest, ErrorInfo, RetryInfo } from 'nice-grpc-error-details';
import { PublishProgress } from '../../gen/leat/v1/event_service.js';

/** What the google.rpc details of an error say, as far as this client knows them. */
export interface OpenedDetails {
  readonly reason?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  readonly retryAfterMs?: number;
  readonly progress?: PublishProgress;
}

/** One field that was wrong. */
export interface FieldViolation {
  /** Its path as in the contract, for example `events[3].type`. */
  readonly field: string;
  readonly description: string;
}

/**
 * Opens an encoded google.rpc.Status, the trailer `grpc-status-details-bin`. Details that are unknown, and details that
 * cannot be read, say nothing: whatever a server or a proxy puts there, the status itself still counts. Never throws.
 */
export function openDetails(trailer: Uint8Array): OpenedDetails {
  try {
    return readDetails(trailer).reduce<OpenedDetails>((known, detail) => ({ ...known, ...openDetail(detail) }), {});
  } catch {
    return {}; // Not such a message.
  }
}

interface Detail {
  readonly type: string;
  readonly value: Uint8Array;
}

function openDetail({ type, value }: Detail): OpenedDetails {
  switch (type) {
    case 'google.rpc.ErrorInfo': {
      const { reason, metadata } = ErrorInfo.decode(value);
      return { reason, metadata };
    }
    case 'google.rpc.BadRequest':
      return {
        violations: BadRequest.decode(value).fieldViolations.map(({ field, description }) => ({ field, description })),
      };
    case 'google.rpc.RetryInfo': {
      const { retryDelay } = RetryInfo.decode(value);
      return { retryAfterMs: Number(retryDelay?.seconds ?? 0) * 1000 + (retryDelay?.nanos ?? 0) / 1e6 };
    }
    case 'leat.v1.PublishProgress':
      return { progress: PublishProgress.decode(value) };
    default:
      return {};
  }
}

/** The google.protobuf.Any messages of a google.rpc.Status (field 3). */
function readDetails(status: Uint8Array): Detail[] {
  const details: Detail[] = [];
  eachField(status, (field, reader) => {
    if (field !== 3) return false;
    details.push(readAny(reader.bytes()));
    return true;
  });
  return details;
}

function readAny(any: Uint8Array): Detail {
  let type = '';
  let value = new Uint8Array();
  eachField(any, (field, reader) => {
    if (field === 1) type = reader.string().split('/').at(-1) ?? '';
    else if (field === 2) value = new Uint8Array(reader.bytes());
    else return false;
    return true;
  });
  return { type, value };
}

/** `read` takes the field and says true, or leaves it to be skipped. */
function eachField(message: Uint8Array, read: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType !== WireType.LengthDelimited || !read(field, reader)) reader.skip(wireType, field);
  }
}
