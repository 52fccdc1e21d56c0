import type { PublishEventsResponse, PublishProgress, TopicPublished } from '../../../gen/leat/v1/event_service.js';
import type { EventBatch } from './event-batch.js';
import type { PublishTotals } from './totals.js';

/** Adds up what the service answered for. */
export interface Ledger {
  readonly totals: PublishTotals;
  /** All of these batches are durable. */
  answered(batches: readonly EventBatch[], answer: PublishEventsResponse | PublishProgress): void;
}

/** `skipped` events of the source were durable before. */
export function createLedger(skipped: bigint, onProgress: ((totals: PublishTotals) => void) | undefined): Ledger {
  let totals: PublishTotals = {
    events: skipped,
    accepted: 0n,
    duplicates: skipped,
    bytes: 0,
    firstOffset: 0n,
    lastOffset: 0n,
  };
  return {
    get totals() {
      return totals;
    },
    answered(batches, { topics }) {
      const last = batches.at(-1);
      if (last === undefined) return;
      const events = last.before + BigInt(last.count);
      const accepted = topics.reduce((sum, topic) => sum + topic.accepted, 0n);
      totals = {
        events,
        accepted: totals.accepted + accepted,
        duplicates: totals.duplicates + (events - totals.events) - accepted,
        bytes: batches.reduce((sum, { run }) => sum + run.length, totals.bytes),
        ...offsets(totals, topics),
      };
      onProgress?.(totals);
    },
  };
}

function offsets(known: PublishTotals, topics: readonly TopicPublished[]) {
  const appended = topics.filter(({ accepted }) => accepted > 0n);
  return {
    firstOffset: known.firstOffset || (appended[0]?.firstOffset ?? 0n),
    lastOffset: appended.at(-1)?.lastOffset ?? known.lastOffset,
  };
}
