import type { Event } from '../../gen/leat/v1/event.js';
import type { DeepPartial, PublishEventsResponse } from '../../gen/leat/v1/event_service.js';
import { LeatError, type LeatClient } from '../../src/client/index.js';

/** An event whose content follows from its id alone, so that what is stored can be compared with what was sent. */
export function eventOf(id: string, serial: number): DeepPartial<Event> {
  const text = `${id}:`.padEnd((serial * 7919) % 700, 'x');
  return { id, type: `kill.${serial % 3}`, subject: `s/${serial}`, payload: { $case: 'text', value: text } };
}

/** The same without an id, for producers: the subject tells which it is. */
export function anonymous(producer: string, sequence: number): DeepPartial<Event> {
  return { ...eventOf('', sequence), subject: `${producer}/${sequence}` };
}

/** One stream of work that goes on from round to round; `step` does, or repeats, one piece of it. */
export interface Worker {
  /** Topic it writes to. */
  readonly topic: string;
  /** Resolves after the service said that the piece is durable; a piece that failed comes again at the next call. */
  step(client: LeatClient): Promise<void>;
}

/** Events that were acknowledged: topic, then id or subject, then offset (undefined: was not told). */
export type Ledger = Map<string, Map<string, bigint | undefined>>;

function acknowledge(ledger: Ledger, topic: string, key: string, offset?: bigint): void {
  const keys = ledger.get(topic) ?? new Map<string, bigint | undefined>();
  ledger.set(topic, keys.set(key, offset));
}

/** Unary calls with ids. */
export function unaryWorker(ledger: Ledger, name: string): Worker {
  const topic = 'kill/unary';
  let serial = 1;
  return {
    topic,
    async step({ events }) {
      const id = `${name}-${serial}`;
      const { offset } = await events.publishEvent({ topic, event: eventOf(id, serial) });
      acknowledge(ledger, topic, id, offset);
      serial++;
    },
  };
}

/** Conditional appends, alone on their topic: a retry has to answer as the first time would have. */
export function conditionalWorker(ledger: Ledger): Worker {
  const topic = 'kill/conditional';
  let head = 0n;
  return {
    topic,
    async step({ events }) {
      const serial = Number(head) + 1;
      const event = eventOf(`c-${serial}`, serial);
      const { offset } = await events.publishEvent({ topic, event, expectedLastOffset: head });
      if (offset !== head + 1n) throw new Error(`offset ${offset} was given after ${head}`);
      acknowledge(ledger, topic, `c-${serial}`, offset);
      head = offset;
    },
  };
}

const BATCHES = 6;
const BATCH = 7;

/** Streams with ids, each repeated whole until it was acknowledged. */
export function streamWorker(ledger: Ledger, name: string): Worker {
  const topic = 'kill/streams';
  let first = 1;
  const serials = () => Array.from({ length: BATCHES * BATCH }, (_, index) => first + index);
  async function* batches() {
    const all = serials().map((serial) => eventOf(`${name}-${serial}`, serial));
    for (let at = 0; at < all.length; at += BATCH) yield { topic, events: all.slice(at, at + BATCH) };
  }
  return {
    topic,
    async step({ events }) {
      checkCount(await events.publishEvents(batches()));
      for (const serial of serials()) acknowledge(ledger, topic, `${name}-${serial}`);
      first += BATCHES * BATCH;
    },
  };
}

/** Streams by sequence; after a failure it asks how far it came, and sends all that was not acknowledged again. */
export function producerWorker(ledger: Ledger, producerId: string): Worker {
  const topic = 'kill/producers';
  let acknowledged = 0;
  async function* batches() {
    for (let batch = 0; batch < BATCHES; batch++) {
      const first = acknowledged + 1 + batch * BATCH;
      const events = Array.from({ length: BATCH }, (_, index) => anonymous(producerId, first + index));
      yield { topic, events, producer: { producerId, firstSequence: BigInt(first) } };
    }
  }
  return {
    topic,
    async step({ events }) {
      if (acknowledged > 0) {
        const { lastSequence } = await events.getProducer({ topic, producerId });
        if (lastSequence < acknowledged) throw new Error(`${producerId} is at ${lastSequence}, not ${acknowledged}`);
      }
      checkCount(await events.publishEvents(batches()));
      for (let count = 0; count < BATCHES * BATCH; count++) {
        acknowledged++;
        acknowledge(ledger, topic, `${producerId}/${acknowledged}`);
      }
    },
  };
}

function checkCount({ accepted, duplicates }: PublishEventsResponse): void {
  if (accepted + duplicates === BigInt(BATCHES * BATCH)) return;
  throw new Error(`a stream of ${BATCHES * BATCH} was answered with ${accepted} and ${duplicates} duplicates`);
}

/** The users that were acknowledged, with their names; undefined: acknowledged as deleted. */
export type UserLedger = Map<string, string | undefined>;

/** Creates, renames and deletes users; each is harmless to repeat. */
export function userWorker(users: UserLedger, name: string): Worker {
  let serial = 1;
  let stage = 0;
  return {
    topic: 'sys/users',
    async step(client) {
      const userId = `${name}-${serial}`;
      const email = `${userId}@kill.example`;
      if (stage === 0) {
        await client.users.createUser({ user: { userId, name: 'new', email } });
        users.set(userId, 'new');
      } else if (stage === 1) {
        await client.users.updateUser({ user: { userId, name: 'renamed' } });
        users.set(userId, 'renamed');
      } else if (serial % 3 === 0) {
        await client.users.deleteUser({ userId, allowMissing: true });
        users.set(userId, undefined);
      }
      stage = (stage + 1) % 3;
      if (stage === 0) serial++;
    },
  };
}

/** Steps until the service is gone; anything but that is thrown. Calls back before and after each step. */
export async function runUntilGone(worker: Worker, client: LeatClient, onStep: () => void): Promise<void> {
  for (;;) {
    try {
      onStep();
      await worker.step(client);
      onStep();
    } catch (error) {
      if (error instanceof LeatError && error.retryable) return;
      throw error;
    }
  }
}
