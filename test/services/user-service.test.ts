import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Client, Metadata, Status } from 'nice-grpc';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import { User, UserServiceDefinition } from '../../gen/leat/v1/user_service.js';
import { ensureSystemTopics } from '../../src/domain/topics/system-topics.js';
import { served } from '../../src/server/served-service.js';
import { createEventService, eventCodecs } from '../../src/services/event-service.js';
import { createUserService } from '../../src/services/user-service.js';
import type { Store } from '../../src/store/store.js';
import { failureOf } from '../support/failure.js';
import { readJsonEvent, readLog } from '../support/read-log.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { openTemporaryStore } from '../support/temporary-store.js';
import { startTestServer } from '../support/test-server.js';
import { appendEvents } from '../support/topic-events.js';

type UserInput = Parameters<typeof User.fromPartial>[0];

let resources: ResourceStack;
let store: Store;
let users: Client<UserServiceDefinition>;
let topics: Client<EventServiceDefinition>;
let now: number;

/** A server of its own on the store, as another replica would be. */
async function startReplica(store: Store) {
  const events = createEventService({ store, limits: { maxPayloadBytes: 1024 }, heartbeatMs: 15_000 });
  return resources.use(
    await startTestServer([
      served(UserServiceDefinition, createUserService({ store, now: () => now })),
      served(EventServiceDefinition, events, eventCodecs),
    ]),
  );
}

async function startUsersReplica(): Promise<Client<UserServiceDefinition>> {
  return (await startReplica(store)).client(UserServiceDefinition);
}

beforeEach(async () => {
  resources = createResourceStack();
  ({ store } = resources.use(await openTemporaryStore()));
  now = Date.UTC(2026, 0, 1);
  const server = await startReplica(store);
  users = server.client(UserServiceDefinition);
  topics = server.client(EventServiceDefinition);
});

afterEach(() => resources.dispose());

async function create(user: UserInput): Promise<User> {
  const response = await users.createUser({ user });
  return response.user ?? User.create();
}

async function get(userId: string): Promise<User | undefined> {
  return (await users.getUser({ key: { $case: 'userId', value: userId } })).user;
}

/** What ListEvents brings after an offset. */
async function follow(afterOffset: bigint) {
  const found = [];
  const start = { position: { $case: 'afterOffset', value: afterOffset } } as const;
  for await (const { records } of topics.listEvents({ topic: 'sys/users', start })) found.push(...records);
  return found.map(readJsonEvent);
}

async function events(after = 0) {
  return (await readLog(store, 'sys/users', after)).map(readJsonEvent);
}

const attributes = (pairs: Record<string, string>) => new Map(Object.entries(pairs));
const ada = { userId: 'ada', name: 'Ada', email: 'Ada@example.org', attributes: attributes({ team: 'x' }) };
const at = (ms: number) => ({ seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1e6 });

/** The reason each call failed with; 'OK' if it did not. */
function outcomes(calls: readonly Promise<unknown>[]): Promise<string[]> {
  return Promise.all(
    calls.map((call) =>
      call.then(
        () => 'OK',
        async () => (await failureOf(call)).reason,
      ),
    ),
  );
}

function count(found: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const each of found) counts[each] = (counts[each] ?? 0) + 1;
  return counts;
}

describe('CreateUser', () => {
  it('stores the user and tells of it in the log, whose offset is the etag', async () => {
    const user = await create({ ...ada, etag: '99', createTime: at(5), updateTime: at(5) });
    expect(user).toEqual({ ...ada, createTime: at(now), updateTime: at(now), etag: '1' });
    expect(await get('ada')).toEqual(user);
    const time = new Date(now).toISOString();
    const data = { ...ada, attributes: { team: 'x' }, createTime: time, updateTime: time };
    expect(await events()).toEqual([{ offset: 1, author: '', type: 'user.created', subject: 'ada', data }]);
  });

  it('writes the caller down as the author', async () => {
    await users.createUser({ user: ada }, { metadata: Metadata({ 'leat-user': 'admin' }) });
    expect(await events()).toMatchObject([{ author: 'admin' }]);
  });

  it('makes a UUIDv7 if the client chose no id', async () => {
    const made = await Promise.all([create({ name: 'A' }), create({ name: 'A' })]);
    for (const { userId } of made)
      expect(userId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(made[0].userId).not.toBe(made[1].userId);
  });

  it('repeated answers with the user as it is now', async () => {
    const first = await users.createUser({ user: ada });
    const again = await users.createUser({ user: ada });
    expect([first.duplicate, again.duplicate]).toEqual([false, true]);
    expect(again.user).toEqual(first.user);
    const { user } = await users.updateUser({ user: { userId: 'ada', name: 'Countess' } });
    expect(await users.createUser({ user: ada })).toEqual({ user, duplicate: true });
    expect(await events()).toHaveLength(2);
  });

  it('with other content under a known id is ID_REUSED', async () => {
    await create(ada);
    for (const change of [{ name: 'B' }, { email: 'ada@example.org' }, { attributes: attributes({ team: 'y' }) }]) {
      const failure = await failureOf(users.createUser({ user: { ...ada, ...change } }));
      expect(failure).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'ID_REUSED', resource: 'ada' });
    }
    expect(await events()).toHaveLength(1);
  });

  it('with an email that another user has, in any case and composition, is EMAIL_TAKEN', async () => {
    await create({ userId: 'a', name: 'A', email: 'Zo\u00eb@x' });
    for (const email of ['Zo\u00eb@x', 'ZO\u00cb@X', 'zoe\u0308@x']) {
      const failure = await failureOf(users.createUser({ user: { userId: 'b', name: 'B', email } }));
      expect(failure).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'EMAIL_TAKEN', resource: email });
    }
    expect(await events()).toHaveLength(1);
  });

  it('lets any number of users have no email', async () => {
    await Promise.all([create({ name: 'A' }), create({ name: 'B' })]);
    expect(await events()).toHaveLength(2);
  });

  it('is refused with everything that is wrong, and the log stays as it was', async () => {
    const user = { userId: '-', name: '', email: 'x', attributes: attributes({ A: '' }) };
    expect(await failureOf(users.createUser({ user }))).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'INVALID_FIELD',
      fields: ['user.user_id', 'user.name', 'user.email', 'user.attributes["A"]'],
    });
    const many = attributes(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`K${i}`, 'v'.repeat(1025)])));
    const failure = await failureOf(users.createUser({ user: { name: 'A', attributes: many } }));
    expect(failure.fields.at(-1)).toBe('...');
    expect(failure.fields.slice(0, 3)).toEqual(['user.attributes', 'user.attributes["K0"]', 'user.attributes["K0"]']);
    expect(await events()).toEqual([]);
  });

  it('called 50 times at once, on two servers, makes one user and one event', async () => {
    const other = await startUsersReplica();
    const calls = Array.from({ length: 50 }, (_, i) => (i % 2 ? users : other).createUser({ user: ada }));
    const answers = await Promise.all(calls);
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(new Set(answers.map(({ user }) => user?.etag))).toEqual(new Set(['1']));
    expect(await events()).toHaveLength(1);
  });

  it('called 50 times at once for one email lets exactly one have it', async () => {
    const other = await startUsersReplica();
    const emails = Array.from({ length: 50 }, (_, i) => (i % 3 ? 'one@x' : 'ONE@x'));
    const calls = emails.map((email, i) =>
      (i % 2 ? users : other).createUser({ user: { userId: `u${i}`, name: 'U', email } }),
    );
    expect(count(await outcomes(calls))).toEqual({ OK: 1, EMAIL_TAKEN: 49 });
    expect(await events()).toHaveLength(1);
  });
});

describe('GetUser', () => {
  it('finds a user by id, and by email in any case', async () => {
    const user = await create(ada);
    expect((await users.getUser({ key: { $case: 'email', value: 'aDA@EXAMPLE.org' } })).user).toEqual(user);
  });

  it('of somebody who is not there is USER_NOT_FOUND, naming who', async () => {
    await create(ada);
    for (const key of [{ $case: 'userId', value: 'Ada' } as const, { $case: 'email', value: 'bob@x' } as const]) {
      const failure = await failureOf(users.getUser({ key }));
      expect(failure).toMatchObject({ code: Status.NOT_FOUND, reason: 'USER_NOT_FOUND', resource: key.value });
    }
  });

  it('without a key is INVALID_ARGUMENT', async () => {
    expect(await failureOf(users.getUser({}))).toMatchObject({ code: Status.INVALID_ARGUMENT, fields: ['key'] });
  });
});

describe('UpdateUser', () => {
  it('changes what the mask names, moves the etag, and tells of it', async () => {
    const before = await create(ada);
    now += 1500;
    const user = { userId: 'ada', name: 'Countess', email: 'new@x', attributes: attributes({ role: 'admin' }) };
    const updated = await users.updateUser({ user, updateMask: ['name', 'attributes.role', 'attributes.team'] });
    const after = {
      ...before,
      name: 'Countess',
      attributes: attributes({ role: 'admin' }),
      updateTime: at(now),
      etag: '2',
    };
    expect(updated.user).toEqual(after);
    expect(await get('ada')).toEqual(after);
    const [event] = await events(1);
    expect(event).toMatchObject({
      type: 'user.updated',
      subject: 'ada',
      data: { name: 'Countess', attributes: { role: 'admin' } },
    });
    expect(event?.data).not.toHaveProperty('etag');
  });

  it('that changes nothing answers with the user as it was, and is no event', async () => {
    const user = await create(ada);
    now += 1000;
    const same = [{ userId: 'ada' }, ada, { ...ada, etag: user.etag }];
    for (const input of same) expect((await users.updateUser({ user: input })).user).toEqual(user);
    const removal = { user: { userId: 'ada' }, updateMask: ['attributes.nothing'] };
    expect((await users.updateUser(removal)).user).toEqual(user);
    expect(await events()).toHaveLength(1);
  });

  it('takes an email away or writes it anew, and frees the one before', async () => {
    await create(ada);
    await users.updateUser({ user: { userId: 'ada', email: 'ADA@example.org' } });
    expect((await get('ada'))?.email).toBe('ADA@example.org');
    await users.updateUser({ user: { userId: 'ada' }, updateMask: ['email'] });
    expect((await get('ada'))?.email).toBe('');
    expect(await create({ userId: 'bob', name: 'Bob', email: ada.email })).toMatchObject({ userId: 'bob' });
    const failure = await failureOf(users.updateUser({ user: { userId: 'ada', email: ada.email } }));
    expect(failure).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'EMAIL_TAKEN', resource: ada.email });
  });

  it('never lets update_time go back, whatever the clock does', async () => {
    const before = await create(ada);
    now -= 60_000;
    const { user } = await users.updateUser({ user: { userId: 'ada', name: 'B' } });
    expect([user?.createTime, user?.updateTime]).toEqual([before.createTime, before.updateTime]);
  });

  it('with an etag that is not the current one is ETAG_MISMATCH and names the current one', async () => {
    await create(ada);
    const { user } = await users.updateUser({ user: { userId: 'ada', name: 'B', etag: '1' } });
    expect(user?.etag).toBe('2');
    for (const etag of ['1', '3', '02', 'x', '-2']) {
      const failure = await failureOf(users.updateUser({ user: { userId: 'ada', name: 'C', etag } }));
      expect(failure).toMatchObject({ code: Status.ABORTED, reason: 'ETAG_MISMATCH', metadata: { etag: '2' } });
    }
    expect(await events()).toHaveLength(2);
  });

  it('of somebody who is not there is USER_NOT_FOUND, with an etag too', async () => {
    for (const etag of [undefined, '1']) {
      const failure = await failureOf(users.updateUser({ user: { userId: 'nobody', name: 'A', etag } }));
      expect(failure).toMatchObject({ code: Status.NOT_FOUND, reason: 'USER_NOT_FOUND', resource: 'nobody' });
    }
  });

  it('is refused for paths it does not know and values that are wrong, all at once', async () => {
    await create(ada);
    const call = users.updateUser({
      user: { userId: 'ada' },
      updateMask: ['name', 'userId', 'attributes.A', 'create_time'],
    });
    const fields = ['update_mask.paths[1]', 'update_mask.paths[2]', 'update_mask.paths[3]', 'user.name'];
    expect(await failureOf(call)).toMatchObject({ code: Status.INVALID_ARGUMENT, fields });
    expect(await failureOf(users.updateUser({}))).toMatchObject({ fields: ['user.user_id'] });
  });

  it('called 50 times at once without an etag, on two servers, applies every change', async () => {
    const other = await startUsersReplica();
    await create({ userId: 'ada', name: 'Ada' });
    const keys = Array.from({ length: 50 }, (_, i) => `k${i % 25}`);
    const update = (key: string, i: number) =>
      (i % 2 ? users : other).updateUser({
        user: { userId: 'ada', attributes: attributes({ [key]: `${i}` }) },
        updateMask: [`attributes.${key}`],
      });
    await Promise.all(keys.map(update));
    expect([...((await get('ada'))?.attributes.keys() ?? [])].sort()).toEqual([...new Set(keys)].sort());
    expect(await events(1)).toHaveLength(50);
  });

  it('called 50 times at once with one etag lets exactly one through', async () => {
    const { etag } = await create(ada);
    const calls = Array.from({ length: 50 }, (_, i) =>
      users.updateUser({ user: { userId: 'ada', name: `N${i}`, etag } }),
    );
    expect(count(await outcomes(calls))).toEqual({ OK: 1, ETAG_MISMATCH: 49 });
    expect(await events(1)).toHaveLength(1);
  });
});

describe('emails', () => {
  it('wanted by 20 users at once, on two servers, belong to one, and to the next when that one lets go', async () => {
    const other = await startUsersReplica();
    const ids = Array.from({ length: 20 }, (_, i) => `u${i}`);
    await Promise.all(ids.map((userId) => create({ userId, name: 'U' })));
    const take = (userId: string, i: number) =>
      (i % 2 ? users : other).updateUser({ user: { userId, email: 'one@x' } });
    expect(count(await outcomes(ids.map(take)))).toEqual({ OK: 1, EMAIL_TAKEN: 19 });

    const { user: owner } = await users.getUser({ key: { $case: 'email', value: 'ONE@X' } });
    await users.updateUser({ user: { userId: owner?.userId }, updateMask: ['email'] });
    const rest = ids.filter((userId) => userId !== owner?.userId);
    expect(count(await outcomes(rest.map(take)))).toEqual({ OK: 1, EMAIL_TAKEN: 18 });
  });
});

describe('DeleteUser', () => {
  it('removes the user, tells only the id, and frees id and email', async () => {
    await create(ada);
    expect(await users.deleteUser({ userId: 'ada' })).toEqual({ offset: 2n });
    expect(await failureOf(users.getUser({ key: { $case: 'userId', value: 'ada' } }))).toMatchObject({
      reason: 'USER_NOT_FOUND',
    });
    const deleted = { offset: 2, author: '', type: 'user.deleted', subject: 'ada', data: { userId: 'ada' } };
    expect(await events(1)).toEqual([deleted]);
    expect(await users.createUser({ user: { ...ada, name: 'Another' } })).toMatchObject({
      duplicate: false,
      user: { etag: '3' },
    });
  });

  it('of somebody who is not there is USER_NOT_FOUND, or 0 if that is allowed', async () => {
    const failure = await failureOf(users.deleteUser({ userId: 'ada', etag: '1' }));
    expect(failure).toMatchObject({ code: Status.NOT_FOUND, reason: 'USER_NOT_FOUND', resource: 'ada' });
    expect(await users.deleteUser({ userId: 'ada', etag: '1', allowMissing: true })).toEqual({ offset: 0n });
    expect(await failureOf(users.deleteUser({}))).toMatchObject({ fields: ['user_id'] });
    expect(await events()).toEqual([]);
  });

  it('with an etag that is not the current one is ETAG_MISMATCH and removes nobody', async () => {
    await create(ada);
    await users.updateUser({ user: { userId: 'ada', name: 'B' } });
    const failure = await failureOf(users.deleteUser({ userId: 'ada', etag: '1', allowMissing: true }));
    expect(failure).toMatchObject({ code: Status.ABORTED, reason: 'ETAG_MISMATCH', metadata: { etag: '2' } });
    expect(await users.deleteUser({ userId: 'ada', etag: '2' })).toEqual({ offset: 3n });
  });

  it('called 20 times at once, on two servers, removes the user once', async () => {
    const other = await startUsersReplica();
    await create(ada);
    const remove = (_: unknown, i: number) => (i % 2 ? users : other).deleteUser({ userId: 'ada', allowMissing: true });
    const offsets = (await Promise.all(Array.from({ length: 20 }, remove))).map(({ offset }) => offset);
    expect(offsets.filter((offset) => offset === 2n)).toHaveLength(1);
    expect(offsets.filter((offset) => offset === 0n)).toHaveLength(19);
    expect(await events()).toHaveLength(2);
  });
});

/** All pages of a list. */
async function listAll(pageSize: number, between: () => Promise<unknown> = async () => undefined) {
  const pages = [];
  for (let pageToken = ''; ;) {
    const page = await users.listUsers({ pageSize, pageToken });
    pages.push(page);
    pageToken = page.nextPageToken;
    if (pageToken === '') return pages;
    await between();
  }
}

describe('ListUsers', () => {
  it('lists users in the order of their ids, a page at a time, the last without a token', async () => {
    const ids = ['B', 'a', 'a.b', 'a0', 'Z', '0'];
    await Promise.all(ids.map((userId) => create({ userId, name: userId })));
    for (const size of [1, 2, 3, 5, 6, 7, 2 ** 31 - 1]) {
      const pages = await listAll(size);
      expect(pages.map((page) => page.users.length)).toEqual(
        Array.from({ length: Math.ceil(6 / size) }, (_, i) => Math.min(size, 6 - i * size)),
      );
      expect(pages.flatMap((page) => page.users.map(({ userId }) => userId))).toEqual([
        '0',
        'B',
        'Z',
        'a',
        'a.b',
        'a0',
      ]);
    }
  });

  it('of nobody is one empty page', async () => {
    const resumeToken = expect.any(String) as unknown as string;
    expect(await users.listUsers({})).toEqual({ users: [], nextPageToken: '', readOffset: 0n, resumeToken });
  });

  it('takes 100 a page by default, 1,000 at most', async () => {
    await Promise.all(Array.from({ length: 1001 }, (_, i) => create({ userId: `u${i}`, name: 'U' })));
    const sizes = await Promise.all([0, 1000, 5000].map((pageSize) => users.listUsers({ pageSize })));
    expect(sizes.map((page) => page.users.length)).toEqual([100, 1000, 1000]);
  });

  it('ends a page early rather than send more than a client takes', async () => {
    const big = attributes(Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`k${i}`, 'v'.repeat(1024)])));
    await Promise.all(
      Array.from({ length: 150 }, (_, i) => create({ userId: `u${1000 + i}`, name: 'U', attributes: big })),
    );
    const pages = await listAll(1000);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.flatMap((page) => page.users)).toHaveLength(150);
    const sizes = pages.map((page) => page.users.reduce((sum, user) => sum + User.encode(user).finish().length, 0));
    for (const size of sizes) expect(size).toBeLessThan(1.1 * 2 ** 20);
  });

  it('repeats on every page the offset from which a tail brings the rest, without a gap', async () => {
    const change = async (i: number) => {
      const userId = `u${i % 12}`;
      await users.createUser({ user: { userId, name: 'U' } }).catch(() => undefined);
      await users.updateUser({ user: { userId, name: `N${i}` } }).catch(() => undefined);
      if (i % 5 === 0) await users.deleteUser({ userId, allowMissing: true });
    };
    await Promise.all(Array.from({ length: 12 }, (_, i) => change(i)));
    let running: Promise<unknown>[] = [];
    let changes = 12;
    const pages = await listAll(2, async () => {
      running = [...running, ...Array.from({ length: 6 }, () => change(changes++))];
      await running.at(-6);
    });
    await Promise.all(running);

    expect(new Set(pages.map((page) => page.readOffset)).size).toBe(1);
    const known = new Map(pages.flatMap((page) => page.users).map((user) => [user.userId, user]));
    for (const { offset, type, data, subject = '' } of await follow(pages[0]?.readOffset ?? -1n)) {
      if (offset <= Number(known.get(subject)?.etag ?? 0)) continue;
      if (type === 'user.deleted') known.delete(subject);
      else known.set(subject, { ...User.fromJSON(data), etag: `${offset}` });
    }
    const current = (await listAll(1000)).flatMap((page) => page.users);
    const byId = [...known.values()].sort((a, b) => (a.userId < b.userId ? -1 : 1));
    expect(byId).toEqual(current);
  });

  it('leaves no gap either when users are created between any two of its reads', async () => {
    let made = 0;
    const writer = users;
    const createNext = () => writer.createUser({ user: { userId: `u${100 - ++made}`, name: 'U' } });
    const busy: Store = {
      ...store,
      topic: (name) => store.topic(name).finally(createNext),
      listUsers: (query) => store.listUsers(query).finally(createNext),
    };
    await createNext();
    users = (await startReplica(busy)).client(UserServiceDefinition);
    const pages = await listAll(1);
    const listed = pages.flatMap((page) => page.users.map(({ userId }) => userId));
    const followed = (await follow(pages[0]?.readOffset ?? -1n)).map(({ subject }) => subject);
    expect(made).toBeGreaterThanOrEqual(3);
    expect(new Set([...listed, ...followed]).size).toBe(made);
  });

  it('refuses page sizes and tokens that cannot be, all at once', async () => {
    const failure = await failureOf(users.listUsers({ pageSize: -1, pageToken: 'no' }));
    expect(failure).toMatchObject({ code: Status.INVALID_ARGUMENT, fields: ['page_size', 'page_token'] });
  });

  it('refuses a token from before the store was restored', async () => {
    await Promise.all([create({ name: 'A' }), create({ name: 'B' })]);
    const { nextPageToken: pageToken } = await users.listUsers({ pageSize: 1 });
    ({ store } = resources.use(await openTemporaryStore()));
    const restored = await startUsersReplica();
    const failure = await failureOf(restored.listUsers({ pageToken }));
    expect(failure).toMatchObject({ code: Status.FAILED_PRECONDITION, reason: 'EPOCH_CHANGED' });
  });
});

describe('the users topic', () => {
  it('keeps its events for a time from the first start, and for as long as the operator chose after that', async () => {
    await ensureSystemTopics(store, { maxAgeMs: 1_000_000 });
    expect((await store.topic('sys/users'))?.retention).toEqual({ maxAgeMs: 1_000_000 });
    await store.write([{ kind: 'set-retention', topic: 'sys/users', maxAgeMs: null }]);
    await ensureSystemTopics(store, { maxAgeMs: 1_000_000 });
    expect((await store.topic('sys/users'))?.retention).toEqual({});
  });

  it('that was written to already is left as it is', async () => {
    await appendEvents(store, 'sys/users', 1);
    await ensureSystemTopics(store, { maxAgeMs: 1_000_000 });
    expect((await store.topic('sys/users'))?.retention).toEqual({});
  });
});
