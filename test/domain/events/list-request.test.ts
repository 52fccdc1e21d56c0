import { describe, expect, it } from '@jest/globals';
import { ListEventsRequest } from '../../../gen/leat/v1/event_service.js';
import { type ListQuery, readListEvents } from '../../../src/domain/events/list-request.js';
import { createTokenCodec } from '../../../src/domain/tokens.js';
import { thrownBy, violatedBy } from '../../support/thrown-by.js';
import { joined, lenField, varintField } from '../../support/wire-chunks.js';

type Request = Parameters<typeof ListEventsRequest.fromPartial>[0];

const read = (request: Request, epoch = 'e1'): ListQuery =>
  readListEvents(ListEventsRequest.fromPartial({ topic: 'orders', ...request }), epoch, 15_000);
const startAt = (position: NonNullable<NonNullable<Request['start']>['position']>) =>
  read({ start: { position } }).start;
const token = (topic: string, epoch = 'e1') =>
  createTokenCodec({ epoch, kind: 'events', subject: topic }).encode({ offset: 41, key: '' });

describe('a request to list events', () => {
  it('has defaults for all but the topic', () => {
    const { tokens: _, ...query } = read({});
    expect(query).toEqual({
      topic: 'orders',
      start: { kind: 'first' },
      matcher: undefined,
      follow: false,
      last: undefined,
      beforeMs: undefined,
      limit: undefined,
      heartbeatMs: 15_000,
    });
  });

  it('says where to begin in five ways', () => {
    expect(startAt({ $case: 'afterOffset', value: 7n })).toEqual({ kind: 'after', offset: 7 });
    expect(startAt({ $case: 'fromTime', value: { seconds: 5n, nanos: 1 } })).toEqual({ kind: 'time', timeMs: 5001 });
    expect(startAt({ $case: 'resumeToken', value: token('orders') })).toEqual({ kind: 'after', offset: 41 });
    expect(startAt({ $case: 'last', value: 100_000n })).toEqual({ kind: 'last', count: 100_000 });
    expect(startAt({ $case: 'cursor', value: 'é'.repeat(128) })).toEqual({ kind: 'cursor', cursor: 'é'.repeat(128) });
  });

  it('says where to end', () => {
    expect(read({ end: { $case: 'beforeOffset', value: 1n } }).last).toBe(0);
    expect(read({ end: { $case: 'beforeTime', value: { seconds: 5n, nanos: 1 } } }).beforeMs).toBe(5001);
    expect(read({ limit: 3n, follow: true })).toMatchObject({ limit: 3, follow: true });
    expect(read({ heartbeatInterval: { seconds: 1n, nanos: 500_000_000 } }).heartbeatMs).toBe(1500);
  });

  it('may name offsets that no number holds: they are beyond every head, not another offset', () => {
    const huge = 2n ** 63n - 1n;
    const beyond = Number.MAX_SAFE_INTEGER;
    expect(startAt({ $case: 'afterOffset', value: huge })).toEqual({ kind: 'after', offset: beyond });
    expect(startAt({ $case: 'afterOffset', value: 2n ** 53n })).toEqual({ kind: 'after', offset: beyond });
    expect(read({ limit: huge }).limit).toBe(beyond);
    expect(read({ end: { $case: 'beforeOffset', value: huge } }).last).toBe(beyond - 1);
  });

  it('is told everything that is wrong with it at once', () => {
    const request: Request = {
      topic: 'Orders',
      start: { position: { $case: 'last', value: 100_001n } },
      filter: { types: [''] },
      end: { $case: 'beforeTime', value: { seconds: 253_402_300_800n, nanos: -1 } },
      limit: -1n,
      heartbeatInterval: { seconds: 61n, nanos: 0 },
    };
    expect(violatedBy(() => read(request))).toEqual([
      'topic',
      'filter.types[0]',
      'limit',
      'heartbeat_interval',
      'before_time.seconds',
      'before_time.nanos',
      'start.last',
    ]);
  });

  it.each([
    ['a negative offset', { start: { position: { $case: 'afterOffset', value: -1n } } }, 'start.after_offset'],
    [
      'the least of all offsets',
      { start: { position: { $case: 'afterOffset', value: -(2n ** 63n) } } },
      'start.after_offset',
    ],
    ['a negative number of last events', { start: { position: { $case: 'last', value: -1n } } }, 'start.last'],
    [
      'a time out of range',
      { start: { position: { $case: 'fromTime', value: { nanos: 1_000_000_000 } } } },
      'start.from_time.nanos',
    ],
    ['an empty cursor', { start: { position: { $case: 'cursor', value: '' } } }, 'start.cursor'],
    ['a long cursor', { start: { position: { $case: 'cursor', value: 'c'.repeat(129) } } }, 'start.cursor'],
    ['a token that is none', { start: { position: { $case: 'resumeToken', value: 'x' } } }, 'start.resume_token'],
    ['an empty token', { start: { position: { $case: 'resumeToken', value: '' } } }, 'start.resume_token'],
    ['an end before the first offset', { end: { $case: 'beforeOffset', value: 0n } }, 'before_offset'],
    ['a heartbeat below a second', { heartbeatInterval: { nanos: 999_999_999 } }, 'heartbeat_interval'],
    ['a heartbeat of mixed signs', { heartbeatInterval: { seconds: 2n, nanos: -1 } }, 'heartbeat_interval.nanos'],
    ['no topic', { topic: '' }, 'topic'],
  ] satisfies [string, Request, string][])('is refused with %s', (_, request, field) => {
    expect(violatedBy(() => read(request))).toEqual([field]);
  });

  it('is refused with the token of another topic as TOKEN_MISMATCH, together with what else is wrong', () => {
    const start = { position: { $case: 'resumeToken', value: token('other') } } as const;
    const error = thrownBy(() => read({ start, limit: -1n }));
    expect(error).toMatchObject({ kind: 'invalid', reason: 'TOKEN_MISMATCH' });
    expect(error.options.violations?.map(({ field }) => field)).toEqual(['limit', 'start.resume_token']);
  });

  it('is refused with a token from before a restore as EPOCH_CHANGED', () => {
    const start = { position: { $case: 'resumeToken', value: token('orders', 'e0') } } as const;
    expect(thrownBy(() => read({ start }))).toMatchObject({ kind: 'precondition', reason: 'EPOCH_CHANGED' });
  });

  it('takes a position that this version does not know for none', () => {
    const bytes = joined([lenField(1, 'orders'), lenField(2, varintField(19, 5n))]);
    expect(readListEvents(ListEventsRequest.decode(bytes), 'e1', 1000).start).toEqual({ kind: 'first' });
  });
});
