import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { escapeJson, escapeText } from '../../src/cli/escape-text.js';

describe('escapeText', () => {
  it('leaves nothing that a terminal obeys, whatever comes in', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeText(text)).not.toMatch(/[\p{Cc}\p{Surrogate}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
      }),
      { numRuns: 1_000 },
    );
  });

  it('shows what it took away, and leaves the rest as it is', () => {
    expect(escapeText('a\u001b[2Jb\r\n\u0085\u202e – ö 🎉')).toBe(String.raw`a\u001b[2Jb\r\n\u0085\u202e – ö 🎉`);
  });
});

describe('escapeJson', () => {
  it('keeps the value', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary' }), fc.constantFrom('', '\n', '\r\n'), (compact, lineEnd) => {
        const json = `${lineEnd}${compact}${lineEnd}`;
        const escaped = escapeJson(json);
        expect(escaped).not.toMatch(/[\p{Cc}\p{Surrogate}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
        expect(JSON.parse(escaped)).toEqual(JSON.parse(json));
      }),
    );
  });
});
