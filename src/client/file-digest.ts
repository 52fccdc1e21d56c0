import { createHash } from 'node:crypto';

/** SHA-256 of a file whose bytes come in order, some of them again. */
export interface FileDigest {
  /** The first so many bytes are in it. */
  readonly length: number;
  /** Adds what is new of these bytes; they begin where those before ended, or earlier. */
  add(offset: number, bytes: Uint8Array): void;
  /** Of all bytes so far; more may follow. */
  value(): Buffer;
}

export function createFileDigest(): FileDigest {
  const hash = createHash('sha256');
  let length = 0;
  return {
    get length() {
      return length;
    },
    add(offset, bytes) {
      const known = length - offset;
      if (known < 0) throw new RangeError(`bytes from ${offset} on, but ${length} are next`);
      if (known >= bytes.length) return;
      hash.update(bytes.subarray(known));
      length = offset + bytes.length;
    },
    value: () => hash.copy().digest(),
  };
}
