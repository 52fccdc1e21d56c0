import { describe, expect, it } from '@jest/globals';
import { crc32c as native } from '@node-rs/crc32';
import fc from 'fast-check';
import { crc32c } from '../../src/client/crc32c.js';

describe('crc32c', () => {
  it.each([
    ['', 0],
    ['123456789', 0xe3069283],
    // RFC 3720, appendix B.4.
    ['\0'.repeat(32), 0x8a9136aa],
  ])('of %j is as published', (text, expected) => {
    expect(crc32c(Buffer.from(text))).toBe(expected);
  });

  it("is the server's, of all bytes, wherever they lie in memory", () => {
    const views = fc.tuple(fc.uint8Array({ maxLength: 70 }), fc.nat(9));
    fc.assert(
      fc.property(views, ([bytes, skipped]) => {
        const view = bytes.subarray(skipped);
        expect(crc32c(view)).toBe(native(view));
      }),
    );
  });
});
