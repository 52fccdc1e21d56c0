import { describe, expect, it } from '@jest/globals';
import { collect, parseCount, parseFrom, parsePair, parseTime, parseUntil } from '../../src/cli/parse-values.js';
import { updatePaths } from '../../src/cli/user-change.js';

const noon = { seconds: 1_769_860_800n, nanos: 0 };

describe('values of flags', () => {
  it.each([
    ['first', undefined],
    ['now', { $case: 'last', value: 0n }],
    ['1', { $case: 'afterOffset', value: 0n }],
    ['9007199254740993', { $case: 'afterOffset', value: 9_007_199_254_740_992n }],
    ['2026-01-31T12:00:00Z', { $case: 'fromTime', value: noon }],
    ['2026-01-31T13:00:00.5+01:00', { $case: 'fromTime', value: { ...noon, nanos: 500_000_000 } }],
    ['AbC-_9', { $case: 'resumeToken', value: 'AbC-_9' }],
  ])('--from %s', (text, position) => {
    expect(parseFrom(text)).toEqual(position && { position });
  });

  it.each([
    [parseFrom, '0'],
    [parseFrom, ''],
    [parseFrom, 'yesterday'],
    [parseFrom, 'last-week'],
    [parseFrom, 'First'],
    [parseFrom, '1h'],
    [parseFrom, '12.AbC-_9'],
    [parseFrom, '2026-99-99T00:00:00Z'],
    [parseFrom, '9999999999999999999'],
    [parseUntil, 'soon'],
    [parseUntil, '0'],
    [parseCount, '-1'],
    [parseCount, '1.5'],
    [parseTime, '12:00'],
    [parsePair, 'novalue'],
    [parsePair, '=value'],
  ])('%p refuses "%s"', (parse, text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'commander.invalidArgument' }));
  });

  it('--until is an offset or a time', () => {
    expect(parseUntil('7')).toEqual({ $case: 'beforeOffset', value: 7n });
    expect(parseUntil('2026-01-31')).toEqual({
      $case: 'beforeTime',
      value: { ...noon, seconds: noon.seconds - 43_200n },
    });
  });

  it('repeated options add up, and a value may hold equals signs', () => {
    expect(parsePair('b=c=d', parsePair('a='))).toEqual(
      new Map([
        ['a', ''],
        ['b', 'c=d'],
      ]),
    );
    expect(collect('b', collect('a'))).toEqual(['a', 'b']);
  });

  it('the update mask of "leat user update" names what was given, even if it is empty', () => {
    const attribute = new Map([['team', 'x']]);
    const options = { address: '', name: 'Ada', email: '', attribute, removeAttribute: ['trial'] };
    expect(updatePaths(options)).toEqual(['name', 'email', 'attributes.team', 'attributes.trial']);
  });
});
