import { Metadata, ServerInterceptingCall, status as Status, type ServerInterceptor } from '@grpc/grpc-js';
import type { WindowControl } from '../flow/control-windows.js';
import type { DirectCall, DirectHandler } from '../middleware/call-context.js';
import type { CallRecords } from '../middleware/call-records.js';
import { CALLER_HEADER, callerOf } from '../middleware/caller.js';
import { armDeadline } from '../middleware/deadline.js';
import { toClientError } from '../middleware/error-mapping.js';
import { type Codec, decodeRequest } from '../middleware/request-codec.js';
import { REQUEST_ID_HEADER, requestIdOf } from '../middleware/request-id.js';
import { sessionOf, turnKeyOf, writeFrame } from './base-call.js';
import type { BoundCall } from './bound-partial-message.js';
import type { CallTurns } from './call-turns.js';
import { holdHalfClose } from './hold-half-close.js';
import { refusesMetadata, refusesPartialMessage, type Refusable } from './refusals.js';
import { withDetails } from './wire-status.js';

type NextCall = Parameters<ServerInterceptor>[1];
type Listener = Parameters<NextCall['start']>[0];

/** A method with streams both ways, as a service has it. */
export interface DirectMethod {
  readonly codec: Codec;
  open(call: DirectCall): DirectHandler<never>;
}

export interface StreamCallDeps {
  readonly records: CallRecords;
  readonly windows: WindowControl;
  /** For streams whose client sends many messages at once. */
  readonly streamTurns: CallTurns;
  /** In bytes. */
  readonly maxMetadataSize: number;
}

/** Before each message: whether it is compressed, and its length. */
const LENGTH_BYTES = 5;
/** Of one stream, before it is the turn of others: a window may be full of messages of a few bytes. */
const MESSAGES_IN_A_TURN = 16;

/**
 * Carries a stream both ways right above grpc-js's innermost call, as UnaryCall carries others: all messages that came
 * together are handled together, a message to many streams is written by one call each, and a stream that is quiet
 * holds little. What the middleware does for other calls is done here with the same functions.
 */
export class StreamCall extends ServerInterceptingCall implements Listener, DirectCall {
  queuedBytes = 0;
  onWritten: (() => void) | undefined = undefined;
  private handler: DirectHandler<never> | undefined = undefined;
  private disarm: (() => void) | undefined = undefined;
  private sent: (() => void) | undefined = undefined;
  private isReading = false;
  private messagesInTurn = 0;
  private isAsked = false;
  private isOver = false;

  constructor(
    private readonly method: DirectMethod,
    private readonly call: Refusable,
    private readonly bound: BoundCall,
    private readonly deps: StreamCallDeps,
  ) {
    super(call.nextCall);
  }

  get caller(): string {
    return this.call.record.caller;
  }

  get connection(): string {
    return this.call.nextCall.getPeer();
  }

  get signal(): AbortSignal {
    return this.call.record.signal;
  }

  /** The listener of grpc-js's own handler is not used: that handler never hears of the call. */
  override start(_listener: Listener): void {
    this.call.nextCall.start(this);
  }

  onReceiveMetadata(metadata: Metadata): void {
    const { nextCall, record } = this.call;
    this.sent = this.deps.windows.callBegan(sessionOf(nextCall));
    if (refusesMetadata(this.call, metadata, this.deps.maxMetadataSize) || !this.deps.records.enter(record)) return;
    record.requestId = requestIdOf(metadata.get(REQUEST_ID_HEADER)[0]?.toString());
    this.sendHeader();
    try {
      if (record.abortReason) throw record.abortReason;
      record.onAbort = (reason) => this.fail(reason);
      this.disarm = armDeadline(record, Infinity);
      record.caller = callerOf(metadata.get(CALLER_HEADER));
      this.handler = this.method.open(this);
      this.readOn();
    } catch (error) {
      this.fail(error);
    }
  }

  onReceiveMessage(message: unknown): void {
    const { record } = this.call;
    record.messagesIn++;
    if (this.isOver) return;
    try {
      const request = decodeRequest(this.method.codec, message, record);
      const working = this.handler?.receive(request as never);
      if (working) working.then(this.readOn.bind(this)).catch(this.fail.bind(this));
      else this.readOn();
    } catch (error) {
      this.fail(error);
    }
  }

  onReceiveHalfClose(): void {
    this.sent?.();
    holdHalfClose(this.call.nextCall, () => {
      if (!this.isOver && !refusesPartialMessage(this.call, this.bound))
        this.handler?.finish().then(this.end.bind(this)).catch(this.fail.bind(this));
    });
  }

  onCancel(): void {
    this.sent?.();
    this.bound.over();
    this.deps.records.closed(this.call.record);
  }

  write(frame: Uint8Array): void {
    const { nextCall, record } = this.call;
    // grpc-js has answered by itself, at the deadline for example.
    if (record.status !== undefined) return;
    const isWritten = writeFrame(nextCall, frame, () => {
      record.messagesOut++;
      record.waitingFrames--;
      this.queuedBytes -= frame.byteLength;
      this.onWritten?.();
    });
    if (!isWritten) return;
    record.bytesOut += frame.byteLength - LENGTH_BYTES;
    record.waitingFrames++;
    this.queuedBytes += frame.byteLength;
  }

  fail(error: unknown): void {
    if (this.isOver) return;
    const told = toClientError(error, this.call.record);
    if (told) this.close(withDetails(told.code, told.details, told.extra));
    else this.close({ code: Status.CANCELLED, details: 'The operation was cancelled' });
  }

  private end(): void {
    if (!this.isOver) this.close({ code: Status.OK, details: 'OK' });
  }

  private close(status: Parameters<NextCall['sendStatus']>[0]): void {
    const { nextCall, record } = this.call;
    this.isOver = true;
    this.disarm?.();
    record.onAbort = undefined;
    this.handler?.close();
    this.handler = undefined;
    // What waits for the socket may keep on: what waits for the signal must not.
    record.abort();
    if (record.status === undefined) nextCall.sendStatus(status);
    this.deps.records.left(record);
  }

  /**
   * A message that is there already comes before `startRead` returns: however many they are, none is called by another,
   * and others are served between them.
   */
  private readOn(): void {
    this.isAsked = true;
    if (this.isReading) return;
    this.isReading = true;
    this.readSome();
  }

  private readSome(): void {
    while (this.isAsked && !this.isOver) {
      if (this.messagesInTurn === MESSAGES_IN_A_TURN) return this.readLater();
      this.messagesInTurn++;
      this.isAsked = false;
      this.call.nextCall.startRead();
    }
    this.isReading = false;
  }

  private readLater(): void {
    const { nextCall } = this.call;
    this.messagesInTurn = 0;
    this.deps.streamTurns.enter(turnKeyOf(nextCall), 0, () => this.readSome());
  }

  private sendHeader(): void {
    const header = new Metadata();
    header.set(REQUEST_ID_HEADER, this.call.record.requestId);
    this.call.nextCall.sendMetadata(header);
  }
}
