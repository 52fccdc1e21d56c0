import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { StreamDecoder } from '@grpc/grpc-js/build/src/stream-decoder.js';

/** What a call of grpc-js 1.14.7 keeps in private. Tests in test/server fail if these names change. */
interface BaseCall {
  readonly decoder?: Watched;
  readonly stream?: Omit<ServerHttp2Stream, 'session'> & { readonly session?: ServerHttp2Session };
  /** Is called for each complete message, before it is decompressed. */
  readonly callEventTracker?: { addMessageReceived: () => void };
  readonly receivedHalfClose?: boolean;
  /** A response's header was sent, so that its status goes out as trailers. */
  readonly metadataSent?: boolean;
}

/** Makes messages of bytes. */
interface Decoder {
  /** 0 between two messages. */
  readonly readState?: number;
  readonly readMessageSize: number;
  readonly readMessageRemaining: number;
  /** Compressed or not: a view, which keeps all that was read from the socket together with it. */
  readCompressFlag: Buffer;
  /** Of the message that is not whole; kept until the next one begins. */
  readPartialMessage: Buffer[];
  write(data: Buffer): Buffer[];
}

/** True if bytes came after the last whole message: grpc-js never looks at them, and says that the stream ended well. */
export function hasPartialMessage(call: object): boolean {
  return ((call as BaseCall).decoder?.readState ?? 0) !== 0;
}

const RESET_BY_SERVER = Symbol('leat.reset');

/** Frees a call whose client reads neither messages nor status; there is no other way but to close its connection. */
export function resetStream(call: object): void {
  const stream = (call as BaseCall).stream as ResetStream | undefined;
  if (stream === undefined || stream.destroyed) return;
  stream[RESET_BY_SERVER] = true;
  stream.close(constants.NGHTTP2_CANCEL);
}

type ResetStream = ServerHttp2Stream & { [RESET_BY_SERVER]?: true };

/** True if it was `resetStream` that closed it. */
export function isResetByServer(stream: object): boolean {
  return (stream as ResetStream)[RESET_BY_SERVER] === true;
}

/**
 * Frees a call that has its status although its client has not half-closed (RFC 9113, section 8.1). Otherwise a client
 * that never does would hold the stream, and its memory, as long as the connection. To be called with the status.
 */
export function releaseStream(call: object): void {
  const { stream, receivedHalfClose, metadataSent } = call as BaseCall;
  if (stream === undefined || receivedHalfClose || stream.closed) return;
  const release = () => void setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
  if (metadataSent) stream.once('wantTrailers', release);
  else release();
}

/** Calls `action` once, when the first message is complete. */
export function onFirstMessage(call: object, action: () => void): void {
  const tracker = (call as BaseCall).callEventTracker;
  if (tracker === undefined) return;
  const original = tracker.addMessageReceived;
  tracker.addMessageReceived = () => {
    tracker.addMessageReceived = original;
    action();
    original();
  };
}

/** Bytes of the message that is on its way. */
export function receivedBytes(call: object): number {
  const decoder = (call as BaseCall).decoder;
  if (!decoder?.readState) return 0;
  return Math.max(decoder.readMessageSize - decoder.readMessageRemaining, 0);
}

/** The HTTP/2 stream that carries it. */
export function streamOf(call: object): ServerHttp2Stream | undefined {
  return (call as BaseCall).stream as ServerHttp2Stream | undefined;
}

/** The connection that it came on; undefined if that is gone. */
export function sessionOf(call: object): ServerHttp2Session | undefined {
  return (call as BaseCall).stream?.session;
}

/**
 * Writes a message with its length before it, past grpc-js, which would copy it twice and call a dozen functions: for
 * one message to a thousand streams that is most of the work. `done` is called when it is on the socket. Does nothing,
 * and says so, before the response's header and after its end.
 */
export function writeFrame(call: object, frame: Uint8Array, done: () => void): boolean {
  const { stream } = call as BaseCall;
  if (!stream?.headersSent || !stream.writable) return false;
  stream.write(frame, (error) => {
    if (!error) done();
  });
  return true;
}

/** Stops reading from the client, in the middle of a message too. What it sends then is held back by flow control. */
export function pauseReading(call: object): void {
  (call as BaseCall).stream?.pause();
}

export function resumeReading(call: object): void {
  (call as BaseCall).stream?.resume();
}

/** False while the client is held back, by us or because its messages wait for the handler. */
export function isReading(call: object): boolean {
  return (call as BaseCall).stream?.isPaused() === false;
}

const NO_PIECES: Buffer[] = [];
const UNCOMPRESSED = Buffer.alloc(1);

/** Of every piece of a message, in memory, besides its bytes. */
const PIECE_BYTES = 256;
/**
 * A piece that is a smaller part of what was read from the socket with it is copied, so that the rest can go. While its
 * call is read from, the rest is mostly more of the same message.
 */
const LEAST_PART = { roomy: 1 / 16, tight: 1 / 4, tightAndHeld: 1 };

/** Hears of messages that are not whole. */
export interface PartialMessageWatcher {
  /**
   * Something came, and the call now holds so much of a message that is not whole; `goesOn`: more may come, whole
   * messages before it do not have to be taken first. 0 is told only after something else.
   */
  holds(bytes: number, goesOn: boolean): void;
  /** Whether little memory is left for such messages. */
  readonly isTight: boolean;
}

/** What `watchPartialMessage` adds to a decoder. */
const WATCH = Symbol('leat.watch');

interface Watched extends Decoder {
  [WATCH]?: { readonly watcher: PartialMessageWatcher | undefined; heldBytes: number };
}

/** Needs `installPartialMessageWatch`. What is told takes at most 16 times that much memory, and 4 times when it is tight. */
export function watchPartialMessage(call: object, watcher: PartialMessageWatcher): void {
  const decoder = (call as BaseCall).decoder;
  if (decoder) decoder[WATCH] = { watcher, heldBytes: 0 };
}

/** Lets go of the message that is not whole, and of whatever else comes: the call must be ended. */
export function dropPartialMessage(call: object): void {
  const decoder = (call as BaseCall).decoder;
  if (decoder === undefined) return;
  decoder.readPartialMessage = NO_PIECES;
  decoder[WATCH] = { watcher: undefined, heldBytes: 0 };
}

const installed = Symbol('leat.watch.installed');

type Write = ((this: Watched, data: Buffer) => Buffer[]) & { [installed]?: true };

/** Lets decoders tell what they hold. Those that nobody watches are left as they are. Repeating it is harmless. */
export function installPartialMessageWatch(): void {
  const prototype = StreamDecoder.prototype as unknown as { write: Write };
  const original = prototype.write;
  if (original[installed]) return;
  const watched = function (this: Watched, data: Buffer): Buffer[] {
    const watch = this[WATCH];
    if (watch === undefined) return original.call(this, data);
    if (watch.watcher === undefined) return [];
    const messages = original.call(this, data);
    const goesOn = messages.length === 0;
    if (this.readState === 0) this.readPartialMessage = NO_PIECES;
    const bytes = this.readState === 0 ? 0 : compact(this, leastPart(watch.watcher, goesOn));
    if (bytes > 0 || watch.heldBytes > 0) watch.watcher.holds((watch.heldBytes = bytes), goesOn);
    return messages;
  };
  prototype.write = Object.assign(watched, { [installed]: true as const });
}

function leastPart({ isTight }: PartialMessageWatcher, goesOn: boolean): number {
  if (!isTight) return LEAST_PART.roomy;
  return goesOn ? LEAST_PART.tight : LEAST_PART.tightAndHeld;
}

/** Gives free what the last piece keeps for nothing. Returns what all take. */
function compact(decoder: Decoder, part: number): number {
  decoder.readCompressFlag = decoder.readCompressFlag[0] === 0 ? UNCOMPRESSED : Buffer.from(decoder.readCompressFlag);
  const { readMessageSize, readMessageRemaining, readPartialMessage: pieces } = decoder;
  const last = pieces.at(-1);
  if (last) pieces[pieces.length - 1] = trimmed(last, part);
  return PIECE_BYTES * (pieces.length + 1) + readMessageSize - readMessageRemaining;
}

function trimmed(piece: Buffer, part: number): Buffer {
  return piece.byteLength < piece.buffer.byteLength * part ? Buffer.from(piece) : piece;
}
