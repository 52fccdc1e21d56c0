import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cannotListen } from '../../src/server/start-failure.js';
import { spawnServer } from '../support/child-server.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';
import { runLeat, startLeat } from './leat-process.js';
import { noTerminal, runInTerminal } from './pseudo-terminal.js';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const FREE = ['--listen', '127.0.0.1:0', '--http-listen', '127.0.0.1:0'];

let dir: TempDir;
let taken: string;
const blocker = createServer();

beforeAll(async () => {
  dir = await makeTempDir();
  blocker.listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  taken = `127.0.0.1:${(blocker.address() as AddressInfo).port}`;
});

afterAll(async () => {
  blocker.close();
  await dir[Symbol.asyncDispose]();
});

/** A data directory of its own, made by `prepare`; the directory does not exist before. */
async function dataDir(name: string, prepare: (dataDir: string) => Promise<unknown> = async () => undefined) {
  const folder = path.join(dir.path, name.replaceAll(' ', '-'));
  await prepare(folder);
  return folder;
}

/** As `serve` leaves it behind. */
async function makeStore(folder: string): Promise<void> {
  await using server = spawnServer({ 'data-dir': folder });
  await server.serving;
  await server.kill('SIGTERM');
}

async function changeDatabase(folder: string, statement: string): Promise<void> {
  await makeStore(folder);
  const db = new Database(path.join(folder, 'leat.db'));
  db.unsafeMode().exec(statement);
  db.close();
}

interface Failing {
  readonly args: (name: string) => Promise<readonly string[]>;
  /** The whole line, after "error: ". */
  readonly says: RegExp;
  readonly reason: string;
}

const dataDirArgs = (prepare: (folder: string) => Promise<unknown>) => async (name: string) => [
  ...FREE,
  '--data-dir',
  await dataDir(name, prepare),
];

const failures: Readonly<Record<string, Failing>> = {
  'the gRPC port is taken': {
    args: async (name) => ['--listen', taken, '--http-listen', '127.0.0.1:0', '--data-dir', await dataDir(name)],
    says: /^--listen: cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\): .*choose another port with --listen$/,
    reason: 'CANNOT_LISTEN',
  },
  'the HTTP port is taken': {
    args: async (name) => ['--listen', '127.0.0.1:0', '--http-listen', taken, '--data-dir', await dataDir(name)],
    says: /^--http-listen: cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\): .*choose another port with --http-listen$/,
    reason: 'CANNOT_LISTEN',
  },
  'the machine does not have the address': {
    args: async (name) => [...FREE, '--insecure', '--listen', '192.0.2.1:50051', '--data-dir', await dataDir(name)],
    says: /^--listen: cannot listen on 192\.0\.2\.1:50051 \(EADDRNOTAVAIL\): .*--listen$/,
    reason: 'CANNOT_LISTEN',
  },
  'the data directory is a file': {
    args: dataDirArgs((folder) => writeFile(folder, 'x')),
    says: /^.*EEXIST.*--data-dir$/,
    reason: 'DATA_DIR_UNUSABLE',
  },
  'the data directory is below a file': {
    args: async (name) => [
      ...FREE,
      '--data-dir',
      path.join(await dataDir(name, (file) => writeFile(file, 'x')), 'data'),
    ],
    says: /^.*ENOTDIR.*--data-dir$/,
    reason: 'DATA_DIR_UNUSABLE',
  },
  'the data directory cannot be made': {
    args: async () => [...FREE, '--data-dir', '/proc/leat/data'],
    says: /^.*ENOENT.*--data-dir$/,
    reason: 'DATA_DIR_UNUSABLE',
  },
  'the database is of another program': {
    args: dataDirArgs(async (folder) => {
      await mkdir(folder);
      await writeFile(path.join(folder, 'leat.db'), 'no database '.repeat(100));
    }),
    says: /^.* is not a database of Leat: name another --data-dir$/,
    reason: 'NOT_A_STORE',
  },
  'the database is damaged': {
    args: dataDirArgs(async (folder) => {
      await changeDatabase(folder, `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 999999`);
    }),
    says: /^the database in .* is damaged \(SQLITE_CORRUPT\): restore a backup, or .*--data-dir$/,
    reason: 'STORE_DAMAGED',
  },
  'the database was written by a newer version': {
    args: dataDirArgs((folder) => changeDatabase(folder, 'PRAGMA user_version = 1000')),
    says: /^--data-dir \S+: the data directory was written by a newer Leat .*: start that version, or .*$/,
    reason: 'STORE_TOO_NEW',
  },
  'the database is missing beside its files': {
    args: dataDirArgs(async (folder) => {
      await mkdir(path.join(folder, 'files'), { recursive: true });
      await writeFile(path.join(folder, 'files', 'a'), 'x');
    }),
    says: /^--data-dir \S+: the data directory has files of blobs, .*$/,
    reason: 'STORE_MISSING',
  },
};

describe('leat serve that cannot start', () => {
  it.each(Object.entries(failures))('says so in one line when %s', async (name, { args, says, reason }) => {
    const { code, stdout, stderr } = await runLeat(['serve', ...(await args(name))]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^error: [^\n]+\n$/) });
    const line = stderr.slice('error: '.length, -1);
    expect(line).toMatch(says);
    // The log has it too, as one line without a stack.
    expect(JSON.parse(stdout)).toEqual({ level: 60, time: expect.any(Number), reason, msg: line });
  });

  it('says so in one line when another server uses the data directory', async () => {
    const folder = await dataDir('in use');
    await using server = spawnServer({ 'data-dir': folder });
    await server.serving;
    const { code, stdout, stderr } = await runLeat(['serve', ...FREE, '--data-dir', folder]);
    expect(stderr).toMatch(new RegExp(`^error: another server \\(pid ${server.pid}\\) uses .*--data-dir\n$`));
    expect({ code, line: JSON.parse(stdout) as unknown }).toMatchObject({
      code: 1,
      line: { reason: 'DATA_DIR_IN_USE' },
    });
  });

  it.each([
    ['is missing', undefined, /ENOENT/],
    ['is no JSON', '{ "listen": }', /JSON/],
    ['has an unknown option', '{ "lisen": "x" }', /no option is called lisen/],
  ])('says so in one line when the configuration file %s', async (name, content, says) => {
    const file = path.join(dir.path, `${name}.json`);
    if (content !== undefined) await writeFile(file, content);
    const { code, stdout, stderr } = await runLeat(['serve'], { env: { LEAT_CONFIG: file } });
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^error: [^\n]+\n$/),
    });
    expect(stderr).toMatch(says);
    expect(stderr).toContain(file);
  });

  it('does not hang when the working directory was removed', async () => {
    const gone = path.join(dir.path, 'gone');
    await mkdir(gone);
    // The shell removes it under the feet of the server.
    const command = `rmdir '${gone}'; exec '${process.execPath}' '${main}' serve ${FREE.join(' ')}`;
    const child = spawn('/bin/sh', ['-c', command], { cwd: gone, stdio: ['ignore', 'ignore', 'pipe'] });
    const [stderr] = await Promise.all([readText(child.stderr), once(child, 'close')]);
    expect({ code: child.exitCode, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^error: [^\n]*\n$/) });
    expect(stderr).toContain('--data-dir');
  });

  it('refuses --address, which is of the commands that call a server', async () => {
    const args = ['serve', '--address', '127.0.0.1:0', '--data-dir', await dataDir('address'), ...FREE];
    expect(await runLeat(args)).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: serve does not use --address; give --listen HOST:PORT\n',
    });
  });

  it('names the option when a port needs privileges', () => {
    const error = Object.assign(new Error('listen EACCES'), { code: 'EACCES' });
    expect(cannotListen('http-listen', { host: '::1', port: 80 }, error).message).toBe(
      '--http-listen: cannot listen on [::1]:80 (EACCES): this user may not listen there: ' +
        'choose a port above 1023 with --http-listen',
    );
  });
});

describe('leat serve', () => {
  it('turns reflection off with --no-reflection, --reflection=false and LEAT_REFLECTION=false', async () => {
    for (const [args, env] of [
      [['--no-reflection'], {}],
      [['--reflection=false'], {}],
      [[], { LEAT_REFLECTION: 'false' }],
    ] as const) {
      const folder = await dataDir('no reflection');
      const server = startLeat(['serve', ...FREE, '--data-dir', folder, ...args], { env });
      const [, port] = await server.until('stdout', /"grpcPort":(\d+)/);
      await using connection = await connectRaw(Number(port));
      const call = connection.call('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo');
      call.stream.end(frame(Buffer.alloc(0)));
      expect(await call.ended).toMatchObject({ status: 12 });
      server.child.kill('SIGTERM');
      await server.ended;
    }
  });

  it('writes text or JSON as --log-format says', async () => {
    const folder = await dataDir('formats');
    const serve = ['serve', ...FREE, '--data-dir', folder, '--log-format'];
    const text = startLeat([...serve, 'text']);
    await text.until(
      'stdout',
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}serving {2}grpcPort=\d+ httpPort=\d+ host=127\.0\.0\.1/m,
    );
    text.child.kill('SIGTERM');
    await text.ended;
    const json = startLeat([...serve, 'json']);
    await json.until('stdout', /^\{"level":30,.*"msg":"serving"\}$/m);
    json.child.kill('SIGTERM');
    await json.ended;
  });
});

const onTerminal = noTerminal === undefined ? describe : describe.skip;

onTerminal('leat serve on a terminal', () => {
  it.each([
    ['in colour', {}, '\u001b[32mINFO \u001b[39m serving'],
    ['without colour under NO_COLOR', { NO_COLOR: '1' }, 'INFO  serving'],
  ])('logs lines for people, %s', async (_, env, expected) => {
    const folder = await dataDir('terminal');
    const server = runInTerminal(['serve', ...FREE, '--data-dir', folder], { env });
    await server.until(/serving/);
    server.type('\u0003');
    const { code, screen } = await server.ended;
    expect(code).toBe(0);
    expect(screen).toContain(expected);
    expect(screen).not.toContain('"level"');
  });

  it('says once, in one line, why it cannot start', async () => {
    const folder = await dataDir('terminal failing');
    const server = runInTerminal(['serve', '--data-dir', folder, '--listen', taken], { env: { NO_COLOR: '1' } });
    const { code, screen } = await server.ended;
    expect({ code, screen }).toEqual({ code: 1, screen: expect.stringMatching(/^error: --listen: [^\n]*\n$/) });
  });
});
