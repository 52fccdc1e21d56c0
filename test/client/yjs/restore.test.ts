import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as Y from 'yjs';
import { createLeatClient, type LeatClient } from '../../../src/client/index.js';
import { createYjsProvider, type YjsProvider } from '../../../src/client/yjs/index.js';
import { type LeatServer, startLeat } from '../../support/leat-server.js';
import { spawnServer, type ChildServer } from '../../support/child-server.js';
import { createResourceStack, type ResourceStack } from '../../support/resource-stack.js';
import { eventually, soon } from '../../support/soon.js';
import { makeTempDir } from '../../support/temp-dir.js';

let resources: ResourceStack;
beforeEach(() => void (resources = createResourceStack()));
afterEach(() => resources.dispose());

describe('a service that was restored from a backup', () => {
  it('is told by those who have the document what it has lost, and loses nothing that it had', async () => {
    const folder = resources.use(await makeTempDir());
    const [data, backup] = [path.join(folder.path, 'data'), path.join(folder.path, 'backup')];
    let server: ChildServer = spawnServer({ 'data-dir': data });
    resources.use({ [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose]() });
    const { grpcPort } = await server.serving;

    const open = async (doc = new Y.Doc()): Promise<YjsProvider> => {
      const client = resources.use(createLeatClient({ address: `127.0.0.1:${grpcPort}` }));
      const provider = resources.use(createYjsProvider({ client, room: 'doc', doc, batchMs: 1 }));
      await soon('the document to be synced', provider.synced);
      return provider;
    };
    const restart = async (flags: object = {}, meanwhile = async () => undefined as void) => {
      await soon('the end of the service', server.kill('SIGTERM'));
      await meanwhile();
      server = spawnServer({ 'data-dir': data, listen: `127.0.0.1:${grpcPort}`, ...flags });
      await soon('another service', server.serving);
    };
    const words = ({ doc }: YjsProvider) => doc.getArray<string>('words');

    const ann = await open();
    words(ann).push(['kept']);
    await soon('to be durable', ann.saved());
    await restart({}, () => cp(data, backup, { recursive: true }));
    for (const word of ['lost', 'lost too']) {
      words(ann).push([word]);
      await soon('to be durable', ann.saved());
    }
    await restart({ 'new-epoch': true }, async () => {
      await rm(data, { recursive: true });
      await cp(backup, data, { recursive: true });
    });
    words(ann).push(['new']);
    await soon(
      'ann to be synced again',
      eventually('ann to be synced', () => ann.snapshot().state === 'synced'),
    );
    await soon('to be durable', ann.saved());
    const late = await open();
    await eventually('all of it', () => words(late).length === 4);
    expect(words(late).toArray()).toEqual(['kept', 'lost', 'lost too', 'new']);
    await soon('the end of ann', ann.destroy());
  }, 90_000);

  it('is begun anew when it was restored between the search for a snapshot and the entering of the room', async () => {
    const [before, restored] = [resources.use(await startLeat()), resources.use(await startLeat())];
    const connect = ({ grpcPort }: LeatServer) =>
      resources.use(createLeatClient({ address: `127.0.0.1:${grpcPort}`, user: 'ann' }));
    const write = async (client: LeatClient, words: readonly string[]) => {
      const writer = createYjsProvider({ client, room: 'doc', doc: new Y.Doc(), batchMs: 1, compactAfter: 0 });
      await soon('the document to be synced', writer.synced);
      for (const word of words) {
        writer.doc.getArray('words').push([word]);
        await soon('to be durable', writer.saved());
      }
      return writer;
    };
    const [old, now] = [connect(before), connect(restored)];
    const first = await write(old, ['1', '2', '3', '4', '5']);
    await soon('the snapshot', first.compact());
    const second = await write(now, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']);

    // What is found is of the old store, and the room that is entered is of the new one.
    let current = old;
    const rooms = now.joinRooms();
    const join: typeof rooms.join = (...args) => {
      current = now;
      return rooms.join(...args);
    };
    const client: LeatClient = {
      ...now,
      follow: (...args) => current.follow(...args),
      get events() {
        return current.events;
      },
    };
    const doc = new Y.Doc();
    const provider = resources.use(createYjsProvider({ client, room: 'doc', doc, rooms: { ...rooms, join } }));
    await soon('the document to be synced', provider.synced);
    await eventually('all that the new store has', () => doc.getArray('words').length === 15);
    expect(doc.getArray('words').toArray().sort()).toEqual([...'12345abcdefghij']);
    for (const writer of [provider, first, second]) await soon('the end', writer.destroy());
  });
});
