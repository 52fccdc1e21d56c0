import { describe, expect, it } from '@jest/globals';
import { decodeUtf8 } from '../../src/store/encoding/utf8.js';

describe('decodeUtf8', () => {
  it.each([
    ['a lone continuation byte', [0x80]],
    ['half a character', [0xe2, 0x82]],
    ['half a surrogate pair', [0xed, 0xa0, 0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeUtf8(Uint8Array.from(bytes))).toThrow();
  });

  it('keeps a byte order mark', () => {
    expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa');
  });
});
