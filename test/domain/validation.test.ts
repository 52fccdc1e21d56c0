import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkAttributes } from '../../src/domain/validation/attributes.js';
import { checkOffset, checkPageSize, checkSize } from '../../src/domain/validation/numbers.js';
import { checkLength, countCharacters, quote } from '../../src/domain/validation/text.js';
import { checkDuration, checkTimestamp } from '../../src/domain/validation/times.js';
import { createViolations, type Violations } from '../../src/domain/validation/violations.js';
import { thrownBy, violatedBy } from '../support/thrown-by.js';

/** Fields that `check` finds wrong. */
function wrong(check: (violations: Violations) => unknown): readonly string[] {
  return violatedBy(() => {
    const violations = createViolations();
    check(violations);
    violations.throwIfAny();
  });
}

describe('violations', () => {
  it('are told all at once, in the order they were found', () => {
    expect(wrong((v) => ['a', 'b', 'c'].forEach((field) => v.add(field, 'is wrong')))).toEqual(['a', 'b', 'c']);
  });

  it('carry the reason of the first that has one', () => {
    const error = thrownBy(() => {
      const violations = createViolations();
      violations.add('page_size', 'is wrong');
      violations.add('page_token', 'is wrong', 'TOKEN_MISMATCH');
      violations.throwIfAny();
    });
    expect(error.reason).toBe('TOKEN_MISMATCH');
  });

  it('are never more than a trailer can hold, and say how many are left out', () => {
    const found = thrownBy(() => {
      const violations = createViolations();
      for (let i = 0; i < 10_000; i++) violations.add(`events[${i}].type`, 'is required');
      violations.throwIfAny();
    }).options.violations;
    expect(JSON.stringify(found).length).toBeLessThan(8 * 1024);
    const left = 10_000 - ((found?.length ?? 0) - 1);
    expect(found?.at(-1)?.description).toBe(`${left} more violations are not listed`);
  });
});

describe('lengths', () => {
  it('are counted in characters, not in UTF-16 units', () => {
    expect(countCharacters('a😀b')).toBe(3);
    expect(wrong((v) => checkLength(v, 'name', '😀'.repeat(256), 1, 256))).toEqual([]);
    expect(wrong((v) => checkLength(v, 'name', '😀'.repeat(257), 1, 256))).toEqual(['name']);
    expect(wrong((v) => checkLength(v, 'name', '', 1, 256))).toEqual(['name']);
  });

  it('of what is quoted are bounded, and no character is cut in two', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const quoted = JSON.parse(quote(text)) as string;
        expect(countCharacters(quoted)).toBeLessThanOrEqual(65);
        expect(() => encodeURIComponent(quoted)).not.toThrow();
        expect(text.startsWith(quoted.replace(/…$/, ''))).toBe(true);
      }),
    );
    expect(quote('short')).toBe('"short"');
  });
});

describe('attributes', () => {
  const check = (pairs: Iterable<[string, string]>) =>
    wrong((v) => checkAttributes(v, 'event.attributes', new Map(pairs)));

  it('may be 32 pairs of a 64-character key and a 1024-byte value', () => {
    const full = Array.from({ length: 32 }, (_, i): [string, string] => [`${i}`.padStart(64, 'a_.-'), 'é'.repeat(512)]);
    expect(check(full)).toEqual([]);
    expect(check([...full, ['one-more', '']])).toEqual(['event.attributes']);
  });

  it('are named by key where they are wrong', () => {
    expect(check([['A', '']])).toEqual(['event.attributes["A"]']);
    expect(check([['', '']])).toEqual(['event.attributes[""]']);
    expect(check([['a'.repeat(65), '']])).toEqual([`event.attributes["${'a'.repeat(64)}…"]`]);
    expect(check([['a\n', '']])).toEqual(['event.attributes["a\\n"]']);
  });

  it('are measured in bytes', () => {
    expect(check([['a', 'é'.repeat(513)]])).toEqual(['event.attributes["a"]']);
  });
});

describe('numbers', () => {
  it('turn a page size into 100 if it is 0, and into 1,000 if it is more', () => {
    const sizeOf = (size: number) => checkPageSize(createViolations(), 'page_size', size);
    expect([0, 1, 1000, 1001, 2 ** 31 - 1].map(sizeOf)).toEqual([100, 1, 1000, 1000, 1000]);
    expect(wrong((v) => checkPageSize(v, 'page_size', -1))).toEqual(['page_size']);
  });

  it('let every int64 offset but a negative one reach the log, where it is compared with the head', () => {
    const offsets = [0n, 5n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n];
    const read = offsets.map((offset) => checkOffset(createViolations(), 'offset', offset));
    expect(read).toEqual([0, 5, 2 ** 53 - 1, 2 ** 53 - 1, 2 ** 53 - 1]);
    expect(wrong((v) => checkOffset(v, 'offset', -(2n ** 63n)))).toEqual(['offset']);
    expect(wrong((v) => checkOffset(v, 'before_offset', 0n, 1n))).toEqual(['before_offset']);
  });

  it('refuse sizes that a number cannot hold', () => {
    expect(wrong((v) => checkSize(v, 'max_bytes', 2n ** 53n, 1n))).toEqual(['max_bytes']);
    expect(wrong((v) => checkSize(v, 'max_bytes', 0n, 1n))).toEqual(['max_bytes']);
    expect(checkSize(createViolations(), 'max_bytes', 2n ** 53n - 1n, 1n)).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('times', () => {
  const timestamp = (seconds: bigint, nanos = 0) => wrong((v) => checkTimestamp(v, 'time', { seconds, nanos }));
  const duration = (seconds: bigint, nanos = 0) =>
    wrong((v) => checkDuration(v, 'age', { seconds, nanos }, { min: 1n, max: 60n }));

  it('lie within the years 1 to 9999', () => {
    expect([timestamp(-62135596800n), timestamp(253402300799n, 999_999_999)]).toEqual([[], []]);
    expect([timestamp(-62135596801n), timestamp(253402300800n)]).toEqual([['time.seconds'], ['time.seconds']]);
    expect([timestamp(0n, -1), timestamp(0n, 1_000_000_000)]).toEqual([['time.nanos'], ['time.nanos']]);
    expect(timestamp(2n ** 63n - 1n, -1)).toEqual(['time.seconds', 'time.nanos']);
  });

  it('last as long as they may, to the nanosecond', () => {
    expect([duration(1n), duration(60n), duration(59n, 999_999_999)]).toEqual([[], [], []]);
    expect([duration(0n, 999_999_999), duration(60n, 1), duration(-5n, -1)]).toEqual([['age'], ['age'], ['age']]);
    expect([duration(1n, -1), duration(1n, 1_000_000_000)]).toEqual([['age.nanos'], ['age.nanos']]);
  });
});
