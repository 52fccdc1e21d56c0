import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { Store } from '../../src/store/store.js';
import { refusalOf, until } from './conditions.js';
import { append, appendOf, contents, runOf, text, texts } from './events.js';
import { ownStore, sharedStore } from './opened.js';
import type { OpenStore } from './opened.js';

export function lifecycleSuite(open: OpenStore): void {
  describe('onWake', () => {
    const subject = sharedStore(open);

    /** Counts the calls for a topic. */
    function listen(store: Store, topic: string) {
      const listener = { calls: 0, stop: () => undefined as void };
      listener.stop = store.onWake(topic, () => (listener.calls += 1));
      return listener;
    }

    it('calls back after a commit, when a read already sees it', async () => {
      const topic = subject.fresh();
      const seen = new Promise<number>((resolve) => {
        const stop = subject.store.onWake(topic, () => {
          void subject.store.readPage(topic, 0).then(({ count }) => {
            if (count === 0) return;
            stop();
            resolve(count);
          });
        });
      });
      await append(subject.store, topic, texts(2));
      expect(await seen).toBe(2);
    });

    it('calls every listener of the topic, each as often as it is registered', async () => {
      const topic = subject.fresh();
      const [one, two] = [listen(subject.store, topic), listen(subject.store, topic)];
      await append(subject.store, topic, texts(1));
      await until(() => one.calls > 0 && two.calls > 0);
      one.stop();
      two.stop();
    });

    it('is silent after it was ended, however often', async () => {
      const topic = subject.fresh();
      const [ended, sentinel] = [listen(subject.store, topic), listen(subject.store, topic)];
      ended.stop();
      ended.stop();
      await append(subject.store, topic, texts(1));
      await until(() => sentinel.calls > 0);
      await turn();
      expect(ended.calls).toBe(0);
      sentinel.stop();
    });

    it('lets a callback end its own and another registration', async () => {
      const topic = subject.fresh();
      const other = listen(subject.store, topic);
      let calls = 0;
      const stop = subject.store.onWake(topic, () => {
        calls += 1;
        stop();
        other.stop();
      });
      await append(subject.store, topic, texts(1));
      await until(() => calls > 0);
      const sentinel = listen(subject.store, topic);
      await append(subject.store, topic, texts(1));
      await until(() => sentinel.calls > 0);
      await turn();
      expect(calls).toBe(1);
      sentinel.stop();
    });

    it('tells of announced events as well', async () => {
      const topic = subject.fresh();
      const listener = listen(subject.store, topic);
      const event = runOf(text('put'));
      const bytes = Buffer.from('x');
      await subject.store.write([
        {
          kind: 'put-user',
          userId: 'u',
          record: bytes,
          createDigest: bytes,
          expectedRevision: 0,
          topic,
          author: '',
          event,
        },
      ]);
      await until(() => listener.calls > 0);
      listener.stop();
    });
  });

  describe('close', () => {
    const subject = ownStore(open);

    it('waits for writes that were accepted', async () => {
      const topic = subject.fresh();
      const writes = texts(30).map((event) => append(subject.store, topic, [event]));
      await subject.store.close();
      const outcomes = await Promise.all(writes);
      expect(outcomes.map(({ lastOffset }) => lastOffset)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
      expect(await contents(await subject.reopen(), topic)).toHaveLength(30);
    });

    it('is harmless when repeated, one after the other or at once', async () => {
      await append(subject.store, subject.fresh(), texts(1));
      await Promise.all([subject.store.close(), subject.store.close()]);
      await subject.store.close();
    });

    it('refuses reads and writes from then on', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(1));
      await subject.store.close();
      const closed = 'unavailable STORE_CLOSED';
      expect((await refusalOf(append(subject.store, topic, texts(1)))).is).toBe(closed);
      expect((await refusalOf(subject.store.readPage(topic, 0))).is).toBe(closed);
      expect((await refusalOf(subject.store.topic(topic))).is).toBe(closed);
      expect((await refusalOf(subject.store.user('u'))).is).toBe(closed);
    });
  });

  describe('a store that is opened again', () => {
    const subject = ownStore(open);

    it('has everything that was committed, and goes on there', async () => {
      const topic = subject.fresh();
      const bytes = Buffer.from('x');
      const producer = { producerId: 'p', firstSequence: 1 };
      await append(subject.store, topic, texts(300));
      await append(subject.store, topic, [text('301', { id: 'x' })]);
      await append(subject.store, topic, [text('302')], { producer });
      await subject.store.write([
        { kind: 'set-retention', topic, maxEvents: 1_000_000 },
        { kind: 'commit-cursor', topic, cursor: 'c', offset: 7, rewind: false },
        { kind: 'trim-topic', topic, firstOffset: 5 },
        {
          kind: 'put-user',
          userId: 'u',
          emailKey: 'u@x',
          record: bytes,
          createDigest: bytes,
          expectedRevision: 0,
          topic: 'sys/users',
          author: '',
          event: runOf(text('put')),
        },
      ]);
      const gone = subject.fresh();
      await append(subject.store, gone, texts(3));
      await subject.store.write([{ kind: 'delete-topic', topic: gone }]);
      const before = await everything(subject.store, topic);
      expect(before.contents).toHaveLength(298);
      await subject.store.close();

      const store = await subject.reopen();
      expect(store.epoch).toBe(subject.store.epoch);
      expect(await everything(store, topic)).toEqual(before);
      expect(await store.topic(gone)).toBeUndefined();
      expect((await append(store, topic, [text('301', { id: 'x' })])).existing[0]?.offset).toBe(301);
      expect((await append(store, topic, [text('302')], { producer })).duplicates).toBe(1);
      expect((await refusalOf(append(store, topic, [text('x')], { producer }))).is).toBe('exists SEQUENCE_REUSED');
      expect((await append(store, topic, [text('303')])).firstOffset).toBe(303);
      expect((await append(store, gone, [text('4')])).firstOffset).toBe(4);
    });

    it('has an epoch that no other store has', async () => {
      const other = await open();
      try {
        expect(subject.store.epoch).toMatch(/.{8,}/);
        expect(other.store.epoch).not.toBe(subject.store.epoch);
      } finally {
        await other.dispose();
      }
    });

    it('can be opened again and again, with and without writes in between', async () => {
      const topic = subject.fresh();
      let { store } = subject;
      for (let i = 1; i <= 4; i += 1) {
        if (i % 2 === 1) await store.write([appendOf(topic, texts(1))]);
        await store.close();
        store = await subject.reopen();
      }
      expect(await contents(store, topic)).toHaveLength(2);
    });
  });
}

async function everything(store: Store, topic: string) {
  return {
    topic: await store.topic(topic),
    contents: await contents(store, topic, 4),
    cursors: await store.listCursors(topic),
    producer: await store.producer(topic, 'p'),
    user: await store.user('u'),
    byEmail: await store.userByEmail('u@x'),
    users: await store.listUsers({ after: '', limit: 10 }),
    log: await contents(store, 'sys/users'),
  };
}
