import type { RoomMessages } from '../../../gen/leat/v1/chat_service.js';
import { Event, type Start } from '../../../gen/leat/v1/event.js';
import { toStart, type PlainStart } from '../follow/follow-request.js';
import type { RoomMessage } from './chat-options.js';
import { createMessageQueue, type QueueTotal } from './message-queue.js';

/** The messages of one room, from the stream to whoever reads them: each once, and only so many at a time. */
export interface Inflow {
  readonly iterable: AsyncIterable<RoomMessage>;
  /** Where to begin, or to go on. */
  start(): Start | undefined;
  /** One is in, at this position. */
  joined(resumeToken: string): void;
  /** A page has come; returns what of it is new. */
  page(page: RoomMessages): readonly RoomMessage[];
  /** True or false if the service has to be told to hold back or to go on; undefined if it knows. */
  nextPause(): boolean | undefined;
  /** The stream is lost: the next one knows of no pause. */
  lost(): void;
  end(error?: unknown): void;
}

/** What may wait here before a room is paused; it goes on when half of it was taken. */
const MAX_BYTES = 64 << 10;

/** What may wait in all rooms of a stream; then each room is paused that has anything waiting. */
const MAX_TOTAL_BYTES = 8 << 20;

/** `onRoom`: somebody has taken messages. */
export function createInflow(start: PlainStart, keep: number, total: QueueTotal, onRoom: () => void): Inflow {
  const queue = createMessageQueue(total, onRoom);
  let isRead = keep === 0;
  let isPaused = false;
  let readOffset = -1n;
  let next = toChatStart(start);

  function isTooMuch(): boolean {
    if (queue.bytes === 0) return false;
    return total.bytes >= MAX_TOTAL_BYTES || queue.bytes >= (isPaused ? MAX_BYTES / 2 : MAX_BYTES);
  }

  return {
    iterable: {
      [Symbol.asyncIterator]() {
        isRead = true;
        return queue.iterable[Symbol.asyncIterator]();
      },
    },
    start: () => next,
    // The service resolved the start: should the stream be lost before the first page, "now" must not be a later now.
    joined: (resumeToken) => void (next = { position: { $case: 'resumeToken', value: resumeToken } }),
    page({ records, readOffset: upTo, resumeToken }) {
      const fresh = records.filter(({ offset }) => offset > readOffset).map(toMessage);
      readOffset = upTo;
      next = { position: { $case: 'resumeToken', value: resumeToken } };
      if (isRead) queue.push(fresh);
      return fresh;
    },
    nextPause() {
      const wanted = isTooMuch();
      if (wanted === isPaused) return undefined;
      isPaused = wanted;
      return wanted;
    },
    lost: () => void (isPaused = false),
    end: (error) => queue.end(error),
  };
}

/** In chat, unlike in ListEvents, no start is what is new, and the first message needs one. */
function toChatStart(start: PlainStart): Start | undefined {
  if (start === 'now' || (typeof start === 'object' && 'last' in start && start.last === 0)) return undefined;
  if (start === 'first') return { position: { $case: 'fromTime', value: { seconds: 0n, nanos: 0 } } };
  return toStart(start);
}

function toMessage({ offset, commitTime, author, event }: RoomMessages['records'][number]): RoomMessage {
  return { offset, commitTime, author, event: event ?? Event.fromPartial({}) };
}
