import { describe, expect, it } from '@jest/globals';
import type { PutUser, RemoveUser } from '../../src/store/store.js';
import { refusalOf } from './conditions.js';
import { appendOf, contents, runOf, text } from './events.js';
import { ownStore } from './opened.js';
import type { OpenStore } from './opened.js';

const topic = 'sys/users';

function put(userId: string, fields: Partial<PutUser> = {}): PutUser {
  return {
    kind: 'put-user',
    userId,
    record: Buffer.from(`record of ${userId}`),
    createDigest: Buffer.from(`digest of ${userId}`),
    expectedRevision: 0,
    topic,
    author: 'ada',
    event: runOf(text(`put ${userId}`)),
    ...fields,
  };
}

function remove(userId: string, expectedRevision: number): RemoveUser {
  return {
    kind: 'remove-user',
    userId,
    expectedRevision,
    topic,
    author: 'ada',
    event: runOf(text(`remove ${userId}`)),
  };
}

export function usersSuite(open: OpenStore): void {
  describe('users', () => {
    const subject = ownStore(open);
    const log = () => contents(subject.store, topic);

    it('are put with the event that tells of it, whose offset is their revision', async () => {
      await subject.store.write([appendOf(topic, [text('before')])]);
      const [result] = await subject.store.write([put('ada', { emailKey: 'ada@x' })]);
      expect(result).toEqual({ revision: 2 });
      const user = await subject.store.user('ada');
      expect(user).toMatchObject({ userId: 'ada', revision: 2 });
      expect(Buffer.from(user?.record ?? []).toString()).toBe('record of ada');
      expect(Buffer.from(user?.createDigest ?? []).toString()).toBe('digest of ada');
      expect(await subject.store.userByEmail('ada@x')).toEqual(user);
      expect(await log()).toEqual(['1 before', '2 put ada']);
    });

    it('are not there before they are put', async () => {
      expect(await subject.store.user('nobody')).toBeUndefined();
      expect(await subject.store.userByEmail('nobody@x')).toBeUndefined();
    });

    it('are replaced and removed at the revision that is expected only', async () => {
      await subject.store.write([put('ada')]);
      for (const change of [put('ada'), put('ada', { expectedRevision: 7 }), remove('ada', 7), remove('ada', 0)]) {
        const refused = await refusalOf(subject.store.write([change]));
        expect(refused).toMatchObject({ is: 'conflict REVISION_MISMATCH', metadata: { revision: '1' } });
      }
      const [replaced] = await subject.store.write([
        put('ada', { expectedRevision: 1, record: Buffer.from('new'), createDigest: Buffer.from('other') }),
      ]);
      expect(replaced).toEqual({ revision: 2 });
      const user = await subject.store.user('ada');
      expect(Buffer.from(user?.record ?? []).toString()).toBe('new');
      expect(Buffer.from(user?.createDigest ?? []).toString()).toBe('other');
      const [removed] = await subject.store.write([remove('ada', 2)]);
      expect(removed).toEqual({ revision: 3 });
      expect(await subject.store.user('ada')).toBeUndefined();
      expect(await log()).toEqual(['1 put ada', '2 put ada', '3 remove ada']);
      const gone = await refusalOf(subject.store.write([put('ada', { expectedRevision: 2 })]));
      expect(gone).toMatchObject({ is: 'conflict REVISION_MISMATCH', metadata: { revision: '0' } });
    });

    it('leave no event if they are refused', async () => {
      await subject.store.write([put('ada', { emailKey: 'ada@x' })]);
      const outcomes = await Promise.allSettled([
        subject.store.write([put('bob', { emailKey: 'ada@x' })]),
        subject.store.write([put('ada')]),
        subject.store.write([put('eve'), put('bob', { emailKey: 'ada@x' })]),
        subject.store.write([remove('ada', 9)]),
        subject.store.write([put('cy')]),
      ]);
      expect(outcomes.map(({ status }) => status[0]).join('')).toBe('rrrrf');
      expect(await subject.store.user('eve')).toBeUndefined();
      expect(await log()).toEqual(['1 put ada', '2 put cy']);
    });

    it('have emails that are unique', async () => {
      await subject.store.write([put('ada', { emailKey: 'ada@x' })]);
      expect((await refusalOf(subject.store.write([put('bob', { emailKey: 'ada@x' })]))).is).toBe('exists EMAIL_TAKEN');
      await subject.store.write([put('bob', { emailKey: 'bob@x' })]);
      const taking = subject.store.write([put('bob', { emailKey: 'ada@x', expectedRevision: 2 })]);
      expect((await refusalOf(taking)).is).toBe('exists EMAIL_TAKEN');
      await subject.store.write([put('ada', { emailKey: 'ada@x', expectedRevision: 1 })]);
      expect((await subject.store.userByEmail('bob@x'))?.userId).toBe('bob');
    });

    it('free their email when they give it up or are removed', async () => {
      await subject.store.write([put('ada', { emailKey: 'one@x' })]);
      await subject.store.write([put('ada', { emailKey: 'two@x', expectedRevision: 1 })]);
      expect(await subject.store.userByEmail('one@x')).toBeUndefined();
      await subject.store.write([put('bob', { emailKey: 'one@x' })]);
      await subject.store.write([put('ada', { emailKey: undefined, expectedRevision: 2 })]);
      expect(await subject.store.userByEmail('two@x')).toBeUndefined();
      await subject.store.write([remove('bob', 3)]);
      await subject.store.write([put('cy', { emailKey: 'one@x' })]);
      expect((await subject.store.userByEmail('one@x'))?.userId).toBe('cy');
    });

    it('pass an email on within one unit, and among writers at the same time', async () => {
      const [ada] = await subject.store.write([put('ada', { emailKey: 'one@x' })]);
      await subject.store.write([remove('ada', ada.revision), put('bob', { emailKey: 'one@x' })]);
      expect((await subject.store.userByEmail('one@x'))?.userId).toBe('bob');
      const bob = await subject.store.user('bob');
      const [, , late] = await Promise.allSettled([
        subject.store.write([put('bob', { emailKey: 'two@x', expectedRevision: bob?.revision ?? 0 })]),
        subject.store.write([put('cy', { emailKey: 'one@x' })]),
        subject.store.write([put('dan', { emailKey: 'one@x' })]),
      ]);
      expect(late.status).toBe('rejected');
      expect((await subject.store.userByEmail('one@x'))?.userId).toBe('cy');
    });

    it('without email are as many as one likes', async () => {
      await subject.store.write([put('a'), put('b'), put('c')]);
      expect((await subject.store.listUsers({ after: '', limit: 10 })).map(({ userId }) => userId)).toEqual([
        'a',
        'b',
        'c',
      ]);
    });

    it('are created once when many try at once', async () => {
      const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => subject.store.write([put('ada')])));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await log()).toEqual(['1 put ada']);
    });

    it('are listed in the order of their ids by bytes, page by page', async () => {
      const ids = ['B', 'a', 'a-b', 'a.b', 'aa', 'b', 'z', 'é', '\uff5e', '😀'];
      for (const id of [...ids].reverse()) await subject.store.write([put(id)]);
      const list = async (after: string, limit: number) =>
        (await subject.store.listUsers({ after, limit })).map(({ userId }) => userId);
      expect(await list('', 100)).toEqual(ids);
      expect(await list('', 4)).toEqual(ids.slice(0, 4));
      expect(await list('a.b', 3)).toEqual(ids.slice(4, 7));
      expect(await list('ab', 100)).toEqual(ids.slice(5));
      expect(await list('😀', 100)).toEqual([]);
      expect((await subject.store.listUsers({ after: '', limit: 1 }))[0]).toEqual(await subject.store.user('B'));
    });
  });
}
