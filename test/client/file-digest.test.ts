import { describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { createFileDigest } from '../../src/client/file-digest.js';

describe('the digest of a file', () => {
  it('has each byte once, however often parts of it come again', () => {
    const bytes = randomBytes(1_000);
    const parts = fc.array(fc.tuple(fc.nat(1_000), fc.nat(300)), { maxLength: 30 });
    fc.assert(
      fc.property(parts, (pieces) => {
        const digest = createFileDigest();
        for (const [back, length] of pieces) {
          const offset = Math.max(0, digest.length - back);
          digest.add(offset, bytes.subarray(offset, offset + length));
        }
        const expected = createHash('sha256').update(bytes.subarray(0, digest.length)).digest();
        expect(digest.value().equals(expected)).toBe(true);
      }),
    );
  });

  it('goes on after it was asked for, and refuses a gap', () => {
    const digest = createFileDigest();
    digest.add(0, Buffer.from('ab'));
    expect(digest.value()).toEqual(digest.value());
    expect(() => digest.add(3, Buffer.from('d'))).toThrow(RangeError);
    digest.add(1, Buffer.from('bc'));
    expect(digest.value().equals(createHash('sha256').update('abc').digest())).toBe(true);
  });
});
