import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readRetentionChange } from '../../src/domain/topics/retention-change.js';
import { checkTopicName, isReservedTopic, isSystemTopic } from '../../src/domain/topics/topic-name.js';
import { createViolations } from '../../src/domain/validation/violations.js';
import { violatedBy } from '../support/thrown-by.js';

function isName(topic: string): boolean {
  const found = violatedBy(() => {
    const violations = createViolations();
    checkTopicName(violations, 'topic', topic);
    violations.throwIfAny();
  });
  return found.length === 0;
}

describe('topic names', () => {
  it('are segments joined by single slashes', () => {
    const segment = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,18}$/);
    const names = fc.array(segment, { minLength: 1, maxLength: 10 }).map((segments) => segments.join('/'));
    fc.assert(fc.property(names, (name) => expect(isName(name)).toBe(true)));
  });

  it.each(['', '/', 'a/', '/a', 'a//b', 'A', 'a b', '.a', '-a', 'a/.', 'a/../b', 'ä', 'a\n', 'a\0', 'a/_'])(
    'are not %j',
    (name) => expect(isName(name)).toBe(false),
  );

  it('have at most 200 characters', () => {
    expect([isName('a'.repeat(200)), isName('a'.repeat(201)), isName('a'.repeat(1e6))]).toEqual([true, false, false]);
  });

  it('are reserved below sys/ and rooms/ only', () => {
    const names = ['sys/users', 'rooms/a', 'sys', 'system/a', 'a/sys/b'];
    expect(names.map(isReservedTopic)).toEqual([true, true, false, false, false]);
    expect(names.map(isSystemTopic)).toEqual([true, false, false, false, false]);
  });
});

describe('a change of retention', () => {
  const read = (mask: string[] | undefined, retention?: Parameters<typeof readRetentionChange>[2]) => {
    const violations = createViolations();
    const change = readRetentionChange(violations, mask, retention);
    violations.throwIfAny();
    return change;
  };
  const maxAge = { seconds: 60n, nanos: 0 };

  it('without a mask is made of the parts that are present', () => {
    expect(read(undefined, { maxAge, maxBytes: 7n })).toEqual({ maxAgeMs: 60_000, maxBytes: 7 });
    expect(read([], { maxEvents: 5n })).toEqual({ maxEvents: 5 });
    expect(read(undefined)).toEqual({});
  });

  it('takes the bound from a part that the mask names and the topic leaves out', () => {
    expect(read(['retention.max_age'], { maxBytes: 7n })).toEqual({ maxAgeMs: null });
    expect(read(['retention'], { maxAge })).toEqual({ maxAgeMs: 60_000, maxBytes: null, maxEvents: null });
    expect(read(['retention'])).toEqual({ maxAgeMs: null, maxBytes: null, maxEvents: null });
  });

  it('names every path and bound that is wrong, and looks at no other', () => {
    const retention = { maxAge: { seconds: 0n, nanos: 0 }, maxBytes: 0n, maxEvents: -1n };
    expect(violatedBy(() => read(['topic', 'retention.max_age', 'x'.repeat(1e6)], retention))).toEqual([
      'update_mask.paths[0]',
      'update_mask.paths[2]',
      'topic.retention.max_age',
    ]);
    const all = ['topic.retention.max_age', 'topic.retention.max_bytes', 'topic.retention.max_events'];
    expect(violatedBy(() => read(undefined, retention))).toEqual(all);
    const tooOld = { maxAge: { seconds: 36_525n * 86_400n, nanos: 1 } };
    expect(violatedBy(() => read(undefined, tooOld))).toEqual(['topic.retention.max_age']);
  });
});
