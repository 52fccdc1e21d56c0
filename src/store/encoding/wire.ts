/** Bytes that are no protobuf message: cut short, with an impossible length or an unknown wire type. */
export class MalformedBytes extends Error {
  override readonly name = 'MalformedBytes';
}

export const WIRE_VARINT = 0;
export const WIRE_I64 = 1;
export const WIRE_LEN = 2;
export const WIRE_I32 = 5;

/**
 * Walks encoded messages without decoding them, for the paths on which every event would otherwise be decoded and
 * encoded again. Everything else uses the generated code.
 * Source: https://protobuf.dev/programming-guides/encoding
 */
export class WireReader {
  constructor(
    readonly bytes: Uint8Array,
    public pos = 0,
    public end = bytes.length,
  ) {}

  /** A varint as a number. Throws MalformedBytes if it is cut short or above 2^53 - 1. */
  varint(): number {
    const first = this.bytes[this.pos];
    if (first !== undefined && first < 0x80 && this.pos < this.end) {
      this.pos++;
      return first;
    }
    return this.longVarint();
  }

  private longVarint(): number {
    let value = 0;
    let scale = 1;
    for (let length = 1; length <= 10; length++) {
      if (this.pos >= this.end) throw new MalformedBytes('a number is cut short');
      const byte = this.bytes[this.pos++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw new MalformedBytes('a number is too large');
        return value;
      }
      scale *= 128;
    }
    throw new MalformedBytes('a number has more than 10 bytes');
  }

  /** The tag of a field: `number << 3 | wire type`. */
  tag(): number {
    const tag = this.uint32();
    if (tag < 8) throw new MalformedBytes('a field has number 0');
    return tag;
  }

  /** A tag or length. Decoders disagree on longer ones, so a message that has one would not be readable to all. */
  private uint32(): number {
    const start = this.pos;
    const value = this.varint();
    if (this.pos - start > 5 || value > 0xffffffff) throw new MalformedBytes('a tag or length is longer than 5 bytes');
    return value;
  }

  /** Reads a length and returns where what it measures ends; `pos` is where it begins. */
  lengthEnd(): number {
    const length = this.uint32();
    if (length > this.end - this.pos) throw new MalformedBytes('a field is longer than its message');
    return this.pos + length;
  }

  /** Passes over the value of a field whose tag was just read. */
  skip(wireType: number): void {
    switch (wireType) {
      case WIRE_VARINT:
        return this.skipVarint();
      case WIRE_I64:
        return this.skipBytes(8);
      case WIRE_LEN:
        this.pos = this.lengthEnd();
        return;
      case WIRE_I32:
        return this.skipBytes(4);
      default:
        throw new MalformedBytes(`wire type ${wireType} is not supported`);
    }
  }

  private skipVarint(): void {
    for (let length = 1; length <= 10; length++) {
      if (this.pos >= this.end) throw new MalformedBytes('a number is cut short');
      const byte = this.bytes[this.pos++] ?? 0;
      if (length === 10 && byte > 1) throw new MalformedBytes('a number has more than 64 bits');
      if (byte < 0x80) return;
    }
    throw new MalformedBytes('a number has more than 10 bytes');
  }

  private skipBytes(count: number): void {
    if (this.end - this.pos < count) throw new MalformedBytes('a field is cut short');
    this.pos += count;
  }
}

/** Bytes that `value` takes as a varint; `value` is whole, 0 to 2^53 - 1. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Writes `value` as a varint at `pos` and returns where it ends. */
export function writeVarint(bytes: Uint8Array, pos: number, value: number): number {
  let rest = value;
  let at = pos;
  while (rest >= 128) {
    bytes[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}
