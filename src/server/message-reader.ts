/** Before each message: one byte that is 1 if it is compressed, and its length in four bytes, big-endian. */
export const PREFIX_BYTES = 5;

/** A message as it came; `bytes` holds nothing else in memory. */
export interface ReceivedMessage {
  readonly isCompressed: boolean;
  readonly bytes: Buffer;
}

/** What a JavaScript object for a buffer takes besides its bytes, roughly. */
const OBJECT_BYTES = 256;
const MIN_CAPACITY = 1024;
/** A buffer for a message grows by this factor, so that it is never much larger than what has come. */
const GROWTH = 2;

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Cuts one message at a time out of the bytes of a stream. Pieces are copied into one buffer of the message, so that
 * what it takes in memory depends on the bytes and not on how many pieces they came in. What follows a message stays
 * as it came until it is asked for: thousands of empty messages fit into one frame.
 */
export class MessageReader {
  private readonly prefix = Buffer.alloc(PREFIX_BYTES);
  private prefixLength = 0;
  private size = 0;
  private body: Buffer = NOTHING;
  /** Bytes of the body received so far. */
  private length = 0;
  private rest: Buffer = NOTHING;

  /** `maxSize` of a message, in bytes. */
  constructor(private readonly maxSize: number) {}

  /** True if there are bytes after the last message that was taken. */
  get hasPart(): boolean {
    return this.prefixLength > 0 || this.rest.byteLength > 0;
  }

  /** True if there are bytes that `take` has not looked at. */
  get hasRest(): boolean {
    return this.rest.byteLength > 0;
  }

  /** Bytes received of the message that is not complete. */
  get receivedBytes(): number {
    return this.prefixLength + this.length;
  }

  /** What is held in memory, in bytes. */
  get heldBytes(): number {
    if (!this.hasPart) return 0;
    return OBJECT_BYTES + this.body.byteLength + this.rest.buffer.byteLength;
  }

  add(data: Buffer): void {
    this.rest = this.hasRest ? Buffer.concat([this.rest, data]) : data;
  }

  /** The next message, or undefined if it is not complete. Throws an Error that says what is wrong with it. */
  take(): ReceivedMessage | undefined {
    if (!this.takePrefix()) return undefined;
    const bytes = this.length === 0 && this.rest.byteLength >= this.size ? this.takeWhole() : this.takePart();
    if (bytes === undefined) return undefined;
    this.prefixLength = 0;
    this.length = 0;
    this.body = NOTHING;
    return { isCompressed: this.prefix[0] === 1, bytes };
  }

  /** Lets go of what was read from the socket together with bytes that have to wait. */
  compact(): void {
    const { rest } = this;
    if (rest.byteLength === 0) this.rest = NOTHING;
    else if (rest.buffer.byteLength > 2 * rest.byteLength) this.rest = copyOf(rest);
  }

  /** Lets go of everything. */
  clear(): void {
    this.prefixLength = 0;
    this.length = 0;
    this.body = NOTHING;
    this.rest = NOTHING;
  }

  private takePrefix(): boolean {
    if (this.prefixLength === PREFIX_BYTES) return true;
    const taken = this.rest.copy(this.prefix, this.prefixLength, 0, PREFIX_BYTES - this.prefixLength);
    this.prefixLength += taken;
    this.skip(taken);
    if (this.prefixLength < PREFIX_BYTES) return false;
    this.size = this.prefix.readUInt32BE(1);
    if (this.size > this.maxSize) {
      throw new Error(`Received message larger than max (${this.size} vs ${this.maxSize})`);
    }
    const flag = this.prefix.readUInt8(0);
    if (flag > 1) throw new Error(`Failed to decompress message: its compressed flag is ${flag}, not 0 or 1`);
    return true;
  }

  private takeWhole(): Buffer {
    const bytes = Buffer.from(this.rest.subarray(0, this.size));
    this.skip(this.size);
    return bytes;
  }

  private takePart(): Buffer | undefined {
    const taken = Math.min(this.rest.byteLength, this.size - this.length);
    this.grow(this.length + taken);
    this.rest.copy(this.body, this.length, 0, taken);
    this.length += taken;
    this.skip(taken);
    return this.length === this.size ? this.body : undefined;
  }

  private grow(needed: number): void {
    if (needed <= this.body.byteLength) return;
    const capacity = Math.min(this.size, Math.max(needed, MIN_CAPACITY, GROWTH * this.body.byteLength));
    const larger = Buffer.allocUnsafeSlow(capacity);
    this.body.copy(larger, 0, 0, this.length);
    this.body = larger;
  }

  private skip(bytes: number): void {
    this.rest = bytes === this.rest.byteLength ? NOTHING : this.rest.subarray(bytes);
  }
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  bytes.copy(copy);
  return copy;
}
