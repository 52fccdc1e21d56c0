import { Status } from 'nice-grpc';
import { readCallFailure } from './call-failure.js';
import type {
  DeepPartial,
  EventServiceClient,
  PublishEventsRequest,
  TopicPublished,
} from '../../gen/leat/v1/event_service.js';
import type { Batch } from './batch-lines.js';
import type { BatchSource } from './batch-source.js';

/** What became of the lines so far. */
export interface PublishTotals {
  /** The last line that is durable, with all before it that were to be published; 0: none. */
  durableLines: number;
  /** Lines behind them that were sent, and of which nobody said what became. */
  unknownLines: number;
  /** The first line that was sent. Default: 1. */
  firstLine?: number;
  /** The first line of the batch that failed. Default: the one behind what is durable. */
  failedLine?: number;
  accepted: bigint;
  duplicates: bigint;
  /** 0 if nothing was appended. */
  firstOffset: bigint;
  lastOffset: bigint;
}

export function createTotals(): PublishTotals {
  return { durableLines: 0, unknownLines: 0, accepted: 0n, duplicates: 0n, firstOffset: 0n, lastOffset: 0n };
}

/** When a call half-closes and waits for its answer: what is not answered yet stays below both. */
export interface CallLimits {
  readonly maxBytes: number;
  readonly maxMs: number;
}

export interface PublishRun {
  readonly topic: string;
  readonly source: BatchSource;
  readonly limits: CallLimits;
  /** What the user sees; kept up to date. */
  readonly totals: PublishTotals;
  /** Ends it: what was sent is waited for, unless no server has answered yet. */
  readonly stop: AbortSignal;
}

/**
 * Sends batches to a topic over as many calls of PublishEvents as it takes, one after the other, and keeps the totals
 * up to date with what is durable. Throws the error of the first call that fails; AbortError if `stop` ended it.
 */
export async function publishBatches(events: EventServiceClient, run: PublishRun): Promise<void> {
  while (await run.source.ready()) await publishCall(events, run);
}

async function publishCall(events: EventServiceClient, { topic, source, limits, totals, stop }: PublishRun) {
  const turn = new AbortController();
  const timer = setTimeout(() => turn.abort(), limits.maxMs);
  const reach = trackReach(stop);
  const sent: Batch[] = [];
  async function* requests(): AsyncGenerator<DeepPartial<PublishEventsRequest>> {
    for (let bytes = 0; bytes < limits.maxBytes;) {
      const batch = await source.take(turn.signal);
      if (batch === undefined) return;
      bytes += batch.bytes;
      sent.push(batch);
      totals.firstLine ??= batch.firstLine;
      yield { topic, events: batch.events };
    }
  }
  try {
    const { topics, duplicates } = await events.publishEvents(requests(), reach);
    totals.durableLines += linesOf(sent);
    totals.duplicates += duplicates;
    addTopics(totals, topics);
  } catch (error) {
    addFailure(totals, sent, error);
    throw error;
  } finally {
    clearTimeout(timer);
    turn.abort();
    reach.forget();
  }
}

/** Options of a call that `stop` aborts until a server has answered: one that is there sends its headers at once. */
function trackReach(stop: AbortSignal) {
  const call = new AbortController();
  const abort = () => call.abort();
  const forget = () => stop.removeEventListener('abort', abort);
  stop.addEventListener('abort', abort);
  return { signal: call.signal, onHeader: forget, forget };
}

function addFailure(totals: PublishTotals, sent: readonly Batch[], error: unknown): void {
  const failure = readCallFailure(error);
  if (failure?.progress !== undefined) {
    const committed = Number(failure.progress.committedMessages);
    totals.durableLines += linesOf(sent.slice(0, committed));
    totals.failedLine = sent[committed]?.firstLine;
    addTopics(totals, failure.progress.topics);
  } else if (!(failure?.code === Status.UNAVAILABLE && failure.message.startsWith('No connection established'))) {
    totals.unknownLines = linesOf(sent);
  }
}

function addTopics(totals: PublishTotals, topics: readonly TopicPublished[]): void {
  for (const { accepted, firstOffset, lastOffset } of topics) {
    totals.accepted += accepted;
    if (accepted === 0n) continue;
    if (totals.firstOffset === 0n) totals.firstOffset = firstOffset;
    totals.lastOffset = lastOffset;
  }
}

/** Lines up to the last one of the batches, with those that were passed over. */
function linesOf(batches: readonly Batch[]): number {
  return batches.reduce((total, { events, passedOver }) => total + passedOver + events.length, 0);
}
