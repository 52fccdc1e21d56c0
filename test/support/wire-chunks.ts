import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';

/** One encoded field. A message is any number of them, in any order. */
export type Chunk = Uint8Array;

/** A length-delimited field. */
export function lenField(field: number, value: Uint8Array | string): Chunk {
  return new BinaryWriter()
    .tag(field, 2)
    .bytes(typeof value === 'string' ? new TextEncoder().encode(value) : value)
    .finish();
}

/** A varint field, of any 64 bits. */
export function varintField(field: number, value: bigint): Chunk {
  return new BinaryWriter().tag(field, 0).uint64(BigInt.asUintN(64, value)).finish();
}

export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(chunks));
}

/** The chunk with its one-byte tag written in more bytes than it needs. */
export function withLongTag(chunk: Chunk, extra: number): Chunk {
  const padding = Array<number>(extra - 1).fill(0x80);
  return Uint8Array.from([(chunk[0] ?? 0) | 0x80, ...padding, 0x00, ...chunk.subarray(1)]);
}

/** Fields with numbers that no message of ours has, of every wire type that is in use. */
export const unknownChunks: fc.Arbitrary<Chunk> = fc
  .record({ field: fc.constantFrom(100, 1000, 2 ** 29 - 1), kind: fc.constantFrom(0, 1, 2, 5), bytes: fc.uint8Array() })
  .map(({ field, kind, bytes }) => {
    const writer = new BinaryWriter().tag(field, kind);
    if (kind === 0) return writer.uint64(BigInt(bytes.length) << 50n).finish();
    if (kind === 1) return writer.fixed64(1n).finish();
    return (kind === 2 ? writer.bytes(bytes) : writer.fixed32(1)).finish();
  });

/** Bytes that are no UTF-8. */
export const brokenUtf8: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.string({ maxLength: 80 }),
    fc.constantFrom([0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf4, 0x90, 0x80, 0x80]),
    fc.string({ maxLength: 5 }),
  )
  .map(([before, broken, after]) => Uint8Array.from([...Buffer.from(before), ...broken, ...Buffer.from(after)]));

/** Small damage: bytes changed, cut off, put in or left out. */
export function damaged(messages: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({ at: fc.nat(), byte: fc.nat(255), how: fc.constantFrom('set', 'cut', 'put', 'drop') });
  return fc.tuple(messages, fc.array(edit, { minLength: 1, maxLength: 3 })).map(([message, edits]) =>
    edits.reduce((bytes, { at, byte, how }) => {
      const index = bytes.length === 0 ? 0 : at % bytes.length;
      const rest = how === 'cut' ? [] : bytes.subarray(how === 'put' ? index : index + 1);
      const put = how === 'set' || how === 'put' ? [byte] : [];
      return Uint8Array.from([...bytes.subarray(0, index), ...put, ...rest]);
    }, message),
  );
}
