import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLeatClient } from '../../src/client/index.js';
import { numberedLines, runLeat, startLeat, startService, type TestService } from './leat-process.js';

let service: TestService;
let dir: string;
beforeAll(async () => {
  service = await startService();
  dir = await mkdtemp(path.join(tmpdir(), 'leat-place-test-'));
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

const at = (args: readonly string[]) => [...args, '--address', service.address];
const leat = (args: readonly string[], input?: string) => runLeat(at(args), { input });
const numbersIn = (stdout: string) => [...stdout.matchAll(/line (\d+)\n/g)].map(([, number]) => Number(number));
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_none, index) => from + index);

describe.each([
  ['--checkpoint', () => path.join(dir, 'place')],
  ['--cursor', () => 'reader'],
])('leat tail %s', (flag, value) => {
  const topic = `place/${flag.slice(2)}`;

  it('goes on where the run before ended, and begins at --from only if there is no place yet', async () => {
    const next = async (...flags: string[]) =>
      numbersIn((await leat(['tail', topic, flag, value(), '--from', '3', ...flags])).stdout);
    await leat(['publish', topic], numberedLines(9));
    expect(await next('--limit', '2')).toEqual([3, 4]);
    expect(await next()).toEqual([5, 6, 7, 8, 9]);
    expect(await next()).toEqual([]);
    await leat(['publish', topic], numberedLines(1, 10));
    expect(await next()).toEqual([10]);
  });

  it('leaves out nothing when it is killed, however its place was saved', async () => {
    const own = `${topic}/killed`;
    const place = flag === '--cursor' ? 'killed' : path.join(dir, 'killed');
    const args = ['tail', own, flag, place];
    await leat(['publish', own], numberedLines(20_000));
    const seen: number[] = [];
    for (let run = 0; run < 3; run++) {
      const tail = startLeat(at(args), { readOutput: false });
      let text = '';
      tail.child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      await once(tail.child.stdout, 'data');
      tail.child.kill('SIGKILL');
      await tail.ended;
      seen.push(...numbersIn(text));
    }
    seen.push(...numbersIn((await leat(args)).stdout));
    expect([...new Set(seen)].sort((a, b) => a - b)).toEqual(range(1, 20_000));
  });

  it('saves at Ctrl-C what was printed', async () => {
    const own = `${topic}/stopped`;
    const place = flag === '--cursor' ? 'stopped' : path.join(dir, 'stopped');
    await leat(['publish', own], numberedLines(3));
    const tail = startLeat(at(['tail', own, '--follow', flag, place]));
    await tail.until('stdout', /line 3\n/);
    tail.child.kill('SIGINT');
    expect(await tail.ended).toMatchObject({ code: 0, stderr: '' });
    await leat(['publish', own], numberedLines(1, 4));
    expect(numbersIn((await leat(['tail', own, flag, place])).stdout)).toEqual([4]);
  });
});

describe('leat tail --cursor at trimmed events', () => {
  it('prints the command that moves the cursor on the same server', async () => {
    await leat(['publish', 'trimmed'], numberedLines(5));
    await leat(['tail', 'trimmed', '--cursor', 'night shift', '--limit', '1']);
    const client = createLeatClient({ address: service.address });
    await client.events.trimTopic({ topic: 'trimmed', beforeOffset: 4n });
    await client.close();
    const { code, stderr } = await leat(['tail', 'trimmed', '--cursor', 'night shift']);
    expect(code).toBe(1);
    expect(stderr).toContain(
      `to begin elsewhere: leat cursor set trimmed 'night shift' OFFSET --rewind --address ${service.address}\n`,
    );
  });
});

describe('the checkpoint file', () => {
  it('is a line, and nothing else is left beside it', async () => {
    const alone = await mkdtemp(path.join(dir, 'alone-'));
    await leat(['publish', 'file'], numberedLines(1));
    await leat(['tail', 'file', '--checkpoint', path.join(alone, 'place')]);
    expect(await readdir(alone)).toEqual(['place']);
    expect(await readFile(path.join(alone, 'place'), 'utf8')).toMatch(/^1\.[\w-]+\n$/);
  });

  it('may have been saved by an editor, with a byte order mark and CRLF', async () => {
    const file = path.join(dir, 'edited');
    await leat(['publish', 'file/edited'], numberedLines(3));
    await leat(['tail', 'file/edited', '--checkpoint', file, '--limit', '2']);
    const saved = await readFile(file, 'utf8');
    await writeFile(file, `\ufeff${saved.trim()}\r\n`);
    expect(numbersIn((await leat(['tail', 'file/edited', '--checkpoint', file])).stdout)).toEqual([3]);
  });

  it.each(['', 'nonsense\n', '7\n'])('is refused, and kept, if it holds %j', async (text) => {
    const file = path.join(dir, 'broken');
    await writeFile(file, text);
    const ended = await leat(['tail', 'file', '--checkpoint', file]);
    expect(ended).toEqual({
      code: 2,
      stdout: '',
      stderr: `error: ${file} is not a checkpoint of "leat tail"; name another file, or remove it to begin anew\n`,
    });
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  it('of another topic is refused by the service', async () => {
    const file = path.join(dir, 'other');
    await leat(['publish', 'file/one'], numberedLines(1));
    await leat(['publish', 'file/two'], numberedLines(1));
    await leat(['tail', 'file/one', '--checkpoint', file]);
    const { code, stdout, stderr } = await leat(['tail', 'file/two', '--checkpoint', file]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: .*INVALID_ARGUMENT/);
    expect(stderr).toContain(`\n  the position is the one in ${file}, which was not changed; `);
  });

  it('that was cut short is refused by its name, and kept', async () => {
    const file = path.join(dir, 'short');
    await leat(['publish', 'file/short'], numberedLines(1));
    await leat(['tail', 'file/short', '--checkpoint', file]);
    const cut = (await readFile(file, 'utf8')).slice(0, 20);
    await writeFile(file, cut);
    const { code, stdout, stderr } = await leat(['tail', 'file/short', '--checkpoint', file]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`\n  the position is the one in ${file}, which was not changed; `);
    expect(await readFile(file, 'utf8')).toBe(cut);
  });

  it.each(['/dev/zero', '/dev/null'])('is not read from a device, such as %s', async (file) => {
    expect(await leat(['tail', 'file', '--checkpoint', file])).toEqual({
      code: 2,
      stdout: '',
      stderr: `error: ${file} is not a regular file; name another file for the checkpoint\n`,
    });
  });

  it('that cannot be written is reported before anything is printed', async () => {
    await leat(['publish', 'file/where'], numberedLines(1));
    const { code, stdout, stderr } = await leat([
      'tail',
      'file/where',
      '--checkpoint',
      path.join(dir, 'none', 'place'),
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: cannot save the checkpoint: ENOENT: .*\n$/);
  });

  it('moves on with what was handed over only: nothing that still waits for a slow reader is done', async () => {
    const file = path.join(dir, 'slow');
    await leat(['publish', 'file/slow'], numberedLines(50_000));
    const tail = startLeat(at(['tail', 'file/slow', '--checkpoint', file]), { readOutput: false });
    let text = '';
    const { stdout } = tail.child;
    stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await once(stdout, 'data');
    stdout.pause();
    tail.child.kill('SIGINT');
    expect(await once(tail.child, 'exit')).toEqual([130, null]);
    stdout.resume();
    await tail.ended;
    const rest = await leat(['tail', 'file/slow', '--checkpoint', file]);
    expect([...new Set([...numbersIn(text), ...numbersIn(rest.stdout)])]).toEqual(range(1, 50_000));
  });

  it('and a cursor are not given together', async () => {
    const { code, stderr } = await leat(['tail', 'file', '--checkpoint', 'a', '--cursor', 'b']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/cannot be used with/);
  });
});
