import type { Event } from '../../gen/leat/v1/event.js';
import type { DeepPartial } from '../../gen/leat/v1/event_service.js';
import { LeatError, Status, clientReasons, type LeatClient } from '../client/index.js';
import type { BatchSource } from './batch-source.js';
import { CliError, exitCodes } from './cli-error.js';
import { createConnectionNotices } from './connection-notices.js';
import { createLineMap, type LineMap } from './line-map.js';
import type { PublishTotals } from './publish-batches.js';

export interface ProducerRun {
  readonly topic: string;
  readonly producerId: string;
  /** The command that publishes the same source under another producer name. */
  readonly command: (...more: readonly string[]) => string;
  readonly source: BatchSource;
  /** What the user sees; kept up to date. */
  readonly totals: PublishTotals;
  /** Ends it: what was sent is waited for, unless the service is away. */
  readonly stop: AbortSignal;
  /** Called before the source is read: the producer has so many events already. */
  readonly onKnown: (events: bigint) => void;
  readonly notice: (line: string) => void;
}

/** Tries in a row over a lost connection. */
const MAX_ATTEMPTS = 10;

/**
 * Publishes all that the source has as one producer's events, each once, over lost connections and earlier runs.
 * Throws what the service refuses, with `totals` up to date; returns early when `stop` aborts.
 */
export async function publishAsProducer(client: LeatClient, run: ProducerRun): Promise<void> {
  const { topic, producerId, source, totals, stop, notice } = run;
  const known = await findProducer(client, topic, producerId, stop);
  run.onKnown(known);
  const cut = new AbortController();
  const trouble = trackTrouble(stop, cut);
  const connection = createConnectionNotices(notice, 'sending again');
  const lines = createLineMap();
  const read = { events: 0 };
  const note = (durable: Durable) => addDurable(totals, durable, lines);
  try {
    const result = await client.publish(topic, eventsOf(source, read, lines, totals), {
      producerId,
      maxAttempts: MAX_ATTEMPTS,
      signal: cut.signal,
      onProgress(durable) {
        trouble.passed();
        connection.back();
        note(durable);
      },
      onSetback(setback) {
        trouble.came();
        connection.lost(setback);
      },
    });
    note(result);
  } catch (error) {
    if (error instanceof LeatError && error.published !== undefined) note(error.published);
    totals.unknownLines = Math.max(0, lines.lineOf(read.events) - totals.durableLines);
    if (stop.aborted && isCutShort(error)) return;
    if (isForeignSource(error) && totals.accepted === 0n) forgetLines(totals);
    throw explainRefusal(error, run);
  } finally {
    trouble.forget();
  }
}

/** How many events the producer has; also tells at once that there is no server. */
async function findProducer(client: LeatClient, topic: string, producerId: string, signal: AbortSignal) {
  try {
    return (await client.events.getProducer({ topic, producerId }, { signal })).lastSequence;
  } catch (error) {
    if (error instanceof LeatError && error.code === Status.NOT_FOUND) return 0n;
    throw error;
  }
}

/** A stop waits for answers; but while the service is away, none will come. */
function trackTrouble(stop: AbortSignal, cut: AbortController) {
  let troubled = false;
  const onStop = () => {
    if (troubled) cut.abort();
  };
  stop.addEventListener('abort', onStop);
  return {
    came() {
      troubled = true;
      if (stop.aborted) cut.abort();
    },
    passed: () => void (troubled = false),
    forget: () => stop.removeEventListener('abort', onStop),
  };
}

async function* eventsOf(
  source: BatchSource,
  read: { events: number },
  lines: LineMap,
  totals: PublishTotals,
): AsyncGenerator<DeepPartial<Event>> {
  const never = new AbortController().signal;
  for (let batch = await source.take(never); batch !== undefined; batch = await source.take(never)) {
    totals.firstLine ??= batch.firstLine;
    lines.add(batch.firstLine, batch.events.length);
    for (const event of batch.events) {
      read.events += 1;
      yield event;
    }
  }
}

type Durable = Pick<PublishTotals, 'accepted' | 'duplicates' | 'firstOffset' | 'lastOffset'> & {
  readonly events: bigint;
};

function addDurable(totals: PublishTotals, durable: Durable, lines: LineMap): void {
  const { events, accepted, duplicates, firstOffset, lastOffset } = durable;
  const count = Number(events);
  Object.assign(totals, { durableLines: lines.lineOf(count), accepted, duplicates, firstOffset, lastOffset });
  totals.failedLine = lines.lineOf(count + 1);
  lines.forgetBefore(count);
}

/** What a publish fails with because it was stopped: aborted, or in the middle of the lines to pass over. */
function isCutShort(error: unknown): boolean {
  if (error instanceof LeatError) return error.reason === clientReasons.sourceTooShort;
  return error instanceof Error && error.name === 'AbortError';
}

/** The source is not the one that the producer began with, so the events that it has are not lines of this one. */
function isForeignSource(error: unknown): error is LeatError {
  if (!(error instanceof LeatError)) return false;
  return error.reason === clientReasons.sourceTooShort || error.reason === 'SEQUENCE_REUSED';
}

function forgetLines(totals: PublishTotals): void {
  Object.assign(totals, { durableLines: 0, unknownLines: 0, duplicates: 0n, failedLine: undefined });
}

function explainRefusal(error: unknown, { topic, producerId, command }: ProducerRun): unknown {
  if (!isForeignSource(error)) return error;
  return new CliError(
    `this is not what producer ${producerId} has published to ${topic} before: ${error.message}`,
    error.reason === 'SEQUENCE_REUSED' ? exitCodes.conflict : exitCodes.failed,
    [
      'give the same file, with new lines at its end only; or take another --producer for another source:',
      `for a new or rotated file: ${command()}`,
      `for this one, from its line N on: ${command('--from-line', 'N')}`,
    ],
    { cause: error },
  );
}
