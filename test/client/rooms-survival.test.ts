import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLeatClient, type Delivery, type JoinedRoom, type Rooms } from '../../src/client/index.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { soon } from '../support/soon.js';
import { makeTempDir } from '../support/temp-dir.js';
import { below, startUnstableServer, SURVIVAL_ROUNDS, type UnstableServer } from '../support/unstable-server.js';

/** Those who wait for long are not there when it is hard. */
const backoff = { maxMs: 300 };
const ROOMS = ['red', 'blue'] as const;
const USERS = ['ann', 'bob', 'carl'] as const;

let resources: ResourceStack;
let server: UnstableServer;

beforeAll(async () => {
  resources = createResourceStack();
  const dir = resources.use(await makeTempDir());
  const flags = { 'data-dir': dir.path, 'drain-timeout': '2s' };
  const maxBytes = { toClient: 60_000, toServer: 30_000 };
  server = resources.use(await startUnstableServer({ flags, maxPauseMs: 400, maxBytes }));
});
afterAll(() => resources.dispose());

/** Says numbers until it is enough, in bursts, and tells what became of each. */
async function talk(rooms: Rooms, room: JoinedRoom, isEnough: () => boolean): Promise<Delivery[]> {
  const sends: Promise<Delivery>[] = [];
  // Some come after all the trouble, if there was none of them before.
  for (let number = 1; number <= 100 || !isEnough(); number++) {
    await rooms.ready();
    sends.push(room.send(`${number}:`.padEnd((number * 7919) % 600, 'x')));
    if (number % 20 === 0) await delay(below(20));
  }
  return Promise.all(sends);
}

interface Line {
  readonly offset: bigint;
  readonly author: string;
  readonly text: unknown;
}

interface Listener {
  readonly lines: Line[];
  /** Resolves when it has everything up to the offset. */
  upTo(offset: bigint): Promise<void>;
}

function listen(room: JoinedRoom): Listener {
  const lines: Line[] = [];
  let wake = () => undefined as void;
  void (async () => {
    for await (const { offset, author, event } of room.messages) {
      lines.push({ offset, author, text: event.payload?.value });
      wake();
    }
  })();
  return {
    lines,
    async upTo(offset) {
      while ((lines.at(-1)?.offset ?? 0n) < offset) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

/** What is on the log, read in peace, without anything that resumes. */
async function readLog(room: string): Promise<Line[]> {
  const { events } = resources.use(createLeatClient({ address: server.direct }));
  const lines: Line[] = [];
  for await (const { records } of events.listEvents({ topic: `rooms/${room}` })) {
    lines.push(...records.map(({ offset, author, event }) => ({ offset, author, text: event?.payload?.value })));
  }
  return lines;
}

describe('rooms of a service that is killed, restarted, drained and cut', () => {
  it(
    'bring everybody each message once, in one order, and store each once',
    async () => {
      let enough = false;
      let setbacks = 0;
      const people = USERS.map((user) => {
        const client = resources.use(createLeatClient({ address: server.address, user }));
        const onState = ({ state }: { state: string }) => void (state === 'reconnecting' && setbacks++);
        const rooms = client.joinRooms({ backoff, onState });
        const joined = ROOMS.map((name) => rooms.join(name, { start: 'first' }));
        return { rooms, joined, listeners: joined.map(listen) };
      });
      const talking = people.flatMap(({ rooms, joined }) => joined.map((room) => talk(rooms, room, () => enough)));
      await server.injectFaults();
      enough = true;
      const deliveries = await soon('all messages to be durable', Promise.all(talking), 60_000);

      for (const [index, name] of ROOMS.entries()) {
        const log = await readLog(name);
        expect(log.map(({ offset }) => offset)).toEqual(log.map((_line, at) => BigInt(at + 1)));
        for (const { listeners } of people) {
          const listener = listeners[index];
          await soon('the last message', listener?.upTo(BigInt(log.length)) ?? Promise.reject(new Error()), 60_000);
          expect(listener?.lines).toEqual(log);
        }
        for (const [who, user] of USERS.entries()) {
          const own = log.filter(({ author }) => author === user);
          expect(own.map(({ text }) => parseInt(String(text)))).toEqual(own.map((_line, at) => at + 1));
          // Each was told where it is.
          expect(deliveries[who * ROOMS.length + index]?.map(({ offset }) => offset)).toEqual(
            own.map(({ offset }) => offset),
          );
        }
      }
      expect(setbacks).toBeGreaterThan(2);
      expect(server.drains.every((code) => code === 0)).toBe(true);
    },
    120_000 + SURVIVAL_ROUNDS * 20_000,
  );
});
