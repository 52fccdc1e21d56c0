import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { createYjsProvider, type YjsOptions, type YjsProvider } from '../../../src/client/yjs/index.js';
import { createLeatClient, type LeatClient } from '../../../src/client/index.js';
import { startCuttingProxy } from '../../support/cutting-proxy.js';
import { startLeat, type LeatServer } from '../../support/leat-server.js';
import { readLog } from '../../support/read-log.js';
import { createResourceStack, type ResourceStack } from '../../support/resource-stack.js';
import { eventually, soon } from '../../support/soon.js';

let server: LeatServer;
let resources: ResourceStack;
let names = 0;

beforeAll(async () => void (server = await startLeat({ 'chat-grace-period': '1s' })));
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => void (resources = createResourceStack()));
afterEach(async () => {
  await resources.dispose();
  await soon('all calls to end', server.idle());
});

const freshRoom = () => `doc-${++names}`;
const text = ({ doc }: Pick<YjsProvider, 'doc'>) => doc.getText('t');

function open(room: string, { port = server.grpcPort, ...options }: Partial<YjsOptions> & { port?: number } = {}) {
  const client = resources.use(createLeatClient({ address: `127.0.0.1:${port}` }));
  const provider = createYjsProvider({ client, room, doc: new Y.Doc(), batchMs: 1, ...options });
  return resources.use(provider);
}

async function openSynced(room: string, options: Parameters<typeof open>[1] = {}) {
  const provider = open(room, options);
  await soon('the document to be synced', provider.synced);
  return provider;
}

const same = (what: string, ...providers: readonly YjsProvider[]) =>
  eventually(what, () => new Set(providers.map((provider) => text(provider).toJSON())).size === 1);

const saved = (...providers: readonly YjsProvider[]) =>
  soon('everything to be durable', Promise.all(providers.map((provider) => provider.saved())));

/** A client for which something happens before and after each step of a search for a snapshot. */
function racing(client: LeatClient, race: () => Promise<void>): LeatClient {
  const getTopic: LeatClient['events']['getTopic'] = async (...args) => {
    await race();
    return client.events.getTopic(...args);
  };
  const follow: LeatClient['follow'] = (...args) => {
    const following = client.follow(...args);
    const next: typeof following.next = async () => {
      await race();
      return following.next();
    };
    return Object.assign(Object.create(following) as typeof following, {
      next,
      [Symbol.asyncIterator]: () => ({ next }),
    });
  };
  return { ...client, follow, events: { ...client.events, getTopic } };
}

const typesIn = async (room: string, after = 0) =>
  (await readLog(server.store, `rooms/${room}`, after)).map(({ event }) => event?.type);

describe('documents of one room', () => {
  it('become the same, whoever changes what, and are there for those who come later', async () => {
    const room = freshRoom();
    const [ann, bob] = [await openSynced(room), await openSynced(room)];
    text(ann).insert(0, 'hello ');
    text(bob).insert(0, 'world ');
    await saved(ann, bob);
    await eventually('both', () => text(ann).length === 12 && text(bob).length === 12);
    await same('ann and bob', ann, bob);
    const late = await openSynced(room);
    expect(text(late).toJSON()).toBe(text(ann).toJSON());
    expect(late.snapshot()).toEqual({ state: 'synced', isSaved: true });
  });

  it('take what a document had before, once, and nothing if the room has it', async () => {
    const room = freshRoom();
    const doc = new Y.Doc();
    doc.getText('t').insert(0, 'from before');
    const first = await openSynced(room, { doc });
    await saved(first);
    await soon('the end of the first', first.destroy());
    const { length } = await typesIn(room);
    expect(length).toBe(1);
    await saved(await openSynced(room, { doc }));
    const other = await openSynced(room);
    expect(text(other).toJSON()).toBe('from before');
    expect(await typesIn(room)).toHaveLength(length);
  });

  it('send many changes as few messages, and large ones in pieces', async () => {
    const room = freshRoom();
    const [ann, bob] = [await openSynced(room, { batchMs: 20 }), await openSynced(room)];
    for (let index = 0; index < 1_000; index++) text(ann).insert(0, 'x');
    await saved(ann);
    const { length } = await typesIn(room);
    expect(length).toBeLessThan(50);
    const large = Array.from({ length: 30_000 }, (_none, index) => `${index} `).join('');
    const [carl] = [await openSynced(room, { maxMessageBytes: 10_000 })];
    text(carl).insert(0, large);
    await saved(carl);
    await same('all of it', carl, bob, ann);
    expect((await typesIn(room)).length).toBeGreaterThan(length + 10);
  });

  it('keep what was changed while the connection was lost', async () => {
    const room = freshRoom();
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const [ann, bob] = [await openSynced(room, { port: proxy.port }), await openSynced(room)];
    proxy.cutNow();
    await eventually('the cut', () => ann.snapshot().state === 'offline');
    text(ann).insert(0, 'offline ');
    text(bob).insert(0, 'online ');
    await same('both', ann, bob);
    await saved(ann, bob);
    await eventually('both', () => text(bob).length === 15);
  });
});

describe('compaction', () => {
  it('leaves a snapshot with which those begin who come later, and loses nothing of concurrent editors', async () => {
    const room = freshRoom();
    const [ann, bob] = [await openSynced(room), await openSynced(room)];
    text(ann).insert(0, 'one ');
    await saved(ann);
    await same('one', ann, bob);
    // In the same moment.
    text(bob).insert(0, 'two ');
    await soon('the snapshot', Promise.all([ann.compact(), bob.saved()]));
    text(ann).insert(0, 'three ');
    await saved(ann);
    await same('three', ann, bob);
    const { firstOffset = 0 } = (await server.store.topic(`rooms/${room}`)) ?? {};
    expect(firstOffset).toBeGreaterThan(1);
    expect(await typesIn(room, firstOffset - 1)).toContain('yjs.snapshot');
    const late = await openSynced(room);
    expect(text(late).toJSON()).toBe(text(ann).toJSON());
    expect(text(late).toJSON()).toHaveLength('one two three '.length);
  });

  it('happens by itself, and not by all at once', async () => {
    const room = freshRoom();
    const all = await Promise.all([1, 2, 3].map(() => openSynced(room, { compactAfter: 10 })));
    for (let index = 0; index < 25; index++) {
      text(all[0] ?? (await openSynced(room))).insert(0, `${index} `);
      await saved(...all);
    }
    const isTrimmed = async () => ((await server.store.topic(`rooms/${room}`))?.firstOffset ?? 1) > 1;
    await eventually('a snapshot, and a trim', isTrimmed);
    await same('all', ...all);
    expect(text(await openSynced(room)).toJSON()).toBe(text(all[0] ?? { doc: new Y.Doc() }).toJSON());
  });

  it('may be under way more than once, and overtake a reader', async () => {
    const room = freshRoom();
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const [ann, bob] = [await openSynced(room), await openSynced(room, { port: proxy.port })];
    text(ann).insert(0, 'a');
    await same('a', ann, bob);
    proxy.freezeNow();
    proxy.cutNow();
    text(bob).insert(0, 'offline');
    for (const each of ['b', 'c', 'd']) {
      text(ann).insert(0, each);
      await saved(ann);
      await soon('compaction', Promise.all([ann.compact(), ann.compact()]));
    }
    await eventually('bob to have both', () => text(bob).length === 11);
    await saved(bob);
    await same('all', ann, bob);
    expect(text(await openSynced(room)).toJSON()).toBe(text(ann).toJSON());
  });

  it('does not mislead a reader that looks for the newest snapshot meanwhile', async () => {
    const room = freshRoom();
    const ann = await openSynced(room);
    let races = 0;
    async function race(): Promise<void> {
      if (races++ > 3) return;
      text(ann).insert(0, `${races} `);
      await saved(ann);
      await soon('compaction', ann.compact());
    }
    await race();
    const client = resources.use(createLeatClient({ address: `127.0.0.1:${server.grpcPort}` }));
    const problems: unknown[] = [];
    const onProblem = ({ reason }: { reason?: string }) => void problems.push(reason);
    const bob = await openSynced(room, { client: racing(client, race), onProblem });
    expect([races > 3, problems]).toEqual([true, []]);
    await same('all of it', ann, bob);
  });

  it('cannot hurt where somebody else has trimmed: whoever has the document tells the room', async () => {
    const room = freshRoom();
    const problems: unknown[] = [];
    const ann = await openSynced(room);
    text(ann).insert(0, 'still here');
    await saved(ann);
    await soon('the end of ann', ann.destroy());
    await server.events.trimTopic({ topic: `rooms/${room}`, beforeOffset: 2n });
    const onProblem = ({ reason }: { reason?: string }) => void problems.push(reason);
    const bob = await openSynced(room, { onProblem });
    expect([text(bob).toJSON(), problems]).toEqual(['', ['DOCUMENT_INCOMPLETE']]);
    await openSynced(room, { doc: ann.doc });
    await eventually('the document', () => text(bob).toJSON() === 'still here');
  });
});

describe('awareness', () => {
  it('tells who is there and where, and is gone with them', async () => {
    const room = freshRoom();
    const people = ['ann', 'bob'].map((name) => {
      const awareness = new Awareness(new Y.Doc());
      resources.use({ [Symbol.asyncDispose]: async () => awareness.destroy() });
      awareness.setLocalState({ name });
      return { awareness, provider: open(room, { doc: awareness.doc, awareness }) };
    });
    const [ann, bob] = people;
    if (ann === undefined || bob === undefined) throw new Error('there are two');
    const namesFor = ({ awareness }: typeof ann) =>
      [...awareness.getStates().values()].map(({ name }) => name as string).sort();
    await eventually('both to be seen', () => people.every((each) => namesFor(each).join() === 'ann,bob'));
    bob.awareness.setLocalState({ name: 'bobby' });
    await eventually('the change', () => namesFor(ann).join() === 'ann,bobby');
    await bob.provider.destroy();
    await eventually('bob to be gone', () => namesFor(ann).join() === 'ann');
    expect(namesFor(bob)).toEqual(['bobby']);
    // Who comes back sees the others at once, and not with their next sign of life, up to 15 seconds later.
    const again = open(room, { doc: bob.awareness.doc, awareness: bob.awareness });
    await eventually('ann to be seen again', () => namesFor(bob).join() === 'ann,bobby', 10_000);
    await again.destroy();
  });
});

describe('the end', () => {
  it('comes when it is asked for, and what was changed before is durable', async () => {
    const room = freshRoom();
    const ann = await openSynced(room, { batchMs: 60_000 });
    text(ann).insert(0, 'x');
    await soon('the end', ann.destroy());
    expect(await typesIn(room)).toEqual(['yjs.update']);
    expect(ann.snapshot().state).toBe('ended');
    await expect(ann.saved()).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
  });

  it('is an AbortError at an abort, also before it is synced', async () => {
    const stop = new AbortController();
    const provider = open(freshRoom(), { signal: stop.signal });
    stop.abort();
    await expect(soon('the end', provider.synced)).rejects.toMatchObject({ name: 'AbortError' });
    await expect(soon('the end', provider.ended)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
