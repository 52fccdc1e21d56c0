import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { ReadTurn, ReadTurns } from './read-turns.js';
import type { ReceiveBudget } from './receive-budget.js';

const MIN_BLOCK_BYTES = 256;
const MAX_BLOCK_BYTES = 64 * 1024;

type Chunk = Uint8Array | null;

interface ReceivingStream extends Pick<
  ServerHttp2Stream,
  'session' | 'destroyed' | 'readableFlowing' | 'readableLength' | 'readableHighWaterMark' | 'once'
> {
  push(chunk: Chunk): boolean;
  _read(size: number): void;
  resume(): this;
}

const BUFFER = Symbol('leat.paused');

type Buffered = ReceivingStream & { [BUFFER]?: PausedBuffer };

/** Of all connections of a server. */
export interface ReceiveControl {
  readonly budget: ReceiveBudget;
  readonly turns: ReadTurns;
}

/**
 * Copies what arrives while a stream is paused into few blocks. Node keeps every DATA frame as an object of its own,
 * about 130 bytes besides the block that was read from the socket, so that a window filled with frames of one byte would
 * take more than a hundred times its size. The budget counts what is really held.
 */
export function bufferWhilePaused(stream: ServerHttp2Stream, { budget, turns }: ReceiveControl): void {
  const buffered = stream as unknown as Buffered;
  const { session } = stream;
  if (session === undefined) return;
  install(Object.getPrototypeOf(stream) as ReceivingStream);
  buffered[BUFFER] = new PausedBuffer(session, budget, turns.of(session));
}

/**
 * Keeps the stream from emitting `end` before anybody listens, as Node makes a stream without data do. Returns a function
 * that ends this.
 */
export function holdEnd(stream: ServerHttp2Stream): () => void {
  const buffered = stream as unknown as Buffered;
  const buffer = buffered[BUFFER];
  if (buffer === undefined) return () => undefined;
  buffer.isEndHeld = true;
  return () => {
    buffer.isEndHeld = false;
    if (buffer.isEmpty && buffer.isEnded) buffered.push(null);
  };
}

/** The blocks of one stream, oldest first. */
class PausedBuffer {
  private readonly blocks: Buffer[] = [];
  /** Bytes used of the last block. */
  private lastLength = 0;
  private heldBytes = 0;
  private isWatched = false;
  /** The client has half-closed. */
  isEnded = false;
  /** Nobody listens yet. */
  isEndHeld = false;

  constructor(
    private readonly session: Http2Session,
    private readonly budget: ReceiveBudget,
    readonly turn: ReadTurn,
  ) {}

  get isEmpty(): boolean {
    return this.blocks.length === 0;
  }

  /** False if no more should come. */
  add(stream: ReceivingStream, chunk: Uint8Array): boolean {
    if (!this.isWatched) stream.once('close', () => this.clear());
    this.isWatched = true;
    const last = this.blocks.at(-1);
    const fitting = last ? Math.min(last.byteLength - this.lastLength, chunk.byteLength) : 0;
    last?.set(chunk.subarray(0, fitting), this.lastLength);
    this.lastLength += fitting;
    if (fitting < chunk.byteLength) this.addBlock(chunk.subarray(fitting), last?.byteLength ?? 0);
    return stream.readableLength + this.heldBytes < stream.readableHighWaterMark;
  }

  shift(): Buffer | undefined {
    const block = this.blocks.shift();
    if (block === undefined) return undefined;
    this.charge(-block.byteLength);
    if (this.blocks.length > 0) return block;
    const used = block.subarray(0, this.lastLength);
    this.lastLength = 0;
    return used;
  }

  private addBlock(bytes: Uint8Array, before: number): void {
    const wanted = Math.min(Math.max(2 * before, MIN_BLOCK_BYTES), MAX_BLOCK_BYTES);
    const block = Buffer.allocUnsafeSlow(Math.max(wanted, bytes.byteLength));
    block.set(bytes);
    this.blocks.push(block);
    this.lastLength = bytes.byteLength;
    this.charge(block.byteLength);
  }

  private charge(bytes: number): void {
    this.heldBytes += bytes;
    this.budget.charge(this.session, bytes);
  }

  private clear(): void {
    this.blocks.length = 0;
    this.lastLength = 0;
    this.charge(-this.heldBytes);
  }
}

const installed = Symbol('leat.paused.installed');

/** Streams that were not given a buffer are left as they are. Repeating it is harmless. */
function install(prototype: ReceivingStream & { [installed]?: true }): void {
  if (prototype[installed]) return;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with their stream below.
  const { push, _read: read, resume } = prototype;

  prototype.push = function (this: Buffered, chunk) {
    const buffer = this[BUFFER];
    if (buffer === undefined || this.destroyed) return push.call(this, chunk);
    buffer.turn.received();
    const isPassed = chunk === null ? !buffer.isEndHeld : this.readableFlowing === true;
    if (buffer.isEmpty && isPassed) return push.call(this, chunk);
    if (chunk !== null) return buffer.add(this, chunk);
    buffer.isEnded = true;
    return false;
  };

  prototype._read = function (this: Buffered, size) {
    if (this[BUFFER] === undefined || this.destroyed || !pushNext(this, this[BUFFER])) read.call(this, size);
  };

  prototype.resume = function (this: Buffered) {
    // Node waits for what it has asked for before it asks again.
    if (this[BUFFER] && !this.destroyed && this.readableLength < this.readableHighWaterMark)
      pushNext(this, this[BUFFER]);
    return resume.call(this);
  };

  function pushNext(stream: Buffered, buffer: PausedBuffer): boolean {
    const block = buffer.shift();
    if (block === undefined) return false;
    push.call(stream, block);
    if (buffer.isEmpty && buffer.isEnded) push.call(stream, null);
    return true;
  }

  Object.defineProperty(prototype, installed, { value: true });
}
