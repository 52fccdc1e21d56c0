import { describe, expect, it } from '@jest/globals';
import { Event, EventRecord } from '../../gen/leat/v1/event.js';
import { formatEvent } from '../../src/cli/format-event.js';
import { formatTable } from '../../src/cli/format-table.js';

function format(event: Parameters<typeof Event.fromPartial>[0]): string {
  return formatEvent(EventRecord.fromPartial({ offset: 7n, commitTime: { seconds: 0n, nanos: 1_000_000 }, event }));
}

describe('formatEvent', () => {
  it('is offset, time, type and payload on one line, whatever the payload holds', () => {
    const payload = { $case: 'text' as const, value: 'two\nlines \u001b]0;title\u0007' };
    expect(format({ type: 'order\ncreated', payload })).toBe(
      String.raw`7  1970-01-01T00:00:00.001Z  order\ncreated  two\nlines \u001b]0;title\u0007`,
    );
  });

  it('shows bytes as text if they claim to be and are, and in hex otherwise', () => {
    const json = { $case: 'data' as const, value: Buffer.from('{"a":1}') };
    expect(format({ type: 't', contentType: 'application/json', payload: json })).toMatch(/ {2}\{"a":1\}$/);
    expect(format({ type: 't', payload: { $case: 'data', value: Buffer.alloc(40, 0xff) } })).toMatch(
      / {2}<40 bytes application\/octet-stream> (ff){32}…$/,
    );
    expect(format({ type: 't' })).toMatch(/ {2}t$/);
  });
});

describe('formatTable', () => {
  it('aligns columns and cannot be broken by what is in them', () => {
    expect(formatTable(['A', 'B'], [['long one', '1\n2']])).toBe('A         B\nlong one  1\\n2\n');
    expect(formatTable(['A'], [])).toBe('');
  });
});
