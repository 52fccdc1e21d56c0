import { status as Status, type ServerInterceptor } from '@grpc/grpc-js';
import type { ServerHttp2Stream } from 'node:http2';
import { type DomainError, isDomainError } from '../domain/errors.js';
import { notifyWhenTaken } from '../middleware/request-codec.js';
import type { InflateBudget, InflateCharge } from './inflate-budget.js';
import { isCompression } from './inflate-message.js';
import { MessageReader, type ReceivedMessage } from './message-reader.js';

type NextCall = Parameters<ServerInterceptor>[1];

/** The receiving half of a call of grpc-js 1.14.7, which it keeps in private. */
interface ReceivingCall {
  readonly stream: Pick<ServerHttp2Stream, 'pause' | 'resume' | 'isPaused' | 'session'>;
  readonly handler: { deserialize(bytes: Buffer): unknown };
  readonly listener: Pick<Parameters<NextCall['start']>[0], 'onReceiveMessage' | 'onReceiveHalfClose'> | null;
  readonly incomingEncoding: string;
  readonly maxReceiveMessageSize: number;
  readonly callEventTracker: { addMessageReceived(): void } | null;
  /** Written by the `handleEndEvent` that is replaced here; `releaseStream` reads it. */
  receivedHalfClose: boolean;
  checkCancelled(): boolean;
  sendStatus(status: { readonly code: Status; readonly details: string }): void;
  handleDataFrame(data: Buffer): void;
  handleEndEvent(): void;
  startRead(): void;
}

export interface ReceiverOptions {
  /** False: the one message is held back, as it came, until the client has half-closed. */
  readonly requestStream: boolean;
  readonly inflateBudget: InflateBudget;
  /** What is held now, in bytes of memory; whether its client may go on; how far the message has come. */
  holds(bytes: number, isReading: boolean, received: number): void;
  refuse(error: DomainError): void;
}

/**
 * Receives the messages of one call in place of grpc-js, which decodes and inflates all messages of a frame at once,
 * whether or not anybody has asked for them, and goes on when the call is over. Here one message at a time is taken
 * from the bytes, and inflated only when the handler has asked for it.
 */
export class RequestReceiver {
  private readonly call: ReceivingCall;
  private readonly reader: MessageReader;
  /** Complete, and not with the handler yet. */
  private ready: ReceivedMessage | undefined = undefined;
  private isInflating = false;
  /** Of messages that the handler has not taken. */
  private charges: Set<InflateCharge> | undefined = undefined;
  private isAsked = false;
  private isHeld = false;
  private isEnded = false;
  private isOver = false;

  constructor(
    call: object,
    private readonly options: ReceiverOptions,
  ) {
    this.call = call as ReceivingCall;
    const { maxReceiveMessageSize: max } = this.call;
    this.reader = new MessageReader(max === -1 ? Infinity : max);
    this.call.handleDataFrame = this.receive.bind(this);
    this.call.handleEndEvent = this.end.bind(this);
    this.call.startRead = this.startRead.bind(this);
  }

  get hasPart(): boolean {
    return this.reader.hasPart;
  }

  /** Bytes of the message that the handler gets next. */
  get receivedBytes(): number {
    return this.reader.receivedBytes + (this.ready?.bytes.byteLength ?? 0);
  }

  /** Stops reading from the client, in the middle of a message too, until it is called with false. */
  hold(isHeld: boolean): void {
    this.isHeld = isHeld;
    if (!this.isOver) this.steer();
  }

  /** Lets go of everything, and of whatever else comes. Repeating it is harmless. */
  close(): void {
    this.isOver = true;
    this.ready = undefined;
    this.reader.clear();
    for (const charge of this.charges ?? []) charge.release();
    this.charges = undefined;
  }

  private receive(data: Buffer): void {
    if (this.isOver || this.call.checkCancelled()) return;
    this.reader.add(data);
    if (!this.advance() || !this.isDeliverable) return;
    // All that was read from the socket together is looked at first.
    queueMicrotask(() => this.deliver());
  }

  private end(): void {
    this.isEnded = true;
    this.call.receivedHalfClose = true;
    if (this.advance()) this.deliver();
  }

  private startRead(): void {
    if (this.isOver || this.call.checkCancelled()) return;
    this.isAsked = true;
    if (this.advance()) this.deliver();
  }

  private get isDeliverable(): boolean {
    return this.isAsked && this.ready !== undefined && (this.options.requestStream || this.isEnded);
  }

  /** Takes the next message, if it is there; false if the call is over for it. */
  private advance(): boolean {
    if (this.isOver) return false;
    try {
      if (this.ready === undefined) this.ready = this.reader.take();
      else if (!this.options.requestStream && this.reader.take()) return this.fail(SECOND_MESSAGE);
    } catch (error) {
      return this.fail(statusOf(error as Error));
    }
    this.steer();
    this.report();
    return !this.isOver;
  }

  private get isReading(): boolean {
    return this.isAsked && !this.isEnded && (this.ready === undefined || !this.options.requestStream);
  }

  private steer(): void {
    const { stream } = this.call;
    if (this.isReading && !this.isHeld) {
      if (stream.isPaused()) stream.resume();
    } else if (!stream.isPaused()) {
      stream.pause();
    }
    if (!this.isReading) this.reader.compact();
  }

  /**
   * What waits for its budget is charged there. While the stream is held nothing changes, except that its end can still
   * come: Node emits `end` for a paused stream that has no data left.
   */
  private report(): void {
    if (this.isHeld && !this.isEnded) return;
    const waits = this.ready !== undefined && !this.isInflating && !this.isDeliverable;
    const ready = waits ? (this.ready?.bytes.byteLength ?? 0) : 0;
    this.options.holds(this.reader.heldBytes + ready, this.isReading, this.reader.receivedBytes + ready);
  }

  private deliver(): void {
    if (this.isOver || !this.isAsked || this.isInflating) return;
    if (this.ready === undefined) {
      if (this.isEnded) this.halfClose();
    } else if (this.isDeliverable) {
      if (this.ready.isCompressed) this.inflate(this.ready.bytes);
      else this.hand(this.ready.bytes);
    }
  }

  private halfClose(): void {
    this.isAsked = false;
    this.call.listener?.onReceiveHalfClose();
  }

  private inflate(compressed: Buffer): void {
    const { incomingEncoding: encoding, maxReceiveMessageSize: maxSize, stream } = this.call;
    if (!isCompression(encoding)) return void this.fail(unknownEncoding(encoding));
    this.isInflating = true;
    const charge = this.options.inflateBudget.inflate({
      compressed,
      encoding,
      maxSize: maxSize === -1 ? Infinity : maxSize,
      connection: stream.session ?? stream,
      done: (bytes) => this.hand(bytes, charge),
      failed: (error) => {
        if (!isDomainError(error)) return void this.fail(statusOf(error));
        this.close();
        this.options.refuse(error);
      },
    });
    if (this.isOver) charge.release();
    else (this.charges ??= new Set()).add(charge);
  }

  private hand(bytes: Buffer, charge?: InflateCharge): void {
    const { call } = this;
    this.isInflating = false;
    this.isAsked = false;
    this.ready = undefined;
    this.report();
    let message: unknown;
    try {
      message = call.handler.deserialize(bytes);
    } catch {
      return void this.fail({ code: Status.INTERNAL, details: 'Error deserializing request' });
    }
    if (charge && !notifyWhenTaken(message, () => this.release(charge))) this.release(charge);
    call.callEventTracker?.addMessageReceived();
    call.listener?.onReceiveMessage(message);
  }

  private release(charge: InflateCharge): void {
    charge.release();
    this.charges?.delete(charge);
  }

  private fail(status: { readonly code: Status; readonly details: string }): false {
    this.close();
    this.options.holds(0, false, 0);
    this.call.sendStatus(status);
    return false;
  }
}

const SECOND_MESSAGE = { code: Status.UNIMPLEMENTED, details: 'Received a second request message' };

function unknownEncoding(encoding: string) {
  if (encoding !== 'identity') {
    const details = `Received message compressed with unsupported encoding "${encoding}"`;
    return { code: Status.UNIMPLEMENTED, details };
  }
  return statusOf(new Error('Failed to decompress message: its compressed flag is 1, and grpc-encoding is identity'));
}

/** As grpc-js has it; see wire-status.ts. */
function statusOf({ message }: Error) {
  const isTooLarge = message.startsWith('Received message');
  return { code: isTooLarge ? Status.RESOURCE_EXHAUSTED : Status.INTERNAL, details: message };
}
