import { delay, rethrowAbortError, throwIfAborted } from 'abort-controller-x';
import { Status } from 'nice-grpc';
import { createAttempts } from '../attempts.js';
import type { EventClient } from '../event-client.js';
import { clientReasons, LeatError } from '../leat-error.js';
import { linkSignals } from '../link-signals.js';
import { createBatchSource, type BatchSource } from './batch-source.js';
import type { EventBatch } from './event-batch.js';
import { createLedger, type Ledger } from './ledger.js';
import { openNumbering, skipEvents } from './numbering.js';
import { publishCall, type EncodedPublishClient, type PublishCall } from './publish-call.js';
import type { PublishInput, PublishOptions, PublishResult } from './publish-options.js';

export interface PublishDeps {
  readonly events: EventClient;
  readonly encoded: EncodedPublishClient;
  /** Aborts when the client is closed. */
  readonly closed: AbortSignal;
}

/** See `LeatClient.publish`. */
export async function publish(
  deps: PublishDeps,
  topic: string,
  source: AsyncIterable<PublishInput> | Iterable<PublishInput>,
  options: PublishOptions,
): Promise<PublishResult> {
  const linked = linkSignals(options.signal, deps.closed);
  try {
    return await publishAll(deps, topic, source, options, linked.signal);
  } finally {
    linked.unlink();
  }
}

async function publishAll(
  { events, encoded: client }: PublishDeps,
  topic: string,
  input: AsyncIterable<PublishInput> | Iterable<PublishInput>,
  options: PublishOptions,
  signal: AbortSignal,
): Promise<PublishResult> {
  throwIfAborted(signal);
  const numbering = await openNumbering(events, topic, options, { ...options, signal });
  const ledger = createLedger(numbering.skip, options.onProgress);
  const source = openSource(input, numbering.skip, options);
  const held: EventBatch[] = [];
  const { callBytes = 4 << 20, callMs = 1_000 } = options;
  try {
    await sendAll({ client, topic, numbering, source, held, callBytes, callMs, signal }, ledger, options);
    if (source.failure !== undefined) throw sourceFailed(source.failure.error);
    return { ...ledger.totals, producerId: numbering.producerId };
  } catch (error) {
    rethrowAbortError(error);
    throw LeatError.from(error).withAchieved({ published: ledger.totals });
  } finally {
    await source.close();
  }
}

/** One call after the other, until the source has no more and all of it is durable. */
async function sendAll(call: PublishCall, ledger: Ledger, options: PublishOptions): Promise<void> {
  const { source, held, numbering, signal } = call;
  const attempts = createAttempts(options);
  while (held.length > 0 || (await source.peek(signal)) !== undefined) {
    const sentBefore = held.length > 0;
    try {
      const answer = await publishCall(call);
      ledger.answered(held.splice(0), answer);
      attempts.succeeded();
    } catch (error) {
      rethrowAbortError(error);
      const failure = LeatError.from(error);
      const { progress } = failure;
      if (progress !== undefined) ledger.answered(held.splice(0, Number(progress.committedMessages)), progress);
      const [next] = held;
      // All of its events are trimmed, and it with them. What was never sent is not there under the old name.
      if (failure.reason === 'PRODUCER_UNKNOWN' && !sentBefore && next && numbering.restart(next)) continue;
      const setback = attempts.failed(failure);
      options.onSetback?.(setback);
      await delay(signal, setback.delayMs);
    }
  }
  throwIfAborted(signal);
}

function openSource(
  input: AsyncIterable<PublishInput> | Iterable<PublishInput>,
  skip: bigint,
  { by, batchBytes = 256 << 10, batchEvents = 1_000, batchMs = 10 }: PublishOptions,
): BatchSource {
  const limits = { bytes: batchBytes, events: batchEvents, ms: batchMs, needIds: by === 'id' };
  return createBatchSource(skip > 0n ? skipEvents(input, skip) : input, skip, limits);
}

function sourceFailed(error: unknown): LeatError {
  if (error instanceof LeatError) return error;
  const { message } = LeatError.from(error);
  return new LeatError(`the source of events failed: ${message}`, {
    code: Status.UNKNOWN,
    reason: clientReasons.sourceFailed,
    cause: error,
  });
}
