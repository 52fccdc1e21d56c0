import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Event, EventFilter } from '../../../gen/leat/v1/event.js';
import { checkFilter, compileFilter } from '../../../src/domain/events/compile-filter.js';
import { createViolations } from '../../../src/domain/validation/violations.js';
import { violatedBy } from '../../support/thrown-by.js';
import { joined, lenField, unknownChunks, varintField, withLongTag } from '../../support/wire-chunks.js';

const words = fc.constantFrom('', 'a', 'ab', 'a.b', 'é', '*', 'a*');
const pairs = fc.array(fc.tuple(fc.constantFrom('k', 'l', '__proto__'), fc.constantFrom('', 'v', 'w')), {
  maxLength: 4,
});
const filters = fc.record({
  types: fc.array(fc.constantFrom('a', 'ab', 'a*', 'a.*', '*', 'é', 'é*'), { maxLength: 3 }),
  subjects: fc.array(words, { maxLength: 3 }),
  attributes: fc.oneof(
    fc.constant(new Map<string, string>()),
    pairs.map((entries) => new Map(entries.slice(0, 2))),
  ),
});

/** Encoded events whose fields come in any order, repeated, with others between them. */
const encoded = fc
  .array(
    fc.oneof(
      words.map((type) => lenField(2, type)),
      words.map((type) => withLongTag(lenField(2, type), 2)),
      words.map((subject) => lenField(3, subject)),
      pairs.map((entries) => joined(entries.map(([k, v]) => lenField(8, joined([lenField(2, v), lenField(1, k)]))))),
      fc
        .tuple(words, words, fc.constantFrom(1, 2, 9))
        .map(([k, v, other]) => lenField(8, joined([lenField(1, k), varintField(other, 1n), lenField(2, v)]))),
      unknownChunks,
      fc.constantFrom(lenField(1, 'a'), lenField(6, 'a'), lenField(9, 'a')),
    ),
    { maxLength: 8 },
  )
  .map(joined);

/** What the contract says of EventFilter, over decoded values. */
function matchesReference(filter: EventFilter, event: Event): boolean {
  const typeMatches = (type: string) =>
    type.endsWith('*') ? event.type.startsWith(type.slice(0, -1)) : event.type === type;
  return (
    (filter.types.length === 0 || filter.types.some(typeMatches)) &&
    (filter.subjects.length === 0 || filter.subjects.includes(event.subject)) &&
    [...filter.attributes].every(([key, value]) => event.attributes.get(key) === value)
  );
}

describe('a compiled filter', () => {
  it('lets through exactly the events whose decoded values match', () => {
    const seen = { matches: 0, others: 0 };
    const property = fc.property(filters, encoded, (filter, bytes) => {
      const around = joined([lenField(2, 'zzz'), bytes, lenField(2, 'zzz')]);
      const matches = compileFilter(filter)?.matches(around, 5, 5 + bytes.length) ?? true;
      expect(matches).toBe(matchesReference(filter, Event.decode(bytes)));
      seen[matches ? 'matches' : 'others']++;
    });
    fc.assert(property, { numRuns: 3000 });
    expect(Math.min(seen.matches, seen.others)).toBeGreaterThan(300);
  });

  it('rules out a segment by its types only if none of its events can match', () => {
    const property = fc.property(filters, fc.array(encoded, { maxLength: 4 }), (filter, events) => {
      const matcher = compileFilter(filter);
      if (!matcher) return;
      const types = events.map((bytes) => Event.decode(bytes).type);
      const matching = events.some((bytes) => matcher.matches(bytes, 0, bytes.length));
      if (matching) expect(matcher.mayMatch(types)).toBe(true);
    });
    fc.assert(property, { numRuns: 1000 });
    expect(compileFilter(EventFilter.fromPartial({ types: ['a.*', 'b'] }))?.mayMatch(['a', 'c'])).toBe(false);
  });

  it('is none at all if nothing is asked for', () => {
    expect(compileFilter(undefined)).toBeUndefined();
    expect(compileFilter(EventFilter.fromPartial({}))).toBeUndefined();
  });
});

describe('the limits of a filter', () => {
  const violated = (filter: Parameters<typeof EventFilter.fromPartial>[0]) =>
    violatedBy(() => {
      const violations = createViolations();
      checkFilter(violations, 'filter', EventFilter.fromPartial(filter));
      violations.throwIfAny();
    });
  const numbered = (count: number) => Array.from({ length: count }, (_, i) => `k${i}`);
  const map = (count: number) => new Map(numbered(count).map((key) => [key, 'v']));

  it('are kept by what is within them', () => {
    const types = [...numbered(30), `${'é'.repeat(128)}*`, '*'];
    expect(violated({ types, subjects: ['', ...numbered(30), '😀'.repeat(256)], attributes: map(8) })).toEqual([]);
  });

  it('are all told at once', () => {
    expect(violated({ types: numbered(33), subjects: numbered(33), attributes: map(9) })).toEqual([
      'filter.types',
      'filter.subjects',
      'filter.attributes',
    ]);
    const wrong = new Map([
      ['K', 'v'],
      ['k', 'v'.repeat(1025)],
    ]);
    expect(violated({ types: ['', 'a*b', 't'.repeat(130)], subjects: ['s'.repeat(257)], attributes: wrong })).toEqual([
      'filter.types[0]',
      'filter.types[1]',
      'filter.types[2]',
      'filter.subjects[0]',
      'filter.attributes["K"]',
      'filter.attributes["k"]',
    ]);
  });

  it('count a type of 129 characters as too long unless the last is a "*"', () => {
    expect(violated({ types: ['t'.repeat(129)] })).toEqual(['filter.types[0]']);
  });
});
