import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createTokenCodec, type TokenPlace } from '../../src/domain/tokens.js';
import { createViolations } from '../../src/domain/validation/violations.js';
import { thrownBy } from '../support/thrown-by.js';

const scope = { epoch: 'e1', kind: 'events', subject: 'orders/eu' };
const codec = createTokenCodec(scope);

function decode(token: string, tokens = codec): TokenPlace | undefined {
  const violations = createViolations();
  const place = tokens.decode(violations, 'page_token', token);
  violations.throwIfAny();
  return place;
}

function failure(token: string, tokens = codec) {
  const error = thrownBy(() => decode(token, tokens));
  return { kind: error.kind, reason: error.reason, field: error.options.violations?.[0]?.field };
}

const damaged = { kind: 'invalid', reason: 'INVALID_FIELD', field: 'page_token' };
const places = fc.record(
  {
    offset: fc.maxSafeNat(),
    key: fc.string({ unit: 'grapheme', maxLength: 200 }),
    commitTimeMs: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
  },
  { requiredKeys: ['offset', 'key'] },
);

describe('tokens', () => {
  it('bring back the place they were made for', () => {
    fc.assert(fc.property(places, (place) => expect(decode(codec.encode(place))).toEqual(place)));
  });

  it('are the same for the same place, so that readers can share one', () => {
    const place = { offset: 7, key: 'a' };
    expect(createTokenCodec(scope).encode(place)).toBe(codec.encode(place));
  });

  it('need nothing but URL-safe characters, and few, whatever the length of what they belong to', () => {
    const long = createTokenCodec({ epoch: 'e'.repeat(500), kind: 'events', subject: 't'.repeat(500) });
    expect(long.encode({ offset: Number.MAX_SAFE_INTEGER, key: '' })).toMatch(/^[A-Za-z0-9_-]{1,47}$/);
  });

  it('are refused after any change of a character', () => {
    const edit = fc.record({ at: fc.nat(), char: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }) });
    fc.assert(
      fc.property(places, edit, (place, { at, char }) => {
        const token = codec.encode(place);
        const index = at % token.length;
        fc.pre(token[index] !== char);
        expect(failure(token.slice(0, index) + char + token.slice(index + 1))).toEqual(damaged);
      }),
    );
  });

  it('are refused when cut short, lengthened, padded or made up', () => {
    const token = codec.encode({ offset: 3, key: 'k' });
    for (let length = 1; length < token.length; length++) expect(failure(token.slice(0, length))).toEqual(damaged);
    for (const made of [`${token}A`, `${token}=`, ` ${token}`, `${token}\n`, 'x', '{}', '1', 'é', 'A'.repeat(1e6)]) {
      expect(failure(made)).toEqual(damaged);
    }
    fc.assert(fc.property(fc.base64String({ minLength: 1 }), (made) => expect(failure(made)).toEqual(damaged)));
  });

  it('of another list, or of another of its kind, are a TOKEN_MISMATCH', () => {
    const mismatch = { kind: 'invalid', reason: 'TOKEN_MISMATCH', field: 'page_token' };
    const token = codec.encode({ offset: 3, key: '' });
    expect(failure(token, createTokenCodec({ ...scope, subject: 'orders/us' }))).toEqual(mismatch);
    expect(failure(token, createTokenCodec({ ...scope, kind: 'topics' }))).toEqual(mismatch);
    expect(failure(token, createTokenCodec({ ...scope, subject: 'x', epoch: 'e2' }))).toEqual(mismatch);
  });

  it('from before a restore are EPOCH_CHANGED', () => {
    const restored = createTokenCodec({ ...scope, epoch: 'e2' });
    const expected = { kind: 'precondition', reason: 'EPOCH_CHANGED', field: undefined };
    expect(failure(codec.encode({ offset: 3, key: '' }), restored)).toEqual(expected);
  });
});
