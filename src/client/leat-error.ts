import { ClientError, Status } from 'nice-grpc';
import { isAbortError } from 'abort-controller-x';
import type { PublishProgress } from '../../gen/leat/v1/event_service.js';
import type { FieldViolation, OpenedDetails } from './error-details.js';
import type { PublishTotals } from './publish/totals.js';
import { isLostConnection } from './lost-connection.js';
import { describeTlsFailure } from './tls-failure.js';
import type { UploadProgress } from './upload/upload-options.js';

/** Everything about a failure but its text. */
export interface LeatErrorOptions extends OpenedDetails {
  readonly code: Status;
  readonly published?: PublishTotals;
  readonly uploaded?: UploadProgress;
  readonly cause?: unknown;
}

/** Reasons that this client gives itself; all others come from the service, and stand in docs/protocol.md. */
export const clientReasons = {
  /** Somebody's AbortSignal. */
  aborted: 'ABORTED_BY_CALLER',
  /** A token or user name that cannot be sent. No error quotes it. */
  invalidCredentials: 'INVALID_CREDENTIALS',
  /** Metadata of a call that cannot be sent: the message names the field, and does not quote its value. */
  invalidMetadata: 'INVALID_METADATA',
  /** The token function threw, or returned what cannot be sent; its error is the cause. */
  tokenFailed: 'TOKEN_FAILED',
  /** The address is not HOST:PORT. */
  invalidAddress: 'INVALID_ADDRESS',
  /** The service and this client do not agree on TLS; the message says what to change. */
  tlsFailed: 'TLS_FAILED',
  /** An environment variable that names a proxy is not the URL of one. */
  invalidProxy: 'INVALID_PROXY',
  /** The proxy cannot be reached, or opens no tunnel to the service; the message names it. */
  proxyFailed: 'PROXY_FAILED',
  /** The connection, or the call's stream on it, was lost before the service answered: nobody knows what became of it. */
  connectionLost: 'CONNECTION_LOST',
  /** A stream ended with OK, but not where it should. */
  streamCut: 'STREAM_CUT',
  /** Nothing came for three heartbeats, or for 30 seconds of a download. */
  heartbeatMissed: 'HEARTBEAT_MISSED',
  /** An option of the client that is there, but empty. */
  emptyOption: 'EMPTY_OPTION',
  /** A checkpoint that is none. */
  invalidCheckpoint: 'INVALID_CHECKPOINT',
  /** The source of events, or of an upload's bytes, threw; its error is the cause. */
  sourceFailed: 'SOURCE_FAILED',
  /** The source of a named producer has fewer events than are durable already: it is another one. */
  sourceTooShort: 'SOURCE_TOO_SHORT',
  /** The source of an upload has another size than was said. */
  sourceSizeDiffers: 'SOURCE_SIZE_DIFFERS',
  /** The file that is uploaded was changed meanwhile. */
  sourceChanged: 'SOURCE_CHANGED',
  /** A stream would have to be sent again from a byte that is not held any more. */
  sourceGone: 'SOURCE_GONE',
  /** The upload was there, and is not any more: cancelled, expired, or deleted as a blob. */
  uploadGone: 'UPLOAD_GONE',
  /** The upload is a blob already, and its bytes are others than the source's. */
  blobDiffers: 'BLOB_DIFFERS',
  /** What came of a blob is not what was stored: a checksum or the digest does not match. */
  downloadDamaged: 'DOWNLOAD_DAMAGED',
  /** The blob was replaced by another one with its id while it was read. */
  blobChanged: 'BLOB_CHANGED',
  /** The file to write is there already, and is another one. */
  targetExists: 'TARGET_EXISTS',
  /** The path to write to is a directory, a named pipe, a socket or a device. */
  targetNotAFile: 'TARGET_NOT_A_FILE',
  /** What a download was to be written to failed; its error is the cause. */
  targetFailed: 'TARGET_FAILED',
  /** An event without an id, where ids make a retry harmless. */
  idMissing: 'EVENT_ID_MISSING',
  /** A room that was joined already. */
  roomJoined: 'ROOM_JOINED',
  /** Of a Yjs document: somebody else has trimmed its room, and no snapshot includes what is gone. */
  documentIncomplete: 'DOCUMENT_INCOMPLETE',
  /** A message in the room of a Yjs document that is no update of one. */
  notAnUpdate: 'NOT_AN_UPDATE',
  /** The Yjs document is not complete yet. */
  notSynced: 'NOT_SYNCED',
  /** `close()` was called, or `leave()`. */
  closed: 'CLIENT_CLOSED',
} as const;

/** Text of the status with which a call of this client ends when the client is closed. */
export const CLIENT_CLOSED = 'the client is closed';

/** Exhausted, but no waiting helps: the request has to be another one. */
const permanent: ReadonlySet<string | undefined> = new Set([
  'MESSAGE_TOO_LARGE',
  'RESPONSE_TOO_LARGE',
  'TOO_MANY_CURSORS',
  'TOO_MANY_MEMBERSHIPS',
  'TOO_MANY_TOPICS',
  'TOPIC_FULL',
  'TOO_MANY_UPLOADS',
  'UPLOAD_TOO_LARGE',
]);

const resets: readonly Status[] = [Status.INTERNAL, Status.CANCELLED, Status.UNKNOWN];

/** What every call of this client fails with, except for aborts by the caller's own signal (`AbortError`). */
export class LeatError extends Error {
  override readonly name = 'LeatError';
  /** The gRPC status. */
  readonly code: Status;
  /** Stable, UPPER_SNAKE_CASE; undefined if it was not the service that failed but the way to it. */
  readonly reason?: string;
  /** Current values that help, for example `{first_offset: '17'}`; empty if there are none. */
  readonly metadata: Readonly<Record<string, string>>;
  /** All fields that were wrong; empty if none was. */
  readonly violations: readonly FieldViolation[];
  /** The service asks to be called again after so many milliseconds. */
  readonly retryAfterMs?: number;
  /** Of `events.publishEvents`: what of its stream is durable nevertheless. */
  readonly progress?: PublishProgress;
  /** Of `publish`: what is durable nevertheless. */
  readonly published?: PublishTotals;
  /** Of `upload`: how far it came; the same source under its id goes on from there. */
  readonly uploaded?: UploadProgress;

  constructor(message: string, options: LeatErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.reason = options.reason;
    this.metadata = options.metadata ?? {};
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
    this.progress = options.progress;
    this.published = options.published;
    this.uploaded = options.uploaded;
  }

  /**
   * True if trying again may help: the connection, the server or the token's source went away for a moment, or the
   * service asked to be called again. False for every verdict. Whether a repeated call is harmless is another question.
   */
  get retryable(): boolean {
    if (this.reason === clientReasons.tlsFailed) return false;
    if (this.reason === clientReasons.tokenFailed || this.code === Status.UNAVAILABLE) return true;
    if (this.code === Status.RESOURCE_EXHAUSTED) return this.retryAfterMs !== undefined && !permanent.has(this.reason);
    // A reset stream has one of these codes and no reason, whatever took it down.
    return this.reason === undefined && resets.includes(this.code) && this.cause === undefined;
  }

  /** The same error with what `publish` or `upload` achieved. */
  withAchieved(achieved: Pick<LeatErrorOptions, 'published' | 'uploaded'>): LeatError {
    const error = new LeatError(this.message, { ...this, ...achieved, cause: this.cause });
    error.stack = this.stack;
    return error;
  }

  /** Whatever was thrown, as a LeatError; one that is one already stays itself. Never throws. */
  static from(thrown: unknown, details: OpenedDetails = {}): LeatError {
    try {
      return thrown instanceof LeatError ? thrown : translate(thrown, details);
    } catch (cause) {
      return new LeatError('something was thrown that cannot be looked at', { code: Status.UNKNOWN, cause });
    }
  }
}

function translate(thrown: unknown, details: OpenedDetails): LeatError {
  if (thrown instanceof ClientError) {
    const tlsFailure = thrown.code === Status.UNAVAILABLE ? describeTlsFailure(thrown.details) : undefined;
    if (tlsFailure !== undefined)
      return new LeatError(tlsFailure, { code: thrown.code, reason: clientReasons.tlsFailed });
    if (thrown.code === Status.CANCELLED && thrown.details === CLIENT_CLOSED) {
      return new LeatError(CLIENT_CLOSED, { code: thrown.code, reason: clientReasons.closed });
    }
    if (details.reason === undefined && isLostConnection(thrown.code, thrown.details)) {
      const message = `the call ended without an answer: ${thrown.details}`;
      return new LeatError(message, { code: Status.UNAVAILABLE, reason: clientReasons.connectionLost });
    }
    // A server may send anything for a status.
    const code = thrown.code in Status ? thrown.code : Status.UNKNOWN;
    return new LeatError(thrown.details || 'the call failed', { ...details, code });
  }
  const { message } = Object(thrown) as { message?: unknown };
  const text = (typeof message === 'string' && message) || String(thrown) || 'something was thrown without a text';
  if (isAbortError(thrown)) {
    return new LeatError(text, { code: Status.CANCELLED, reason: clientReasons.aborted, cause: thrown });
  }
  return new LeatError(text, { code: Status.UNKNOWN, cause: thrown ?? text });
}
