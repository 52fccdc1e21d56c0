import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/**
 * What a connection does: nothing came of its first request; it waits for a further one; a request is being answered;
 * its last response was sent.
 */
export type Stage = 'new' | 'idle' | 'busy' | 'closing';

export interface GateOptions {
  /** How long any stage may last, in milliseconds; then the connection is closed. */
  readonly stageMs: number;
  /** Called before a connection is closed because `stage` lasted too long. */
  readonly onTimeout: (stage: Stage) => void;
  /** Called before a connection is closed because what it sends is no request. */
  readonly onRefused: () => void;
}

const NOTHING = Buffer.alloc(0);
const [LF, CR] = [10, 13];

/** After the last response what the client still sends is read for so long, or a reset could overtake the response. */
const LINGER_MS = 500;
const LINGER_BYTES = 64 * 1024;

/**
 * Of a head, empty lines before it included. Node refuses headers of half that size, but it counts no empty lines, and
 * counts nothing once it has answered with `connection: close`.
 */
const MAX_HEAD_BYTES = 16 * 1024;

/**
 * A connection as Node's HTTP server sees it: the head of one request at a time. Node by itself parses all that came in
 * one read, about 2,000 pipelined requests, in one turn of the event loop, and starts on all of them. The next head is
 * passed on by `next`, and until then nothing is read from the socket. Bodies are never passed on.
 */
export class RequestGate extends Duplex {
  stage: Stage = 'new';
  /** When the stage began, by `performance.now()`. */
  since = 0;
  private held: Buffer = NOTHING;
  private isOpen = true;
  private isEnded = false;
  /** Of the head that is being read. */
  private isLineEmpty = true;
  private isBegun = false;
  private headBytes = 0;
  private timer: NodeJS.Timeout | undefined = undefined;

  constructor(
    private readonly socket: Socket,
    private readonly options: GateOptions,
  ) {
    super();
    this.enter('new');
    socket.on('data', this.receive);
    socket.once('end', () => {
      this.isEnded = true;
      this.pass();
    });
    socket.on('error', () => this.destroy());
    socket.once('close', () => {
      clearTimeout(this.timer);
      this.destroy();
    });
  }

  /**
   * The response was written to the socket: the next request may come. In a later turn of the event loop, for thousands of
   * them may be there already.
   */
  next(): void {
    setImmediate(() => this.begin());
  }

  private begin(): void {
    if (this.destroyed) return;
    this.isOpen = true;
    this.isLineEmpty = true;
    this.isBegun = false;
    this.headBytes = 0;
    this.enter('idle');
    this.pass();
  }

  /** Closes the connection at once, whatever is on its way. */
  abort(): void {
    this.socket.destroy();
  }

  override _read(): void {
    // Bytes come when they come: never more than one head.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.socket.end(done);
  }

  override _destroy(_error: Error | null, done: (error: Error | null) => void): void {
    this.held = NOTHING;
    if (!this.socket.destroyed) this.linger();
    done(null);
  }

  private readonly receive = (chunk: Buffer): void => {
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    this.pass();
  };

  private pass(): void {
    if (this.isOpen && this.held.length > 0) this.passHead();
    if (this.headBytes > MAX_HEAD_BYTES) return this.refuse();
    if (!this.isOpen) this.socket.pause();
    else if (this.isEnded) this.push(null);
    else this.socket.resume();
  }

  /** As much of a head as is there. */
  private passHead(): void {
    const end = this.headEnd();
    const part = this.held.subarray(0, end);
    this.held = end === undefined ? NOTHING : this.held.subarray(end);
    if (end !== undefined) {
      this.isOpen = false;
      this.enter('busy');
    }
    this.push(part);
  }

  /** Where the head ends, behind an empty line; undefined if more of it has to come. */
  private headEnd(): number | undefined {
    const { held } = this;
    for (let index = 0; index < held.length && this.headBytes <= MAX_HEAD_BYTES; index++, this.headBytes++) {
      const byte = held[index];
      if (byte === LF) {
        // Empty lines before a request are skipped by Node.
        if (this.isLineEmpty && this.isBegun) return index + 1;
        this.isLineEmpty = true;
      } else if (byte !== CR) {
        this.isLineEmpty = false;
        this.isBegun = true;
      }
    }
    return undefined;
  }

  private refuse(): void {
    this.options.onRefused();
    this.abort();
  }

  private enter(stage: Stage, ms = this.options.stageMs): void {
    this.stage = stage;
    this.since = performance.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (stage !== 'closing') this.options.onTimeout(stage);
      this.abort();
    }, ms);
  }

  private linger(): void {
    this.enter('closing', LINGER_MS);
    let left = LINGER_BYTES;
    this.socket.off('data', this.receive);
    this.socket.on('data', ({ byteLength }: Buffer) => {
      left -= byteLength;
      if (left < 0) this.abort();
    });
    this.socket.once('end', () => this.abort());
    this.socket.end();
    this.socket.resume();
  }
}
