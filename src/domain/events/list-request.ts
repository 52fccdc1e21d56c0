import { EventFilter, type Start } from '../../../gen/leat/v1/event.js';
import type { ListEventsRequest } from '../../../gen/leat/v1/event_service.js';
import type { EventMatcher } from '../../store/encoding/event-matcher.js';
import { msFromDuration, msFromTimestamp } from '../timestamps.js';
import { type TokenCodec, type TokenPlace, createTokenCodec } from '../tokens.js';
import { checkTopicName } from '../topics/topic-name.js';
import { checkOffset } from '../validation/numbers.js';
import { checkLength } from '../validation/text.js';
import { checkDuration, checkTimestamp } from '../validation/times.js';
import { type Violations, createViolations } from '../validation/violations.js';
import { checkFilter, compileFilter } from './compile-filter.js';

const MAX_LAST = 100_000;
const MAX_CURSOR_NAME = 128;
const HEARTBEAT = { min: 1n, max: 60n };

/** Where to begin, checked; see leat.v1.Start. */
export type StartPosition =
  | { readonly kind: 'first' }
  | { readonly kind: 'after'; readonly offset: number }
  | { readonly kind: 'token'; readonly place: TokenPlace; readonly field: string }
  | { readonly kind: 'time'; readonly timeMs: number }
  | { readonly kind: 'last'; readonly count: number }
  | { readonly kind: 'cursor'; readonly cursor: string };

/** A ListEventsRequest, checked. */
export interface ListQuery {
  readonly topic: string;
  /** Resume tokens of the topic. */
  readonly tokens: TokenCodec;
  readonly start: StartPosition;
  readonly matcher: EventMatcher | undefined;
  readonly follow: boolean;
  /** The last offset to deliver; undefined: no end. */
  readonly last: number | undefined;
  /** Deliver only events that were committed before this time; undefined: no end. */
  readonly beforeMs: number | undefined;
  readonly limit: number | undefined;
  readonly heartbeatMs: number;
}

/** Errors: `invalid` with all violations (reason TOKEN_MISMATCH for another topic's token), `precondition` EPOCH_CHANGED. */
export function readListEvents(request: ListEventsRequest, epoch: string, defaultHeartbeatMs: number): ListQuery {
  const violations = createViolations();
  const { topic, follow, end, heartbeatInterval } = request;
  checkTopicName(violations, 'topic', topic);
  const filter = request.filter ?? EventFilter.fromPartial({});
  checkFilter(violations, 'filter', filter);
  const limit = checkOffset(violations, 'limit', request.limit);
  if (heartbeatInterval) checkDuration(violations, 'heartbeat_interval', heartbeatInterval, HEARTBEAT);
  if (end?.$case === 'beforeTime') checkTimestamp(violations, 'before_time', end.value);
  const before = end?.$case === 'beforeOffset' ? checkOffset(violations, 'before_offset', end.value, 1n) : undefined;
  const tokens = createTokenCodec({ epoch, kind: 'events', subject: topic });
  const start = readStart(violations, 'start', request.start, tokens);
  violations.throwIfAny();
  return {
    topic,
    tokens,
    start,
    matcher: compileFilter(filter),
    follow,
    last: before === undefined ? undefined : before - 1,
    beforeMs: end?.$case === 'beforeTime' ? msFromTimestamp(end.value) : undefined,
    limit: limit > 0 ? limit : undefined,
    heartbeatMs: heartbeatInterval ? msFromDuration(heartbeatInterval) : defaultHeartbeatMs,
  };
}

function readToken(violations: Violations, field: string, token: string, tokens: TokenCodec): StartPosition {
  const place = tokens.decode(violations, field, token) ?? { offset: 0, key: '' };
  return place.commitTimeMs === undefined ? { kind: 'after', offset: place.offset } : { kind: 'token', place, field };
}

/** Checks where to begin. Throws `precondition` EPOCH_CHANGED. */
export function readStart(
  violations: Violations,
  path: string,
  start: Start | undefined,
  tokens: TokenCodec,
): StartPosition {
  const position = start?.position;
  switch (position?.$case) {
    case undefined:
      return { kind: 'first' };
    case 'afterOffset':
      return { kind: 'after', offset: checkOffset(violations, `${path}.after_offset`, position.value) };
    case 'fromTime':
      checkTimestamp(violations, `${path}.from_time`, position.value);
      return { kind: 'time', timeMs: msFromTimestamp(position.value) };
    case 'resumeToken':
      return readToken(violations, `${path}.resume_token`, position.value, tokens);
    case 'last':
      if (position.value > MAX_LAST) violations.add(`${path}.last`, `must be at most ${MAX_LAST}`);
      return { kind: 'last', count: checkOffset(violations, `${path}.last`, position.value) };
    case 'cursor':
      checkLength(violations, `${path}.cursor`, position.value, 1, MAX_CURSOR_NAME);
      return { kind: 'cursor', cursor: position.value };
  }
}
