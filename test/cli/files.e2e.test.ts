import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startCuttingProxy, type CutPlan } from '../support/cutting-proxy.js';
import { createResourceStack } from '../support/resource-stack.js';
import { partsOf } from '../support/download-parts.js';
import { makeTempDir } from '../support/temp-dir.js';
import { runLeat, startLeat, startService, type TestService } from './leat-process.js';
import { makeNamedPipe } from './named-pipe.js';
import { noTerminal, runInTerminal } from './pseudo-terminal.js';

const MIB = 1 << 20;
const resources = createResourceStack();
let service: TestService;
let dir: string;
beforeAll(async () => {
  service = resources.use(await startService());
  dir = resources.use(await makeTempDir()).path;
});
afterAll(() => resources.dispose());

const at = (...args: string[]) => [...args, '--address', service.address];
const leat = (...args: string[]) => runLeat(at(...args));
const inDir = (name: string) => path.join(dir, name);

async function fileOf(name: string, bytes: Uint8Array | string): Promise<string> {
  await writeFile(inDir(name), bytes);
  return inDir(name);
}

async function withProxy(plans: readonly CutPlan[], test: (address: string) => Promise<void>): Promise<void> {
  const proxy = await startCuttingProxy(Number(service.address.split(':').at(-1)));
  try {
    proxy.plan(...plans);
    await test(`127.0.0.1:${proxy.port}`);
  } finally {
    await proxy[Symbol.asyncDispose]();
  }
}

/** A wire that breaks after so many bytes, twice, and then for good. */
const dying = (direction: keyof CutPlan): CutPlan[] => [
  { [direction]: 12e6 },
  { [direction]: 3e6 },
  ...Array.from({ length: 30 }, () => ({ [direction]: 0 })),
];

describe('leat upload and download', () => {
  it('bring a file there and back, and do nothing twice', async () => {
    const bytes = randomBytes(3 * MIB + 5);
    const file = await fileOf('there.png', bytes);
    const uploaded = await leat('upload', file);
    expect(uploaded).toEqual({ code: 0, stdout: expect.stringMatching(/^file-[0-9a-f]{32}\n$/), stderr: '' });
    expect(await leat('upload', file)).toEqual(uploaded);
    const id = uploaded.stdout.trim();
    const back = inDir('back.png');
    expect((await leat('download', id, '-o', back)).stdout).toMatch(/^downloaded .*back\.png, 3\.0 MiB in [\d.]+ s /);
    expect(readFileSync(back).equals(bytes)).toBe(true);
    expect(await leat('download', id, '-o', back)).toMatchObject({
      code: 0,
      stdout: `${back} was there already, 3.0 MiB\n`,
    });
  });

  it('replace no other file, unless they are told to', async () => {
    const id = (await leat('upload', await fileOf('new.txt', 'new'))).stdout.trim();
    const file = await fileOf('old.txt', 'old');
    const refused = await leat('download', id, '-o', file);
    expect(refused).toMatchObject({ code: 5, stdout: '', stderr: expect.stringMatching(/^error: .*--force\n$/) });
    expect(readFileSync(file, 'utf8')).toBe('old');
    expect(await leat('download', id, '-o', file, '--force')).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8')).toBe('new');
    await mkdir(inDir('folder'));
    const json = await leat('download', id, '-o', inDir('folder'), '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ blobId: id, size: '3', file: inDir('folder/new.txt') });
  });

  it('work in pipes', async () => {
    const input = randomBytes(MIB);
    const uploaded = await runLeat(at('upload', '-', '--id', 'piped', '--name', 'a.gz'), { input });
    expect(uploaded).toEqual({ code: 0, stdout: 'piped\n', stderr: '' });
    // The same input again is compared; another one is refused.
    expect(await runLeat(at('upload', '-', '--id', 'piped', '--name', 'a.gz'), { input })).toEqual(uploaded);
    expect(await runLeat(at('upload', '-', '--id', 'piped', '--name', 'a.gz'), { input: 'other' })).toMatchObject({
      code: 5,
      stdout: '',
      stderr: expect.stringContaining('BLOB_DIFFERS'),
    });
    const download = startLeat(at('download', 'piped', '-o', '-'), { readOutput: false });
    const hash = createHash('sha256');
    for await (const chunk of download.child.stdout) hash.update(chunk as Buffer);
    expect(await download.ended).toMatchObject({ code: 0, stderr: '' });
    expect(hash.digest('hex')).toBe(createHash('sha256').update(input).digest('hex'));
    const shown = await leat('blobs', 'show', 'piped');
    expect(shown.stdout).toMatch(
      /^id: piped\nname: a\.gz\ntype: application\/gzip\nsize: 1048576 \(1\.0 MiB\)\nsha256: /,
    );
  });

  it('end when the reader of a pipe has enough', async () => {
    await runLeat(at('upload', '-', '--id', 'long'), { input: randomBytes(8 * MIB) });
    const download = startLeat(at('download', 'long', '-o', '-'), { readOutput: false });
    download.child.stdout.once('data', () => download.child.stdout.destroy());
    expect(await download.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('take several files in their order, and none if one of them cannot be read', async () => {
    const files = await Promise.all(['1', '2', '3'].map((name) => fileOf(`several-${name}`, name)));
    const wrong = await leat('upload', ...files, inDir('nowhere'));
    expect(wrong).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('nowhere') });
    const names = async () => (await leat('blobs', '--json')).stdout.match(/several-\d/g);
    expect(await names()).toBeNull();
    const uploaded = await leat('upload', ...files, '--json');
    const told = uploaded.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { name: string }).name);
    expect(told).toEqual(['several-1', 'several-2', 'several-3']);
    expect((await names())?.length).toBe(3);
  });

  it('read a named pipe as it comes', async () => {
    const pipe = makeNamedPipe(inDir('fifo'));
    const upload = startLeat(at('upload', pipe.file, '--id', 'fifo'));
    const writer = pipe.openWriter();
    writer.write('through a pipe');
    writer.close();
    expect(await upload.ended).toEqual({ code: 0, stdout: 'fifo\n', stderr: '' });
    expect((await leat('download', 'fifo', '-o', '-')).stdout).toBe('through a pipe');
  });

  it('go on by themselves when the service dies', async () => {
    const bytes = randomBytes(20 * MIB);
    const file = await fileOf('survivor', bytes);
    await withProxy([{ toServer: 5e6 }, { toServer: 5e6 }], async (address) => {
      const upload = startLeat(['upload', file, '--address', address]);
      await upload.until('stderr', /connection lost/);
      await service.crashAndRestart();
      const { code, stdout } = await upload.ended;
      expect(code).toBe(0);
      const { code: downloaded } = await leat('download', stdout.trim(), '-o', inDir('survived'));
      expect(downloaded).toBe(0);
      expect(readFileSync(inDir('survived')).equals(bytes)).toBe(true);
    });
  });

  it('end at Ctrl-C, and the same command goes on where it was', async () => {
    const bytes = randomBytes(24 * MIB);
    const file = await fileOf('big', bytes);
    await withProxy(dying('toServer'), async (address) => {
      const upload = startLeat(['upload', file, '--address', address]);
      await upload.until('stderr', /\(try 2\)/);
      upload.child.kill('SIGINT');
      const { code, stdout, stderr } = await upload.ended;
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
      expect(stderr).toMatch(/error: interrupted\n {2}.* of 24\.0 MiB of .*big are durable; the same command goes on/);
    });
    expect((await leat('uploads')).stdout).toMatch(/^ID .*\nfile-\S+ +big +\S+ MiB +24\.0 MiB +\d+ %/);
    const id = (await leat('upload', file)).stdout.trim();
    expect((await leat('uploads')).stdout).toBe('');

    const target = inDir('big-back');
    await withProxy(dying('toClient'), async (address) => {
      const download = startLeat(['download', id, '-o', target, '--address', address]);
      await download.until('stderr', /\(try 2\)/);
      download.child.kill('SIGINT');
      const { code, stderr } = await download.ended;
      expect(code).toBe(130);
      expect(stderr).toMatch(/error: interrupted\n {2}.* of .*big-back are kept; the same command goes on/);
    });
    expect(existsSync(target)).toBe(false);
    expect((await leat('download', id, '-o', target)).stdout).toMatch(/, after \d+\.\d MiB that were there\n$/);
    expect(readFileSync(target).equals(bytes)).toBe(true);
    expect(await partsOf(target)).toEqual([]);
  });

  it('say in which way they failed', async () => {
    expect(await leat('download', 'nothing', '-o', inDir('x'))).toMatchObject({ code: 4 });
    expect(await leat('blobs', 'show', 'nothing')).toMatchObject({ code: 4 });
    expect(await leat('blobs', 'delete', 'nothing')).toMatchObject({ code: 4 });
    expect(await leat('blobs', 'delete', 'nothing', '--allow-missing')).toMatchObject({ code: 0 });
    expect(await leat('uploads', 'cancel', 'nothing')).toMatchObject({ code: 4 });
    expect(await leat('upload', await fileOf('id', 'x'), '--id', 'a b')).toMatchObject({ code: 2 });
    const id = (await leat('upload', inDir('id'))).stdout.trim();
    expect(await leat('download', id, '-o', inDir('no/folder'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: cannot write .*no\/folder: there is no directory .*no; create it\n$/),
    });
    expect(await leat('blobs', 'delete', id)).toMatchObject({ code: 0, stdout: `deleted ${id}\n` });
  });
});

if (noTerminal !== undefined) console.warn(`skipped: ${noTerminal}`);
const onTerminal = noTerminal === undefined ? describe : describe.skip;

onTerminal('on a terminal', () => {
  it('there is a bar with what is durable, and nothing but the result stays', async () => {
    const file = await fileOf('shown', randomBytes(2 * MIB));
    const upload = await runInTerminal(at('upload', file)).ended;
    expect(upload.code).toBe(0);
    expect(upload.screen).toContain('shown  [....................]   0 %  0 B of 2.0 MiB  -  0 B durable');
    const last = upload.screen.split('\u001b[K').at(-1);
    expect(last).toMatch(/^uploaded shown, 2\.0 MiB in [\d.]+ s \(.*\/s\)\r\nfile-\S+\r\n$/);
    const id = last?.trim().split('\n').at(-1) ?? '';
    const download = await runInTerminal(at('download', id, '-o', inDir('shown-back'))).ended;
    expect(download.screen).toContain('shown  [....................]   0 %  0 B of 2.0 MiB  -');
    expect(download.screen.split('\u001b[K').at(-1)).toMatch(/^downloaded .*shown-back, 2\.0 MiB in .*\r\n$/);
  });

  it('a name that somebody else has chosen does nothing to the screen', async () => {
    const name = `\u001b[2J${'n'.repeat(40)}`;
    await runLeat(at('upload', '-', '--id', 'evil', '--name', name), { input: 'x' });
    const { screen } = await runInTerminal(at('download', 'evil', '-o', inDir('evil'))).ended;
    expect(screen).toMatch(/\\u001b\[2Jn{14}… {2}\[/);
    expect(screen).not.toContain('\u001b[2J');
  });

  it('Ctrl-C leaves the line clean, and says how to go on', async () => {
    const run = runInTerminal(at('upload', '-', '--id', 'typed'));
    await run.until(/Ctrl-D ends/);
    await run.until(/0 B durable/);
    run.type('\u0003');
    const { code, screen } = await run.ended;
    expect(code).toBe(130);
    expect(screen).toMatch(/error:.* interrupted\r\n$/);
  });
});
