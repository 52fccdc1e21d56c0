import type { ServerHttp2Stream } from 'node:http2';
import { Status } from 'nice-grpc-common';
import type { CallRecord } from '../middleware/call-record.js';
import { admittedCall } from './admission.js';
import { isResetByServer, streamOf } from './base-call.js';
import type { Connection } from './connection.js';
import type { Refusable } from './refusals.js';

/**
 * Gives a call that ended without a status the one that its log line and the metrics show: who ended it, the client, its
 * deadline, or a connection that was closed.
 */
export function recordEnd({ nextCall, record }: Refusable): void {
  const stream = streamOf(nextCall);
  stream?.once('close', () => (record.status ??= statusOfEnd(record, stream)));
}

function statusOfEnd(record: CallRecord, stream: ServerHttp2Stream) {
  if (isResetByServer(stream)) return { code: Status.CANCELLED, details: 'the server reset the stream' };
  const connection = admittedCall(stream)?.connection;
  if (connection && isClosed(connection)) return endOfConnection(connection);
  if (isPastDeadline(record)) return { code: Status.DEADLINE_EXCEEDED, details: "the client's deadline passed" };
  return { code: Status.CANCELLED, details: `the client reset the stream (${codeName(stream.rstCode)})` };
}

function isClosed({ session }: Connection): boolean {
  return session.destroyed;
}

function endOfConnection({ isClosedByServer, reason }: Connection) {
  return isClosedByServer
    ? { code: Status.UNAVAILABLE, details: `the server closed the connection: ${reason}` }
    : { code: Status.CANCELLED, details: 'the connection was closed or lost' };
}

/** The client's clock started before ours, and may fire a little early. */
const TOLERANCE_MS = 100;

/**
 * Whether a reset came from the client's deadline. By the monotonic clock: the wall clock may have been set meanwhile.
 * A client that has a deadline cancels the call itself when it passes, and that comes before, or without, our own timer.
 */
function isPastDeadline({ timeoutMs, startedAt }: CallRecord): boolean {
  const tolerance = Math.min(TOLERANCE_MS, timeoutMs / 2);
  return performance.now() - startedAt >= timeoutMs - tolerance;
}

const codeNames = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

/** Of HTTP/2 error codes (RFC 9113, section 7). */
function codeName(code: number): string {
  return codeNames[code] ?? String(code);
}
