import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createLeatClient,
  type FollowedEvent,
  type FollowStatus,
  type LeatClient,
  type PublishInput,
  type PublishResult,
} from '../../src/client/index.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { makeTempDir } from '../support/temp-dir.js';
import { below, startUnstableServer, SURVIVAL_ROUNDS, type UnstableServer } from '../support/unstable-server.js';

const TOPIC = 'survival';
/** Those who wait for long are not there when it is hard. */
const backoff = { maxMs: 300 };
const WRITERS = ['named', 'fresh', 'ids'] as const;

type Writer = (typeof WRITERS)[number];

let resources: ResourceStack;
let server: UnstableServer;
let client: LeatClient;

beforeAll(async () => {
  resources = createResourceStack();
  const dir = resources.use(await makeTempDir());
  const flags = { 'data-dir': dir.path, 'drain-timeout': '2s' };
  const maxBytes = { toClient: 150_000, toServer: 50_000 };
  server = resources.use(await startUnstableServer({ flags, maxPauseMs: 400, maxBytes }));
  client = resources.use(createLeatClient({ address: server.address }));
});
afterAll(() => resources.dispose());

/** Events until somebody says that it is enough; each tells its writer and its number. */
async function* source(writer: Writer, isEnough: () => boolean): AsyncGenerator<PublishInput> {
  // Some come after all the trouble, if there was none of them before.
  for (let number = 1; number <= 200 || !isEnough(); number++) {
    const text = `${number}:`.padEnd((number * 7919) % 600, 'x');
    yield { id: `${writer}-${number}`, type: writer, subject: `${number}`, payload: { $case: 'text', value: text } };
    // A burst, then a pause: batches of all sizes.
    if (number % 50 === 0) await delay(below(10));
  }
}

interface Transcript {
  readonly events: FollowedEvent[];
  readonly states: FollowStatus[];
}

/** Follows until it has seen what was published. */
async function follow(total: Promise<bigint>, cursor: string): Promise<Transcript> {
  const transcript: Transcript = { events: [], states: [] };
  const onState = (status: FollowStatus) => transcript.states.push(status);
  const stop = new AbortController();
  let last = 0n;
  let head: bigint | undefined;
  const endIfComplete = () => void (last === head && stop.abort());
  void total.then((offset) => {
    head = offset;
    endIfComplete();
  });
  try {
    const options = { onState, signal: stop.signal, checkpoint: { cursor }, saveIntervalMs: 100, backoff };
    for await (const event of client.follow(TOPIC, options)) {
      transcript.events.push(event);
      last = event.offset;
      endIfComplete();
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  return transcript;
}

/** What is on the log, read in peace, without anything that resumes. */
async function readLog(direct: LeatClient) {
  const records = [];
  for await (const page of direct.events.listEvents({ topic: TOPIC })) records.push(...page.records);
  return records;
}

describe('a service that is killed, restarted, drained and cut', () => {
  it(
    'has each event of follow and publish once, in order, and all of them',
    async () => {
      let enough = false;
      const isEnough = () => enough;
      const publishing = WRITERS.map((writer) =>
        client.publish(TOPIC, source(writer, isEnough), {
          ...(writer === 'named' ? { producerId: 'named' } : {}),
          ...(writer === 'ids' ? { by: 'id' } : {}),
          callBytes: 256 << 10,
          callMs: 200,
          backoff,
        }),
      );
      const results: Promise<PublishResult[]> = Promise.all(publishing);
      const total = results.then((all) => all.reduce((sum, { events }) => sum + events, 0n));
      const following = Promise.all([follow(total, 'one'), follow(total, 'two')]);
      await server.injectFaults();
      enough = true;
      const transcripts = await following;

      const direct = resources.use(createLeatClient({ address: server.direct }));
      const log = await readLog(direct);
      expect(BigInt(log.length)).toBe(await total);
      for (const { events } of transcripts) {
        expect(events.map(({ offset }) => offset)).toEqual(log.map((_record, index) => BigInt(index + 1)));
        expect(events.map(({ event }) => event)).toEqual(log.map(({ event }) => event));
      }
      for (const [index, writer] of WRITERS.entries()) {
        const numbers = log.filter(({ event }) => event?.type === writer).map(({ event }) => Number(event?.subject));
        expect(numbers).toEqual(numbers.map((_number, at) => at + 1));
        expect((await results)[index]?.events).toBe(BigInt(numbers.length));
        expect(numbers.length).toBeGreaterThan(0);
      }
      // It was hard, and drains were orderly.
      expect(transcripts[0]?.states.filter(({ state }) => state === 'reconnecting').length).toBeGreaterThan(2);
      expect(server.drains.every((code) => code === 0)).toBe(true);
      // The last event is done if another one was asked for.
      const { cursors } = await direct.events.getTopic({ topic: TOPIC });
      expect(cursors.map(({ cursor }) => cursor)).toEqual(['one', 'two']);
      for (const { offset } of cursors) expect(Number(offset)).toBeGreaterThanOrEqual(log.length - 1);
    },
    60_000 + SURVIVAL_ROUNDS * 20_000,
  );
});
