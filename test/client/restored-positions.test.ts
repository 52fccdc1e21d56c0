import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { createLeatClient, LeatError, type FollowOptions, type LeatClient } from '../../src/client/index.js';
import { runLeat } from '../cli/leat-process.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';

/*
 * A store with 50 events in each topic is backed up, grows to 100, and is restored from the backup without --new-epoch.
 * In "short" nothing is published after that; in "replaced" 50 other events take the offsets 51 to 100, and in "trimmed",
 * too, where the first 40 are trimmed then.
 */
const BACKED_UP = 50;
const TOTAL = 100;
const TRIMMED = 40;
const topics = ['short', 'replaced', 'trimmed', 'rooms/short', 'rooms/replaced'] as const;

let dir: string;
let server: LeatServer;
let client: LeatClient;
/** Of each topic: the checkpoint of each event by its offset, and the resume token after each offset. */
const checkpoints = new Map<string, Map<number, string>>();
const tokens = new Map<string, Map<number, string>>();
let usersToken: string;
let messagesToken: string;
/** What lists and rooms gave to resume from, at their heads. */
let heads: { readonly users: string; readonly history: string; readonly joined: string };

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'leat-restored-'));
  const [dataDir, backup] = [path.join(dir, 'data'), path.join(dir, 'backup')];
  await withServer(dataDir, async (leat) => {
    for (const topic of topics) await publish(leat, topic, BACKED_UP);
    for (let n = 0; n < 5; n++) await leat.users.createUser({ user: { userId: `user-${n}`, name: 'x' } });
  });
  await cp(dataDir, backup, { recursive: true });
  await withServer(dataDir, async (leat) => {
    for (const topic of topics) await publish(leat, topic, TOTAL - BACKED_UP);
    for (const topic of topics) await remember(leat, topic);
    await leat.users.createUser({ user: { userId: 'user-5', name: 'x' } });
    usersToken = (await leat.users.listUsers({ pageSize: 2 })).nextPageToken;
    messagesToken = (await leat.chat.listMessages({ room: 'short', pageSize: 10 })).nextPageToken;
    heads = {
      users: (await leat.users.listUsers({})).resumeToken,
      history: (await leat.chat.listMessages({ room: 'replaced' })).resumeToken,
      joined: await joinedToken(leat, 'replaced'),
    };
  });
  server = await startLeat({}, { dataDir: backup });
  client = createLeatClient({ address: `127.0.0.1:${server.grpcPort}` });
  await publish(client, 'replaced', TOTAL - BACKED_UP);
  await publish(client, 'trimmed', TOTAL - BACKED_UP);
  await client.events.trimTopic({ topic: 'trimmed', beforeOffset: BigInt(TRIMMED + 1) });
  await publish(client, 'rooms/replaced', TOTAL - BACKED_UP);
  await client.users.createUser({ user: { userId: 'user-other', name: 'x' } });
});
afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

async function withServer(dataDir: string, act: (leat: LeatClient) => Promise<void>): Promise<void> {
  const started = await startLeat({}, { dataDir });
  const leat = createLeatClient({ address: `127.0.0.1:${started.grpcPort}` });
  await act(leat);
  await leat.close();
  await started[Symbol.asyncDispose]();
}

async function publish(leat: LeatClient, topic: string, count: number): Promise<void> {
  const ids = Array.from({ length: count }, () => crypto.randomUUID());
  if (topic.startsWith('rooms/')) {
    for (const id of ids) await leat.chat.sendMessage({ room: topic.slice(6), message: { id, type: 'm' } });
  } else {
    await leat.publish(
      topic,
      ids.map((id) => ({ id, type: 't' })),
    );
  }
}

async function remember(leat: LeatClient, topic: string): Promise<void> {
  const saved = new Map<number, string>();
  for await (const event of leat.follow(topic, { live: false })) saved.set(Number(event.offset), event.checkpoint);
  checkpoints.set(topic, saved);
  const after = new Map<number, string>();
  for (const offset of [10, BACKED_UP, 80, TOTAL]) {
    const request = { topic, end: { $case: 'beforeOffset', value: BigInt(offset + 1) } } as const;
    for await (const page of leat.events.listEvents(request)) after.set(Number(page.readOffset), page.resumeToken);
  }
  tokens.set(topic, after);
}

/** The position of a member that has joined to hear what is new, and nothing else. */
async function joinedToken(leat: LeatClient, room: string): Promise<string> {
  async function* frames() {
    yield { frame: { $case: 'hello', value: { sessionId: 'one' } } } as const;
    yield { frame: { $case: 'join', value: { room } } } as const;
  }
  for await (const { frame } of leat.chat.chat(frames())) {
    if (frame?.$case === 'joined') return frame.value.resumeToken;
  }
  throw new Error('not joined');
}

const checkpointOf = (topic: string, offset: number) => checkpoints.get(topic)?.get(offset) ?? '';
const tokenOf = (topic: string, offset: number) => tokens.get(topic)?.get(offset) ?? '';
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_none, index) => from + index);

async function read(topic: string, options: FollowOptions) {
  const offsets: number[] = [];
  for await (const { offset } of client.follow(topic, options)) offsets.push(Number(offset));
  return offsets;
}

/** Reads from a checkpoint that is kept in memory. */
async function readFrom(topic: string, checkpoint: string, live: boolean, filter?: FollowOptions['filter']) {
  const saved: string[] = [];
  const store = { load: () => checkpoint, save: (next: string) => void saved.push(next) };
  const failure = await read(topic, { live, filter, checkpoint: store, saveIntervalMs: 0 }).then(
    (offsets) => ({ offsets }),
    (error: unknown) => ({ reason: error instanceof LeatError ? error.reason : error }),
  );
  return { ...failure, saved };
}

describe('a position beyond the head of a restored store', () => {
  it.each([true, false])('is refused and kept by a reader with a checkpoint (live: %s)', async (live) => {
    for (const offset of [51, 80, TOTAL]) {
      expect(await readFrom('short', checkpointOf('short', offset), live)).toEqual({
        reason: 'OFFSET_BEYOND_HEAD',
        saved: [],
      });
    }
    // The same, if the token is from the end of a page.
    const atEnd = `${TOTAL}.${tokenOf('short', TOTAL)}`;
    expect(await readFrom('short', atEnd, live)).toEqual({ reason: 'OFFSET_BEYOND_HEAD', saved: [] });
  });

  it('names the head, so that the reader can say what is missing', async () => {
    await expect(read('short', { start: { checkpoint: checkpointOf('short', 80) } })).rejects.toMatchObject({
      code: Status.OUT_OF_RANGE,
      reason: 'OFFSET_BEYOND_HEAD',
      metadata: { topic: 'short', head_offset: '50' },
    });
  });

  it.each(['', '--follow', '--limit 1', '--from now'])(
    'is refused by "leat tail --checkpoint", which keeps the file (further flags: "%s")',
    async (further) => {
      const flags = further.split(' ').filter((word) => word !== '');
      const file = path.join(dir, 'place');
      await writeFile(file, `${checkpointOf('short', TOTAL)}\n`);
      const args = ['tail', 'short', '--checkpoint', file, ...flags];
      const { code, stdout, stderr } = await runLeat([...args, '--address', `127.0.0.1:${server.grpcPort}`]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(
        /^error: topic "short" ends at offset 50, but this checkpoint is at 100: .*BEYOND_HEAD\)\n/,
      );
      expect(stderr).toContain(`${file} was not changed`);
      expect(await readFile(file, 'utf8')).toBe(`${checkpointOf('short', TOTAL)}\n`);
    },
  );

  it('is refused as a resume token, an offset, a cursor and a start in a room', async () => {
    const starts = [
      { resumeToken: tokenOf('short', TOTAL) },
      { resumeToken: tokenOf('short', 80) },
      { afterOffset: 51 },
    ] as const;
    for (const start of starts) {
      await expect(read('short', { start, live: false })).rejects.toMatchObject({ reason: 'OFFSET_BEYOND_HEAD' });
    }
    const commit = { topic: 'short', cursor: 'c', offset: 51n };
    await expect(client.events.commitCursor(commit)).rejects.toMatchObject({ reason: 'OFFSET_BEYOND_HEAD' });
    const messages = { room: 'short', beforeOffset: 52n };
    await expect(client.chat.listMessages(messages)).rejects.toMatchObject({ reason: 'OFFSET_BEYOND_HEAD' });
    const rooms = client.joinRooms();
    for (const start of [{ afterOffset: 51 }, { resumeToken: tokenOf('rooms/short', 80) }]) {
      const room = rooms.join('short', { start });
      await expect(room.messages[Symbol.asyncIterator]().next()).rejects.toMatchObject({
        reason: 'OFFSET_BEYOND_HEAD',
      });
    }
    await rooms.close();
  });

  it('is refused as the page token of a list', async () => {
    await expect(client.users.listUsers({ pageToken: usersToken })).rejects.toMatchObject({ reason: 'EPOCH_CHANGED' });
    const page = { room: 'short', pageToken: messagesToken };
    await expect(client.chat.listMessages(page)).rejects.toMatchObject({ reason: 'OFFSET_BEYOND_HEAD' });
  });
});

describe('a position whose event was replaced after a restore without --new-epoch', () => {
  it.each([true, false])('is refused and kept by a reader with a checkpoint (live: %s)', async (live) => {
    for (const checkpoint of [
      checkpointOf('replaced', 51),
      checkpointOf('replaced', 80),
      checkpointOf('replaced', TOTAL),
      `80.${tokenOf('replaced', 80)}`,
    ]) {
      expect(await readFrom('replaced', checkpoint, live)).toEqual({ reason: 'EPOCH_CHANGED', saved: [] });
    }
  });

  it.each([true, false])(
    'is refused if the filter passes over the event that was replaced (live: %s)',
    async (live) => {
      const filter = { types: ['other'] };
      for (const offset of [51, 80, TOTAL]) {
        const checkpoint = checkpointOf('replaced', offset);
        expect(await readFrom('replaced', checkpoint, live, filter)).toEqual({ reason: 'EPOCH_CHANGED', saved: [] });
      }
    },
  );

  it.each([true, false])('is refused if the token of the checkpoint was trimmed (live: %s)', async (live) => {
    for (const offset of [51, 80, TOTAL]) {
      const checkpoint = checkpointOf('trimmed', offset);
      expect(await readFrom('trimmed', checkpoint, live)).toEqual({ reason: 'EPOCH_CHANGED', saved: [] });
      const filter = { types: ['other'] };
      expect(await readFrom('trimmed', checkpoint, live, filter)).toEqual({ reason: 'EPOCH_CHANGED', saved: [] });
    }
  });

  it('is refused as a resume token and moves no cursor', async () => {
    for (const offset of [80, TOTAL]) {
      const resumeToken = tokenOf('replaced', offset);
      await expect(read('replaced', { start: { resumeToken }, live: false })).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'EPOCH_CHANGED',
        metadata: { topic: 'replaced', offset: `${offset}` },
      });
      const commit = { topic: 'replaced', cursor: 'c', offset: BigInt(offset), resumeToken };
      await expect(client.events.commitCursor(commit)).rejects.toMatchObject({ reason: 'EPOCH_CHANGED' });
    }
    expect((await client.events.getTopic({ topic: 'replaced' })).cursors).toEqual([]);
  });
});

describe('a position that a list or a room gave at the head, when events were replaced since', () => {
  it.each([
    ['ListUsers', 'sys/users', () => heads.users],
    ['ListMessages', 'rooms/replaced', () => heads.history],
    ['RoomJoined', 'rooms/replaced', () => heads.joined],
  ])('is refused: %s', async (_rpc, topic, token) => {
    const request = { topic, start: { position: { $case: 'resumeToken', value: token() } } } as const;
    const pages = client.events.listEvents(request)[Symbol.asyncIterator]();
    await expect(pages.next()).rejects.toMatchObject({ reason: 'EPOCH_CHANGED' });
  });

  it('does not trim the topic', async () => {
    const request = { topic: 'rooms/replaced', beforeOffset: 10n, resumeToken: heads.history };
    await expect(client.events.trimTopic(request)).rejects.toMatchObject({ reason: 'EPOCH_CHANGED' });
  });
});

describe('a position from before the backup', () => {
  it('is still good, by checkpoint, by token and for a cursor', async () => {
    const after = range(BACKED_UP + 1, TOTAL);
    expect(await read('replaced', { start: { checkpoint: checkpointOf('replaced', 50) }, live: false })).toEqual(after);
    expect(await read('replaced', { start: { checkpoint: checkpointOf('replaced', 20) }, live: false })).toEqual(
      range(21, TOTAL),
    );
    const resumeToken = tokenOf('replaced', BACKED_UP);
    expect(await read('replaced', { start: { resumeToken }, live: false })).toEqual(after);
    const commit = { topic: 'replaced', cursor: 'good', offset: 60n, resumeToken };
    expect(await client.events.commitCursor(commit)).toMatchObject({ offset: 60n });
  });

  it('is still good if the filter passes over its event, or if events up to it were trimmed', async () => {
    const filter = { types: ['other'] };
    const start = { checkpoint: checkpointOf('replaced', 20) };
    expect(await read('replaced', { start, filter, live: false })).toEqual([]);
    for (const offset of [TRIMMED, 45, BACKED_UP]) {
      const checkpoint = checkpointOf('trimmed', offset);
      expect(await read('trimmed', { start: { checkpoint }, live: false })).toEqual(range(offset + 1, TOTAL));
    }
  });

  it('is refused as trimmed if events behind it were trimmed', async () => {
    const start = { checkpoint: checkpointOf('trimmed', TRIMMED - 1) };
    await expect(read('trimmed', { start, live: false })).rejects.toMatchObject({ reason: 'OFFSET_TRIMMED' });
  });

  it('is refused as damaged if the token of a commit is empty, or from behind its offset', async () => {
    const commit = { topic: 'replaced', cursor: 'c', offset: 9n };
    for (const resumeToken of ['', tokenOf('replaced', 10)]) {
      await expect(client.events.commitCursor({ ...commit, resumeToken })).rejects.toMatchObject({
        reason: 'INVALID_FIELD',
        violations: [{ field: 'resume_token' }],
      });
    }
  });
});
