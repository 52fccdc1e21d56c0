import { PublishProgress, TopicPublished } from '../../gen/leat/v1/event_service.js';
import { isDomainError } from '../domain/errors.js';
import type { PublishTotals } from '../domain/events/publish-stream.js';

/** A detail travels in a trailer, and one of 8 KiB and more is refused by clients in some languages. */
const MAX_PROGRESS_BYTES = 2 * 1024;
/** Of committed_messages and topics_omitted. */
const FIXED_BYTES = 16;
/** Tag and length of an entry. */
const ENTRY_HEAD_BYTES = 3;

/** The error, or what made the service end the call, with how far the stream came. */
export function withProgress(error: unknown, signal: AbortSignal, totals: PublishTotals): unknown {
  const told = isDomainError(error) ? error : (signal.reason as Error | undefined)?.cause;
  if (!isDomainError(told)) return error;
  return told.withDetail('leat.v1.PublishProgress', encodeProgress(totals));
}

/** What became of each topic, in the order in which they were first written to. */
export function toPublished(totals: PublishTotals): TopicPublished[] {
  return [...totals.topics].map(([topic, { accepted, firstOffset, lastOffset }]) => ({
    topic,
    accepted: BigInt(accepted),
    firstOffset: BigInt(firstOffset),
    lastOffset: BigInt(lastOffset),
  }));
}

function encodeProgress(totals: PublishTotals): Uint8Array {
  const all = toPublished(totals);
  let bytes = FIXED_BYTES;
  const cut = all.findIndex((entry) => (bytes += sizeOf(entry)) >= MAX_PROGRESS_BYTES);
  const topics = cut < 0 ? all : all.slice(0, cut);
  const committedMessages = BigInt(totals.committed);
  return PublishProgress.encode({ committedMessages, topics, topicsOmitted: cut >= 0 }).finish();
}

function sizeOf(entry: TopicPublished): number {
  return ENTRY_HEAD_BYTES + TopicPublished.encode(entry).finish().length;
}
