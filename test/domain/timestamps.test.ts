import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { msFromDuration, msFromTimestamp, timestampFromMs } from '../../src/domain/timestamps.js';

describe('timestamps', () => {
  it('keep every millisecond from the year 1 to 9999, and nanos within their range', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), (ms) => {
        const timestamp = timestampFromMs(ms);
        expect(timestamp.nanos >= 0 && timestamp.nanos <= 999_999_999).toBe(true);
        expect(msFromTimestamp(timestamp)).toBe(ms);
      }),
    );
  });

  it('between two milliseconds count as the later one', () => {
    expect(msFromTimestamp({ seconds: 1n, nanos: 1 })).toBe(1001);
    expect(msFromTimestamp({ seconds: -1n, nanos: 999_999_999 })).toBe(0);
    expect(msFromDuration({ seconds: 1n, nanos: 1_000_000 })).toBe(1001);
  });
});
