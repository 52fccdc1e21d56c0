import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rawMember } from '../../src/cli/raw-member.js';

describe('rawMember', () => {
  it('finds the text of any member of any JSON object, however it is laid out', () => {
    const objects = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true });
    fc.assert(
      fc.property(objects, fc.jsonValue(), fc.constantFrom(undefined, 1, '\t'), (object, data, indent) => {
        const json = JSON.stringify({ ...object, data }, undefined, indent);
        expect(rawMember(json, 'data')).toBe(
          JSON.stringify({ data }, undefined, indent).replace(/^\{\s*"data":\s*|\s*\}$/g, ''),
        );
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['{"a":{"data":1},"b":["data",{"data":2}]}', undefined],
    ['{"data":1,"data":[2, 3]}', '[2, 3]'],
    [String.raw`{"x":"\"data\":9","d\u0061ta" : 1.0 }`, '1.0'],
    ['{}', undefined],
  ])('reads %s as JSON.parse does', (json, expected) => {
    expect(rawMember(json, 'data')).toBe(expected);
  });

  it('reads a string of a million characters', () => {
    const data = JSON.stringify('a"\\'.repeat(350_000));
    expect(rawMember(`{"data":${data}}`, 'data')).toBe(data);
  });
});
