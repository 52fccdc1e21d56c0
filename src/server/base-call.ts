import { constants, type ServerHttp2Stream } from 'node:http2';

/** What a call of grpc-js 1.14.7 keeps in private. Tests in test/server fail if these names change. */
interface BaseCall {
  readonly decoder?: Decoder;
  readonly stream?: Pick<ServerHttp2Stream, 'close' | 'pause' | 'resume' | 'isPaused'>;
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

/** Frees a call whose client reads neither messages nor status; there is no other way but to close its connection. */
export function resetStream(call: object): void {
  (call as BaseCall).stream?.close(constants.NGHTTP2_CANCEL);
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

/** Of every piece of a message, in memory, besides its bytes. */
const PIECE_BYTES = 256;
/**
 * A piece that is a smaller part of what was read from the socket with it is copied, so that the rest can go. The rest
 * is mostly more of the same message, while its call is read from.
 */
const LEAST_PART = { reading: 1 / 4, held: 1 };

/**
 * Tells after whatever came how much the call holds of a message that is not whole, in bytes, and whether more may
 * come: grpc-js reads on once the whole ones before it are taken. 0 is told only after something else. The pieces take
 * at most four times that much memory.
 */
export function watchPartialMessage(call: object, seen: (bytes: number, isReading: boolean) => void): void {
  const { decoder } = call as BaseCall;
  if (decoder === undefined) return;
  const write = decoder.write.bind(decoder);
  let seenBytes = 0;
  decoder.write = (data) => {
    const messages = write(data);
    const isReading = messages.length === 0;
    if (decoder.readState === 0) decoder.readPartialMessage = NO_PIECES;
    const bytes = decoder.readState === 0 ? 0 : compact(decoder, isReading ? LEAST_PART.reading : LEAST_PART.held);
    if (bytes > 0 || seenBytes > 0) seen((seenBytes = bytes), isReading);
    return messages;
  };
}

/** Lets go of the message that is not whole, and of whatever else comes: the call must be ended. */
export function dropPartialMessage(call: object): void {
  const { decoder } = call as BaseCall;
  if (decoder === undefined) return;
  decoder.readPartialMessage = [];
  decoder.write = () => [];
}

/** Gives free what the last piece keeps for nothing. Returns what all take. */
function compact(decoder: Decoder, leastPart: number): number {
  decoder.readCompressFlag = trimmed(decoder.readCompressFlag, leastPart);
  const { readMessageSize, readMessageRemaining, readPartialMessage: pieces } = decoder;
  const last = pieces.at(-1);
  if (last) pieces[pieces.length - 1] = trimmed(last, leastPart);
  return PIECE_BYTES * (pieces.length + 1) + readMessageSize - readMessageRemaining;
}

function trimmed(piece: Buffer, leastPart: number): Buffer {
  return piece.byteLength < piece.buffer.byteLength * leastPart ? Buffer.from(piece) : piece;
}
