import { Timestamp } from '../../../gen/google/protobuf/timestamp.js';
import type { EventFilter, Start } from '../../../gen/leat/v1/event.js';
import type { DeepPartial, ListEventsRequest } from '../../../gen/leat/v1/event_service.js';
import type { FollowFilter, FollowOptions, FollowStart } from './follow-options.js';

/** A start that the service understands; a checkpoint is none, see `Place`. */
export type PlainStart = Exclude<FollowStart, { readonly checkpoint: string }>;

export function toStart(start: PlainStart): Start | undefined {
  if (start === 'first') return undefined;
  if (start === 'now') return { position: { $case: 'last', value: 0n } };
  if ('afterOffset' in start) return { position: { $case: 'afterOffset', value: BigInt(start.afterOffset) } };
  if ('fromTime' in start) return { position: { $case: 'fromTime', value: toTimestamp(start.fromTime) } };
  if ('last' in start) return { position: { $case: 'last', value: BigInt(start.last) } };
  if ('cursor' in start) return { position: { $case: 'cursor', value: start.cursor } };
  return { position: { $case: 'resumeToken', value: start.resumeToken } };
}

export function toEnd(before: FollowOptions['before']): ListEventsRequest['end'] {
  if (before === undefined) return undefined;
  if (before instanceof Date) return { $case: 'beforeTime', value: toTimestamp(before) };
  return { $case: 'beforeOffset', value: BigInt(before) };
}

export function toFilter(filter: FollowFilter | undefined): DeepPartial<EventFilter> | undefined {
  if (filter === undefined) return undefined;
  const { types, subjects, attributes = {} } = filter;
  const pairs = attributes instanceof Map ? attributes : Object.entries(attributes);
  return { types: [...(types ?? [])], subjects: [...(subjects ?? [])], attributes: new Map(pairs) };
}

function toTimestamp(date: Date): Timestamp {
  return Timestamp.fromJSON(date.toISOString());
}
