import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as Y from 'yjs';
import { createLeatClient } from '../../../src/client/index.js';
import { createYjsProvider, type YjsOptions, type YjsProvider } from '../../../src/client/yjs/index.js';
import { startLeat, type LeatServer } from '../../support/leat-server.js';
import { readLog } from '../../support/read-log.js';
import { createResourceStack, type ResourceStack } from '../../support/resource-stack.js';
import { eventually, soon } from '../../support/soon.js';
import { makeTempDir } from '../../support/temp-dir.js';

const KIB = 1024;
/** What a message may take beside its payload, at least: the tightest configuration that the service accepts. */
const OVERHEAD = 128 * KIB;

let resources: ResourceStack;
beforeEach(() => void (resources = createResourceStack()));
afterEach(() => resources.dispose());

/** A service that takes events of so many bytes, and hardly anything larger. */
function serve(maxEventSize: number, flags: object = {}, store: object = {}): Promise<LeatServer> {
  return startLeat(
    { 'max-event-size': maxEventSize, 'max-receive-message-size': maxEventSize + OVERHEAD, ...flags },
    store,
  );
}

async function open(port: number, options: Partial<YjsOptions> = {}): Promise<YjsProvider> {
  const client = resources.use(createLeatClient({ address: `127.0.0.1:${port}` }));
  const settings = { client, room: 'doc', doc: new Y.Doc(), batchMs: 1, compactAfter: 0, ...options };
  const provider = resources.use(createYjsProvider(settings));
  await soon('the document to be synced', provider.synced);
  return provider;
}

const text = ({ doc }: YjsProvider) => doc.getText('t');
const saved = (provider: YjsProvider) => soon('everything to be durable', provider.saved());
/** So many characters that nothing can be saved on. */
const noise = (length: number) =>
  randomBytes(Math.ceil(length / 2))
    .toString('hex')
    .slice(0, length);

async function payloads({ store }: LeatServer): Promise<{ type: string; size: number }[]> {
  const { firstOffset = 1 } = (await store.topic('rooms/doc')) ?? {};
  const records = await readLog(store, 'rooms/doc', firstOffset - 1);
  return records.map(({ event }) => ({
    type: event?.type ?? '',
    size: event?.payload?.$case === 'data' ? event.payload.value.length : 0,
  }));
}

describe('a document with the default options', () => {
  const limits = [1 * KIB, 1 * KIB + 1, 10_007, 128 * KIB - 1, 128 * KIB, 256 * KIB, 768 * KIB];

  it.each(limits)(
    'is written, compacted and read where an event may have %i bytes',
    async (limit) => {
      const server = resources.use(await serve(limit));
      const ann = await open(server.grpcPort);
      text(ann).insert(0, noise(300 * KIB));
      await saved(ann);
      const bob = await open(server.grpcPort);
      expect(text(bob).toJSON()).toBe(text(ann).toJSON());
      for (const length of [1, 900, 140 * KIB]) {
        text(bob).insert(0, noise(length));
        await saved(bob);
      }
      await eventually('all of it', () => text(ann).length === text(bob).length);
      await soon('the snapshot', ann.compact());
      const left = await payloads(server);
      // Of no update a piece was left that holds the place.
      expect(new Set(left.map(({ type }) => type))).toEqual(new Set(['yjs.snapshot']));
      for (const { size } of left) expect(size).toBeLessThanOrEqual(limit);
      const late = await open(server.grpcPort);
      expect(text(late).toJSON()).toBe(text(ann).toJSON());
      expect([ann, bob, late].map((provider) => provider.snapshot().state)).toEqual(['synced', 'synced', 'synced']);
    },
    60_000,
  );

  it('is written to the end when the limit becomes smaller in the middle of an update', async () => {
    const { path: dataDir } = resources.use(await makeTempDir());
    const first = await serve(256 * KIB, {}, { dataDir });
    const listen = `127.0.0.1:${first.grpcPort}`;
    const ann = await open(first.grpcPort);
    text(ann).insert(0, noise(200 * KIB));
    await saved(ann);
    await first[Symbol.asyncDispose]();
    await eventually('the end of the service', () => ann.snapshot().state === 'offline');
    // Three pieces that will be refused, and one that is small enough.
    text(ann).insert(0, noise(3 * 128 * KIB + 500));
    const second = resources.use(await serve(2 * KIB, { listen }, { dataDir }));
    await saved(ann);
    const late = await open(second.grpcPort);
    expect(text(late).toJSON()).toBe(text(ann).toJSON());
    await soon('the snapshot', ann.compact());
    expect(new Set((await payloads(second)).map(({ type }) => type))).toEqual(new Set(['yjs.snapshot']));
    expect(text(await open(second.grpcPort)).toJSON()).toBe(text(ann).toJSON());
    await soon('the end of ann', ann.destroy());
  }, 60_000);

  it('keeps sending when an update and a snapshot in flight are refused for the same limit', async () => {
    const server = resources.use(await serve(1 * KIB));
    const client = resources.use(createLeatClient({ address: `127.0.0.1:${server.grpcPort}` }));
    const rooms = client.joinRooms();
    let refusals = 0;
    const join: typeof rooms.join = (...args) => {
      const room = rooms.join(...args);
      const send: typeof room.send = async (message, options) => {
        try {
          return await room.send(message, options);
        } catch (error) {
          // Both were sent with the old limit: neither refusal is reported before both have arrived.
          refusals++;
          await eventually('two refusals', () => refusals >= 2);
          throw error;
        }
      };
      return { ...room, send };
    };
    const ann = await open(server.grpcPort, { rooms: { ...rooms, join } });
    text(ann).insert(0, noise(10 * KIB));
    await soon('the snapshot', ann.compact());
    await saved(ann);
    expect(refusals).toBe(2);
    expect(ann.snapshot().state).toBe('synced');
    const late = await open(server.grpcPort);
    expect(text(late).toJSON()).toBe(text(ann).toJSON());
    await ann.destroy();
    await rooms.close();
  });

  it('fails with MESSAGE_TOO_LARGE, and not for ever, where the service names no limit that helps', async () => {
    const server = resources.use(await serve(1 * KIB));
    const client = resources.use(createLeatClient({ address: `127.0.0.1:${server.grpcPort}` }));
    const rooms = client.joinRooms();
    const doc = new Y.Doc();
    const join: typeof rooms.join = (...args) => {
      const room = rooms.join(...args);
      const send: typeof room.send = async (message, options) => {
        try {
          return await room.send(message, options);
        } catch (error) {
          throw Object.assign(error as Error, { metadata: { limit: '0' } });
        }
      };
      return { ...room, send };
    };
    const provider = createYjsProvider({ client, room: 'doc', doc, rooms: { ...rooms, join } });
    await soon('the document to be synced', provider.synced);
    doc.getText('t').insert(0, noise(10 * KIB));
    const failure = await soon(
      'the end',
      provider.ended.catch((error: unknown) => error),
    );
    expect(failure).toMatchObject({ reason: 'MESSAGE_TOO_LARGE' });
  });
});
