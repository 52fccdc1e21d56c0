import { TailState } from '../../../gen/leat/v1/event.js';
import type { DeepPartial, ListEventsRequest, ListEventsResponse } from '../../../gen/leat/v1/event_service.js';

/** What has been read so far, and the request that goes on from there. */
export interface Position {
  readonly started: boolean;
  /** True once the end that was asked for is reached. */
  readonly finished: boolean;
  moveTo(page: ListEventsResponse): void;
  request(): DeepPartial<ListEventsRequest>;
}

export function createPosition(first: DeepPartial<ListEventsRequest>): Position {
  const limit = BigInt(first.limit ?? 0);
  let delivered = 0n;
  let last: ListEventsResponse | undefined;
  let end = first.end;
  const limitReached = () => limit > 0n && delivered >= limit;
  return {
    get started() {
      return last !== undefined;
    },
    get finished() {
      return last?.state === TailState.TAIL_STATE_COMPLETE || limitReached();
    },
    moveTo(page) {
      // Without follow the end is the head at the first call; a later call would take a later head for it.
      if (last === undefined && !first.follow) end ??= { $case: 'beforeOffset', value: page.headOffset + 1n };
      delivered += BigInt(page.records.length);
      last = page;
    },
    request() {
      if (last === undefined) return first;
      const start = { position: { $case: 'resumeToken', value: last.resumeToken } } as const;
      return { ...first, start, end, limit: limit > 0n ? limit - delivered : 0n };
    },
  };
}
