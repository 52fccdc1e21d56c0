import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc';
import type { ProducerPosition } from '../../../gen/leat/v1/event_service.js';
import { persevere, type PerseveranceOptions } from '../attempts.js';
import type { EventClient } from '../event-client.js';
import { clientReasons, LeatError } from '../leat-error.js';
import { refuseEmptyOption } from '../refuse-empty-option.js';
import type { EventBatch } from './event-batch.js';
import type { PublishOptions } from './publish-options.js';

/** Which sequence number each event of the source has. */
export interface Numbering {
  readonly producerId: string | undefined;
  /** So many events of the source are durable and need not be sent. */
  readonly skip: bigint;
  positionOf(batch: EventBatch): ProducerPosition | undefined;
  /** Goes on as a fresh producer from this batch on. False if the name is the caller's own. */
  restart(from: EventBatch): boolean;
}

/** As the options say: by ids, as a fresh producer, or as a named one, which the service is asked for. */
export async function openNumbering(
  events: EventClient,
  topic: string,
  { by, producerId, firstSequence = 1n }: PublishOptions,
  settings: PerseveranceOptions,
): Promise<Numbering> {
  refuseEmptyOption('producerId', producerId);
  if (by === 'id') return { producerId: undefined, skip: 0n, positionOf: () => undefined, restart: () => false };
  if (producerId === undefined) return numberFrom(randomUUID(), 1n, 0n, true);
  const last = await persevere(() => lastSequence(events, topic, producerId, settings.signal), settings);
  if (firstSequence === 'next') return numberFrom(producerId, last + 1n, 0n, false);
  const first = BigInt(firstSequence);
  const durable = last - first + 1n;
  // The last one that is durable is sent again: the service compares it, and refuses another source.
  return numberFrom(producerId, first, durable > 1n ? durable - 1n : 0n, false);
}

function numberFrom(id: string, first: bigint, skip: bigint, mayRestart: boolean): Numbering {
  let producerId = id;
  let base = first;
  // A random name is of no use to any later run.
  const transient = mayRestart ? { transient: true } : {};
  return {
    get producerId() {
      return producerId;
    },
    skip,
    positionOf: ({ before }) => ({ producerId, firstSequence: base + before, ...transient }),
    restart({ before }) {
      if (!mayRestart) return false;
      producerId = randomUUID();
      base = 1n - before;
      return true;
    },
  };
}

async function lastSequence(events: EventClient, topic: string, producerId: string, signal: AbortSignal) {
  try {
    return (await events.getProducer({ topic, producerId }, { signal })).lastSequence;
  } catch (error) {
    if (error instanceof LeatError && error.code === Status.NOT_FOUND) return 0n;
    throw error;
  }
}

/** The events behind the first `skip`. Throws SOURCE_TOO_SHORT if there are none: the last durable one is missing. */
export async function* skipEvents<T>(source: AsyncIterable<T> | Iterable<T>, skip: bigint): AsyncGenerator<T> {
  let seen = 0n;
  for await (const event of source) if (seen++ >= skip) yield event;
  if (seen > skip) return;
  throw new LeatError(
    `the source has ${seen} events, but more than that are durable: it is not the one that this producer began with`,
    { code: Status.FAILED_PRECONDITION, reason: clientReasons.sourceTooShort },
  );
}
