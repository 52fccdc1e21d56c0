import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createLeatClient, type JoinedRoom } from '../../src/client/index.js';
import { numberedLines, startService, type TestService } from '../cli/leat-process.js';
import { startCuttingProxy, type CuttingProxy } from '../support/cutting-proxy.js';
import { createResourceStack } from '../support/resource-stack.js';
import { eventually, soon } from '../support/soon.js';
import { until } from '../support/until.js';
import { findPythonTools, preparePrograms, type PythonPrograms, type RunningProgram } from './python-programs.js';

const tools = findPythonTools();
if ('missing' in tools) console.warn(`examples/python is not tested: ${tools.missing}`);
const describeWithPython = 'missing' in tools ? describe.skip : describe;

/** More than two calls of 4 MiB, in lines that say which they are. */
const manyLines = Array.from({ length: 60_000 }, (_none, index) => `${index + 1} ${'~'.repeat(150)}\n`).join('');

describeWithPython('examples/python', () => {
  const resources = createResourceStack();
  let service: TestService;
  let programs: PythonPrograms;

  beforeAll(async () => {
    if ('missing' in tools) return;
    programs = resources.use(await preparePrograms(tools.python));
    service = resources.use(await startService());
  });
  afterAll(() => resources.dispose());

  const start = (program: string, ...args: string[]) => programs.start(service.address, program, ...args);
  const run = (program: string, ...args: string[]) => start(program, ...args).ended;

  async function withProxy(test: (proxy: CuttingProxy, address: string) => Promise<void>): Promise<void> {
    const proxy = await startCuttingProxy(Number(service.address.split(':').at(-1)));
    try {
      await test(proxy, `127.0.0.1:${proxy.port}`);
    } finally {
      await proxy[Symbol.asyncDispose]();
    }
  }

  async function fileOf(name: string, content: string): Promise<string> {
    const file = path.join(programs.folder, name);
    await writeFile(file, content);
    return file;
  }

  /** All of a topic as another client sees it: each event's text and a line feed. */
  async function logOf(topic: string): Promise<string> {
    const client = createLeatClient({ address: service.address });
    try {
      let text = '';
      for await (const { records } of client.events.listEvents({ topic })) {
        for (const { event } of records) text += event?.payload?.$case === 'text' ? `${event.payload.value}\n` : '?';
      }
      return text;
    } finally {
      await client.close();
    }
  }

  /** A blob as another client sees it, with the SHA-256 of its bytes. */
  async function blobOf(blobId: string) {
    const client = createLeatClient({ address: service.address });
    try {
      const { blob } = await client.blobs.getBlob({ blobId });
      const hash = createHash('sha256');
      for await (const bytes of client.readBlob(blobId)) hash.update(bytes);
      return { name: blob?.name, contentType: blob?.contentType, content: hash.digest('hex') };
    } finally {
      await client.close();
    }
  }

  it('creates a user once, however often it is asked, and finds it by id and email', async () => {
    const create = () => run('users.py', 'create', 'ada', 'Ada Lovelace', '--email', 'ada@example.com');
    expect(await create()).toMatchObject({ code: 0, stdout: expect.stringMatching(/^created\n/) as unknown });
    expect(await create()).toMatchObject({ code: 0, stdout: expect.stringMatching(/^was there already\n/) as unknown });
    for (const key of ['ada', 'ADA@example.com']) {
      const { stdout } = await run('users.py', 'get', key);
      expect(JSON.parse(stdout)).toMatchObject({ userId: 'ada', name: 'Ada Lovelace', email: 'ada@example.com' });
    }
  });

  it('tells the reason of an error, and every field that was wrong', async () => {
    const missing = await run('users.py', 'get', 'nobody');
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringMatching(/^NOT_FOUND USER_NOT_FOUND: /) as unknown });
    const { code, stderr } = await run('users.py', 'create', 'an id', '', '--email', 'nowhere');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^INVALID_ARGUMENT INVALID_FIELD: /);
    for (const field of ['user.user_id', 'user.name', 'user.email']) expect(stderr).toContain(`\n  ${field}: `);
  });

  it('publishes each line exactly once over connections that are cut and a service that is killed', async () => {
    const file = await fileOf('cut.txt', manyLines);
    await withProxy(async (proxy, address) => {
      proxy.plan({ toServer: Math.round(3e6 * Math.random()) });
      const publishing = programs.start(address, 'publish.py', 'python/cut', file, '--producer', 'cut');
      // The first call is cut. When it is answered at last, the next one is under way.
      await until(() => /^[1-9]\d* lines/m.test(publishing.stderr()) || publishing.child.exitCode !== null);
      await service.crashAndRestart();
      const { code, stderr } = await publishing.ended;
      expect({ code, cuts: proxy.cuts }).toEqual({ code: 0, cuts: 1 });
      expect(stderr.match(/again in/g)?.length).toBeGreaterThanOrEqual(2);
      expect(stderr).toMatch(/\(100 %\)\n$/);
    });
    expect((await logOf('python/cut')) === manyLines).toBe(true);
  });

  it('goes on with the file when the publisher is killed and started again', async () => {
    const publish = [
      'publish.py',
      'python/killed',
      await fileOf('killed.txt', manyLines),
      '--producer',
      'killed',
    ] as const;
    const first = start(...publish);
    await until(() => /^[1-9]\d* lines/m.test(first.stderr()));
    first.child.kill('SIGKILL');
    expect((await first.ended).code).toBe(null);
    const { code, stderr } = await run(...publish);
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringMatching(/^[1-9]\d* lines/) as unknown });
    expect((await logOf('python/killed')) === manyLines).toBe(true);
  });

  it('adds what a file has grown by, nothing twice, and refuses a file that is another one', async () => {
    const publish = async (name: string, content: string) =>
      run('publish.py', 'python/grown', await fileOf(name, content), '--producer', 'grown');
    for (const lines of [3, 3, 5]) expect(await publish('grown.txt', numberedLines(lines))).toMatchObject({ code: 0 });
    expect(await logOf('python/grown')).toBe(numberedLines(5));
    const other = await publish('other.txt', numberedLines(10, 100));
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('ALREADY_EXISTS SEQUENCE_REUSED') as unknown,
    });
    const shorter = await publish('shorter.txt', numberedLines(2));
    expect(shorter).toMatchObject({ code: 1, stderr: expect.stringContaining('is it another one?') as unknown });
    expect(await logOf('python/grown')).toBe(numberedLines(5));
  });

  it('reads every event once, in order, over a connection that is cut', async () => {
    const published = await run('publish.py', 'python/read', await fileOf('read.txt', manyLines), '--producer', 'read');
    expect(published.code).toBe(0);
    await withProxy(async (proxy, address) => {
      proxy.plan(...[1, 2, 3].map((million) => ({ toClient: Math.round(million * 1e6 * (0.5 + Math.random() / 2)) })));
      const { code, stdout } = await programs.start(address, 'follow.py', 'python/read').ended;
      expect({ code, cuts: proxy.cuts }).toEqual({ code: 0, cuts: 3 });
      expect(stdout === withOffsets(manyLines)).toBe(true);
    });
  });

  it('follows live through a restart of the service, and after its own death from its checkpoint', async () => {
    const file = (lines: number) => fileOf('live.txt', numberedLines(lines));
    const publishUpTo = async (lines: number) =>
      expect(await run('publish.py', 'python/live', await file(lines), '--producer', 'live')).toMatchObject({
        code: 0,
      });
    const follow = () =>
      start('follow.py', 'python/live', '--live', '--checkpoint', path.join(programs.folder, 'live.position'));

    await publishUpTo(1_000);
    const first = follow();
    await untilPrinted(first, 1_000);
    await service.crashAndRestart();
    await publishUpTo(2_000);
    await untilPrinted(first, 2_000);
    first.child.kill('SIGKILL');
    const before = (await first.ended).stdout;
    expect(before).toBe(withOffsets(numberedLines(2_000)));

    await publishUpTo(3_000);
    const second = follow();
    await untilPrinted(second, 3_000);
    second.child.kill('SIGINT');
    const { code, stdout: after } = await second.ended;
    expect(code).toBe(130);
    // At least once: the page that was printed when the process died may come again, from its first event on.
    expect(withOffsets(numberedLines(3_000)).endsWith(after)).toBe(true);
    expect(parseInt(after, 10)).toBeGreaterThan(1);
    expect(parseInt(after, 10)).toBeLessThanOrEqual(2_001);
  });

  it('uploads a file over connections that are cut, to a service that is killed, and once', async () => {
    const bytes = randomBytes(40 << 20);
    const file = path.join(programs.folder, 'large.bin');
    await writeFile(file, bytes);
    const id = `sha256-${digestOf(bytes)}`;
    await withProxy(async (proxy, address) => {
      proxy.plan({ toServer: Math.round(20e6 * Math.random()) });
      const uploading = programs.start(address, 'upload.py', file, '--type', 'image/png');
      // The first call is cut, and somebody has said how much of it is durable.
      await until(() => /^[1-9]\d* bytes/m.test(uploading.stderr()) || uploading.child.exitCode !== null);
      await service.crashAndRestart();
      const { code, stdout, stderr } = await uploading.ended;
      expect({ code, stdout, cuts: proxy.cuts }).toEqual({ code: 0, stdout: `${id}\n`, cuts: 1 });
      expect(stderr).toMatch(/again in/);
      expect(stderr).toMatch(/\(100 %\)\n$/);
    });
    expect(await blobOf(id)).toEqual({ name: 'large.bin', contentType: 'image/png', content: digestOf(bytes) });
    const again = await run('upload.py', file, '--type', 'image/png');
    expect(again).toEqual({ code: 0, stdout: `${id}\n`, stderr: `${bytes.length} bytes are on disk (100 %)\n` });
  });

  it('goes on with an upload when the uploader is killed, and refuses another file under its id', async () => {
    const bytes = randomBytes(40 << 20);
    const file = path.join(programs.folder, 'killed.bin');
    await writeFile(file, bytes);
    const first = start('upload.py', file, '--id', 'killed');
    await until(() => /^[1-9]\d* bytes/m.test(first.stderr()) || first.child.exitCode !== null);
    first.child.kill('SIGKILL');
    await first.ended;
    const { code, stderr } = await run('upload.py', file, '--id', 'killed');
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringMatching(/^[1-9]\d* bytes/) as unknown });
    expect(await blobOf('killed')).toMatchObject({ content: digestOf(bytes) });
    const other = await run('upload.py', await fileOf('other.bin', 'other'), '--id', 'killed');
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is a blob already, of another file') as unknown,
    });
  });

  it('answers each question in a room once, though the service and the bot are killed', async () => {
    const room = 'python-bot';
    const bot = () => start('bot.py', room, '--checkpoint', path.join(programs.folder, 'bot.position'));
    const client = createLeatClient({ address: service.address, user: 'ada' });
    const rooms = client.joinRooms();
    try {
      const asked = rooms.join(room);
      let running = bot();
      await isHere(asked, 'bot', running);
      for (let number = 1; number <= 60; number++) {
        await soon('a question to be durable', asked.send(`!echo ${number}`));
        if (number === 20) await service.crashAndRestart();
        if (number === 40) {
          running.child.kill('SIGKILL');
          await running.ended;
          running = bot();
        }
      }
      const last = await soon('a question to be durable', asked.send('!roll'));
      await soon('its answer', answerTo(asked, last.offset));
      running.child.kill('SIGINT');
      expect((await running.ended).code).toBe(130);
    } finally {
      await client.close();
    }
    const lines = (await logOf(`rooms/${room}`)).split('\n').slice(0, -1);
    const echoes = lines.filter((line) => /^\d+$/.test(line)).map(Number);
    expect(echoes.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_none, index) => index + 1));
    expect(lines.filter((line) => /^ada rolls [1-6]$/.test(line))).toHaveLength(1);
  });

  it('says why a topic cannot be read, instead of trying again', async () => {
    const token = await fileOf('nonsense.position', 'nonsense');
    const refused = await run('follow.py', 'python/none', '--checkpoint', token);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^INVALID_ARGUMENT /) as unknown });
  });
});

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function isHere(room: JoinedRoom, user: string, { child, stderr }: RunningProgram): Promise<void> {
  await eventually(`${user} to come`, () => {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${stderr()}`);
    return room.snapshot().members.some((member) => member.user === user);
  });
}

async function answerTo(room: JoinedRoom, offset: bigint): Promise<void> {
  for await (const { event } of room.messages) if (event.id === `answer-to-${offset}`) return;
}

/** As follow.py prints them. */
function withOffsets(lines: string): string {
  const numbered = lines.split('\n').slice(0, -1);
  return numbered.map((line, index) => `${index + 1}\t${line}\n`).join('');
}

async function untilPrinted({ child, stdout, stderr }: RunningProgram, offset: number): Promise<void> {
  await until(() => stdout().includes(`${offset}\t`) || child.exitCode !== null);
  if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${stderr()}`);
}
