import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnServer, type ChildServer } from '../support/child-server.js';
import { clientDependencies, installPackage, type ForeignProject } from '../support/installed-package.js';
import { killAfterTest } from '../support/leftovers.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';
import { until } from '../support/until.js';

const guide = readFileSync(path.resolve(import.meta.dirname, '../../../docs/client.md'), 'utf8');
const programs = [...guide.matchAll(/^```js (\S+)\n([\s\S]*?)^```/gm)];

interface Run {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly output: () => string;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
}

/** The programs as they stand in the guide, in a project of a newcomer's. */
describe('docs/client.md', () => {
  let project: ForeignProject;
  let data: TempDir;
  let server: ChildServer;
  let address: string;

  beforeAll(async () => {
    project = await installPackage([...clientDependencies, 'yjs', 'y-protocols', 'lib0']);
    for (const [, name = '', text = ''] of programs) writeFileSync(path.join(project.path, name), text);
    data = await makeTempDir();
    server = spawnServer({ 'data-dir': data.path });
    address = `127.0.0.1:${(await server.serving).grpcPort}`;
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
    await project[Symbol.asyncDispose]();
  });

  function start(program: string): Run {
    const env = { ...process.env, LEAT_ADDRESS: address, NODE_OPTIONS: '' };
    const child = spawn(process.execPath, [program], { cwd: project.path, env, stdio: ['ignore', 'pipe', 'pipe'] });
    killAfterTest(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
    return { child, output: () => output, ended: new Promise((resolve) => child.once('close', resolve)) };
  }

  async function outputOf(program: string): Promise<string> {
    const run = start(program);
    const code = await run.ended;
    expect({ code, output: run.output() }).toMatchObject({ code: 0 });
    return run.output();
  }

  /** The offsets that a consumer printed. */
  const offsets = ({ output }: Run) => [...output().matchAll(/^(\d+)n orders\/\1 \d+$/gm)].map(([, n]) => Number(n));

  it('has programs', () => {
    expect(programs.map(([, name]) => name)).toEqual([
      'publish.js',
      'consumer.js',
      'files.js',
      'talk.js',
      'notes.js',
      'users.js',
    ]);
  });

  it('publishes once, however often its program is run', async () => {
    expect(await outputOf('publish.js')).toMatch(/^1000 orders are durable\n1000 appended, 0 were there already\n$/m);
    expect(await outputOf('publish.js')).toMatch(/^0 appended, 1000 were there already\n$/m);
  });

  it('has a consumer that goes on where it was, whatever ends it or the service', async () => {
    const checkpoint = () => {
      try {
        return Number.parseInt(readFileSync(path.join(project.path, 'orders.checkpoint'), 'utf8'));
      } catch {
        return 0; // Not saved yet.
      }
    };
    const first = start('consumer.js');
    await until(() => checkpoint() === 1_000);
    first.child.kill('SIGKILL');
    await first.ended;
    expect(offsets(first)).toEqual(Array.from({ length: 1_000 }, (_none, index) => index + 1));

    const second = start('consumer.js');
    await until(() => second.output().includes('# live, 0 events behind'));
    await server.kill('SIGKILL');
    await until(() => second.output().includes('# reconnecting'));
    server = spawnServer({ 'data-dir': data.path, listen: address });
    const client = await server.connect();
    const payload = { $case: 'text', value: '{"total": 7}' } as const;
    await client.events.publishEvent({
      topic: 'orders',
      event: { type: 'order.created', subject: 'orders/1001', payload },
    });
    await until(() => offsets(second).length > 0);
    second.child.kill('SIGINT');
    expect(await second.ended).toBe(0);
    expect(offsets(second)).toEqual([1_001]);
  });

  it('uploads and downloads a file, and does neither twice', async () => {
    const size = readFileSync(path.join(project.path, 'package.json')).length;
    const id = 'copy-of-package.json';
    const told = (bytes: number) =>
      `${id} is stored, ${bytes} of ${size} bytes were sent\n${id} is here, ${bytes} bytes came\n`;
    expect(await outputOf('files.js')).toBe(told(size));
    expect(readFileSync(path.join(project.path, id), 'utf8')).toBe('{"type": "module"}');
    expect(await outputOf('files.js')).toBe(told(0));
  });

  it('talks in a room, through the end of a service', async () => {
    const talk = start('talk.js');
    await until(() => talk.output().includes('# durable, at offset 1\n') && talk.output().includes('ada: hello\n'));
    await server.kill('SIGKILL');
    await until(() => talk.output().includes('# reconnecting'));
    server = spawnServer({ 'data-dir': data.path, listen: address });
    const client = await server.connect();
    const message = { id: '1', payload: { $case: 'text', value: 'welcome back' } } as const;
    await client.chat.sendMessage({ room: 'lobby', message });
    await until(() => talk.output().includes(': welcome back\n'));
    talk.child.kill('SIGINT');
    expect(await talk.ended).toBe(0);
    expect(talk.output().match(/hello/g)).toHaveLength(1);
  });

  it('edits a document, on from where it was', async () => {
    expect(await outputOf('notes.js')).toBe('visit number 1\n');
    expect(await outputOf('notes.js')).toBe('visit number 2\n');
  });

  it('creates a user and reads an error', async () => {
    expect(await outputOf('users.js')).toBe('Ada Lovelace is new\nUSER_NOT_FOUND\n');
    expect(await outputOf('users.js')).toBe('Ada Lovelace was there already\nUSER_NOT_FOUND\n');
  });
});
