import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstatSync, readFileSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startCuttingProxy, type CuttingProxy } from '../support/cutting-proxy.js';
import { partsOf } from '../support/download-parts.js';
import { createResourceStack } from '../support/resource-stack.js';
import { makeTempDir } from '../support/temp-dir.js';
import { runLeat, startLeat, startService, type LeatProcess, type TestService } from './leat-process.js';

const MIB = 1 << 20;
const resources = createResourceStack();
const a = randomBytes(4 * MIB + 1);
const b = randomBytes(4 * MIB + 1);
let service: TestService;
let dir: string;
beforeAll(async () => {
  service = resources.use(await startService());
  dir = resources.use(await makeTempDir()).path;
  await runLeat(['upload', '-', '--id', 'a', '--address', service.address], { input: a });
  await runLeat(['upload', '-', '--id', 'b', '--address', service.address], { input: b });
});
afterAll(() => resources.dispose());

const leat = (...args: string[]) => runLeat([...args, '--address', service.address]);
const inDir = (name: string) => path.join(dir, name);

interface HalfDone {
  readonly proxy: CuttingProxy;
  readonly download: LeatProcess;
}

/** A download in a process of its own, which has about half of the blob and waits for its connection. */
async function startHalf(blobId: string, file: string): Promise<HalfDone> {
  const proxy = resources.use(await startCuttingProxy(Number(service.address.split(':').at(-1))));
  proxy.plan({ toClient: 2 * MIB }, ...Array.from({ length: 30 }, () => ({ toServer: 0 })));
  const download = startLeat(['download', blobId, '-o', file, '--address', `127.0.0.1:${proxy.port}`]);
  await download.until('stderr', /connection lost/);
  return { proxy, download };
}

describe('leat download', () => {
  it('continues after kill -9 with the bytes that were there', async () => {
    const file = inDir('killed');
    const { download } = await startHalf('a', file);
    download.child.kill('SIGKILL');
    await download.ended;
    expect((await partsOf(file)).length).toBe(1);
    const { code, stdout } = await leat('download', 'a', '-o', file);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^downloaded .*killed, .*, after [12]\.\d MiB that were there\n$/);
    expect(readFileSync(file).equals(a)).toBe(true);
    expect(await partsOf(file)).toEqual([]);
  });

  it('that is stopped while another one finishes the file does not write into it when it goes on', async () => {
    for (const blobId of ['a', 'b']) {
      const file = inDir(`stopped-${blobId}`);
      const { proxy, download } = await startHalf('a', file);
      download.child.kill('SIGSTOP');
      expect(await leat('download', blobId, '-o', file)).toMatchObject({ code: 0 });
      const { ino, mtimeMs } = lstatSync(file);
      proxy.heal();
      download.child.kill('SIGCONT');
      const { code, stderr } = await download.ended;
      expect({ blobId, code }).toEqual({ blobId, code: blobId === 'a' ? 0 : 5 });
      if (blobId === 'b') expect(stderr).toMatch(/error: .*stopped-b exists and has other bytes; .*--force\n$/);
      expect(readFileSync(file).equals(blobId === 'a' ? a : b)).toBe(true);
      expect(lstatSync(file)).toMatchObject({ ino, mtimeMs });
      expect(await partsOf(file)).toEqual([]);
    }
  });

  it('of two processes for one target never mixes their bytes', async () => {
    for (let round = 0; round < 5; round++) {
      const file = inDir(`both-${round}`);
      const ended = await Promise.all(['a', 'b'].map((id) => leat('download', id, '-o', file)));
      expect(ended.map(({ code }) => code).sort()).toEqual([0, 5]);
      expect(readFileSync(file).equals(ended[0]?.code === 0 ? a : b)).toBe(true);
    }
  });

  it('says after a verdict on the blob nothing about going on', async () => {
    const file = inDir('deleted');
    await runLeat(['upload', '-', '--id', 'c', '--address', service.address], { input: a });
    const { proxy, download } = await startHalf('c', file);
    await leat('blobs', 'delete', 'c');
    proxy.heal();
    const { code, stderr } = await download.ended;
    expect(code).toBe(4);
    expect(stderr).toContain('BLOB_NOT_FOUND');
    expect(stderr).not.toContain('same command');
    expect(await partsOf(file)).toEqual([]);
  });
});

describe('leat download -o, where there is no file', () => {
  it('refuses at once, names the target and says what to do, with --force too', async () => {
    const pipe = inDir('pipe');
    execFileSync('mkfifo', [pipe]);
    await symlink(pipe, inDir('to-pipe'));
    await mkdir(inDir('taken/a'), { recursive: true });
    await runLeat(['upload', '-', '--id', 'named', '--name', 'a', '--address', service.address], { input: 'x' });
    const before = (await readdir(dir)).sort();
    const messages: [string, RegExp][] = [
      [pipe, /^error: .*pipe is a named pipe, not a file; to write to it use -o - > .*pipe\n$/],
      [inDir('to-pipe'), /^error: .*to-pipe is a named pipe, not a file; .* -o - > /],
      ['/dev/null', /^error: \/dev\/null is a device, not a file; to write to it use -o - > \/dev\/null\n$/],
      [inDir('taken'), /^error: .*taken\/a is a directory, not a file; give another name with -o\n$/],
      [`${inDir('nothing')}/`, /^error: .*nothing\/ is not a directory; create it, or give the name of a file\n$/],
      [inDir('nothing/x'), /^error: cannot write .*nothing\/x: there is no directory .*nothing; create it\n$/],
      ['', /^error: .*--output.* It is empty: give a value/],
    ];
    for (const [output, message] of messages) {
      for (const force of output === '/dev/null' ? [[], ['--force']] : [['--force']]) {
        const { code, stdout, stderr } = await leat('download', 'named', '-o', output, ...force);
        expect({ output, code, stdout }).toEqual({ output, code: 2, stdout: '' });
        expect(stderr).toMatch(message);
      }
    }
    expect((await readdir(dir)).sort()).toEqual(before);
  });

  it('needs no service to refuse it', async () => {
    const { code, stderr } = await runLeat(['download', 'a', '-o', '/dev/null', '--address', '127.0.0.1:1']);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('-o -') });
  });

  it('takes /dev/stdout for the standard output', async () => {
    expect(await leat('download', 'named', '-o', '/dev/stdout')).toEqual({ code: 0, stdout: 'x', stderr: '' });
  });

  it('uses a default name only if that can be a file', async () => {
    await writeFile(inDir('taken/b'), 'y');
    const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
    execFileSync('mkfifo', [inDir('taken/c')]);
    await runLeat(['upload', '-', '--id', 'piped', '--name', 'c', '--address', service.address], { input: 'x' });
    const shell = `cd '${inDir('taken')}' && exec '${process.execPath}' '${program}' download piped --address ${service.address}`;
    expect(() => execFileSync('sh', ['-c', shell], { stdio: 'pipe', timeout: 30_000 })).toThrow('c is a named pipe');
  });
});
