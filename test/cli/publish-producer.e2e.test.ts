import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { numberedLines, runLeat, startLeat, startService } from './leat-process.js';
import { startLeat as startLeatServer } from '../support/leat-server.js';
import { killAfterTest } from '../support/leftovers.js';
import { until } from '../support/until.js';

let dir: string;
beforeAll(async () => void (dir = await mkdtemp(path.join(tmpdir(), 'leat-producer-test-'))));
afterAll(() => rm(dir, { recursive: true }));

async function fileOf(name: string, text: string): Promise<string> {
  await writeFile(path.join(dir, name), text);
  return path.join(dir, name);
}

describe('leat publish --producer', () => {
  it('adds nothing at a second run and says so, and what is new once the file has grown', async () => {
    await using service = await startService();
    const file = await fileOf('grows', numberedLines(3));
    const run = () => runLeat(['publish', 'grows', file, '--producer', 'p', '--address', service.address]);
    expect(await run()).toEqual({ code: 0, stdout: 'published 3 events to grows, offsets 1 to 3\n', stderr: '' });
    expect(await run()).toEqual({
      code: 0,
      stdout: 'nothing new: all 3 events of producer p are on grows already\n',
      stderr: 'producer p has 3 events on grows; continuing with line 4\n',
    });
    await appendFile(file, numberedLines(2, 4));
    expect(await run()).toMatchObject({
      code: 0,
      stdout: 'published 2 events to grows, offsets 4 to 5; 3 were duplicates\n',
    });
    const { stdout } = await runLeat(['tail', 'grows', '--json', '--address', service.address]);
    expect([...stdout.matchAll(/"data":"line (\d)"/g)].map(([, number]) => number)).toEqual(['1', '2', '3', '4', '5']);
  });

  it('refuses another file under the same name, whether it is shorter or has other lines', async () => {
    await using service = await startService();
    const publish = (input: string) =>
      runLeat(['publish', 'other', '--producer', 'p', '--address', service.address], { input });
    await publish(numberedLines(5));
    const shorter = await publish(numberedLines(2));
    expect(shorter).toMatchObject({ code: 1, stdout: '' });
    expect(shorter.stderr).toMatch(/error: this is not what producer p has published to other before: .*\n {2}/);
    const changed = await publish(`${numberedLines(4)}something else\n`);
    expect(changed).toMatchObject({ code: 5, stdout: '' });
    expect(changed.stderr).toMatch(/error: this is not what producer p has published to other before: /);
    expect(await runLeat(['tail', 'other', '--address', service.address])).toMatchObject({
      stdout: expect.not.stringContaining('something else'),
    });
  });

  it.each([
    ['a rotated file', numberedLines(6, 11)],
    ['a rotated file with fewer lines', numberedLines(2, 11)],
    ['an emptied file', ''],
  ])('does not call lines of %s durable, and says how to publish it', async (_kind, text) => {
    await using service = await startService();
    const file = await fileOf('rotated log', numberedLines(4));
    const words = ['--producer', 'p', '--type', 'access', '--attribute', 'site=eu west', '--user', 'ada'];
    const run = (...more: string[]) =>
      runLeat(['publish', 'swapped', file, ...words, ...more, '--address', service.address]);
    await run();
    await writeFile(file, text);
    const { stderr } = await run();
    expect(stderr).toContain(
      `leat publish swapped '${file}' --producer NEW_NAME --type access --attribute 'site=eu west' ` +
        `--address ${service.address} --user ada\n`,
    );
    expect(stderr).toMatch(/\n {2}nothing was published\n$/);
    expect(stderr).not.toMatch(/durable; |are durable\n|go on from line/);
    expect(JSON.parse((await run('--json')).stdout)).toMatchObject({ durableLines: '0', nextLine: '1' });
  });

  it('sends each line once over the death of the server', async () => {
    await using service = await startService();
    const publish = startLeat(['publish', 'crash', '--producer', 'p', '--address', service.address]);
    const tail = startLeat(['tail', 'crash', '--follow', '--address', service.address]);
    publish.child.stdin.write(numberedLines(500));
    await tail.until('stdout', /line 500\n/);
    await service.crash();
    publish.child.stdin.write(numberedLines(500, 501));
    await publish.until('stderr', /connection lost .*; sending again in /);
    await service.restart();
    publish.child.stdin.end(numberedLines(500, 1_001));
    expect(await publish.ended).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^published \d+ events/),
      stderr: expect.stringContaining('connected again\n'),
    });
    tail.child.kill('SIGINT');
    await tail.ended;
    const { stdout } = await runLeat(['tail', 'crash', '--address', service.address]);
    expect(stdout.match(/line \d+\n/g)?.join('')).toBe(numberedLines(1_500));
  });

  it('is ended by Ctrl-C while it waits for lines, and while it waits for a server', async () => {
    await using service = await startService();
    const publish = startLeat(['publish', 'stop', '--producer', 'p', '--address', service.address]);
    const tail = startLeat(['tail', 'stop', '--follow', '--address', service.address]);
    publish.child.stdin.write(numberedLines(2));
    await tail.until('stdout', /line 2\n/);
    publish.child.kill('SIGINT');
    expect(await publish.ended).toEqual({
      code: 130,
      stdout: '',
      stderr: 'error: interrupted\n  lines 1 to 2 are durable; go on from line 3\n',
    });
    const waiting = startLeat(['publish', 'stop', '--producer', 'p', '--address', service.address]);
    await waiting.until('stderr', /continuing with line 3/);
    await service.crash();
    waiting.child.stdin.write(numberedLines(9));
    await waiting.until('stderr', /connection lost/);
    waiting.child.kill('SIGINT');
    expect(await waiting.ended).toMatchObject({ code: 130, stdout: '' });
    tail.child.kill('SIGINT');
    await tail.ended;
  });

  it('says at once that there is no server', async () => {
    const args = ['publish', 'x', '--producer', 'p', '--address', '127.0.0.1:1'];
    expect(await runLeat(args, { input: 'a\n' })).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^error: cannot reach .*\n {2}nothing was published\n$/),
    });
  });
});

describe('leat publish --producer of a file that is still written', () => {
  it('holds back a last line without a line feed, says so, and publishes it once it is complete', async () => {
    await using service = await startService();
    const file = await fileOf('written', 'line 1\nline 2\nlin');
    const run = (...flags: string[]) =>
      runLeat(['publish', 'written', file, '--producer', 'p', ...flags, '--address', service.address]);
    expect(await run()).toEqual({
      code: 0,
      stdout: 'published 2 events to written, offsets 1 to 2\n',
      stderr:
        'line 3 was held back: its 3 bytes have no line feed, so it may not be complete; ' +
        'add the line feed and publish again, or give --include-partial\n',
    });
    const again = await run();
    expect(again).toMatchObject({
      code: 0,
      stdout: 'nothing new: all 2 events of producer p are on written already\n',
    });
    expect(again.stderr).toMatch(/line 3 was held back/);
    await appendFile(file, 'e 3\nline 4');
    expect(await run()).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('published 1 event to written, offset 3'),
    });
    expect(await run('--include-partial')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('published 1 event to written, offset 4'),
    });
    // It has been published as it is, so it is compared like any other.
    expect(await run()).toEqual({
      code: 0,
      stdout: 'nothing new: all 4 events of producer p are on written already\n',
      stderr: 'producer p has 4 events on written; continuing with line 5\n',
    });
    const { stdout } = await runLeat(['tail', 'written', '--json', '--address', service.address]);
    expect([...stdout.matchAll(/"data":"([^"]*)"/g)].map(([, text]) => text)).toEqual(
      numberedLines(4).trim().split('\n'),
    );
  });

  it('holds it back too when the file is the standard input, but not the last line of a pipe that has ended', async () => {
    await using service = await startService();
    const file = await fileOf('redirected', 'one\ntw');
    const handle = await open(file);
    const publish = ['publish', 'redirected', '--producer', 'file', '--address', service.address];
    const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
    const child = spawn(process.execPath, [main, ...publish], { stdio: [handle.fd, 'pipe', 'pipe'] });
    killAfterTest(child);
    let stdout = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    await once(child, 'close');
    await handle.close();
    expect(stdout).toBe('published 1 event to redirected, offset 1\n');
    const args = ['publish', 'piped', '--producer', 'pipe', '--address', service.address];
    expect(await runLeat(args, { input: 'one\ntwo' })).toEqual({
      code: 0,
      stdout: 'published 2 events to piped, offsets 1 to 2\n',
      stderr: '',
    });
  });

  it('goes on under another name, from a line on, when the file differs or was rotated', async () => {
    await using service = await startService();
    const file = await fileOf('rotated', 'one\ntwo\nthr');
    const run = (...flags: string[]) => runLeat(['publish', 'rotated', file, ...flags, '--address', service.address]);
    await run('--producer', 'p', '--include-partial');
    await appendFile(file, 'ee\nfour\n');
    const blocked = await run('--producer', 'p');
    expect(blocked).toMatchObject({ code: 5, stdout: '' });
    expect(blocked.stderr).toContain(`leat publish rotated ${file} --producer NEW_NAME --from-line N`);
    const goOn = ['--producer', 'p-2', '--from-line', '3'];
    expect(await run(...goOn)).toMatchObject({ code: 0, stdout: 'published 2 events to rotated, offsets 4 to 5\n' });
    expect(await run(...goOn)).toEqual({
      code: 0,
      stdout: 'nothing new: all 2 events of producer p-2 are on rotated already\n',
      stderr: 'producer p-2 has 2 events on rotated; continuing with line 5\n',
    });
    await writeFile(file, 'after rotation\n');
    const shorter = await run('--producer', 'p');
    expect(shorter.code).toBe(1);
    expect(shorter.stderr).toContain(`for a new or rotated file: leat publish rotated ${file} --producer NEW_NAME`);
    expect(await run('--producer', 'p-3')).toMatchObject({ code: 0 });
    const { stdout } = await runLeat(['tail', 'rotated', '--json', '--address', service.address]);
    expect([...stdout.matchAll(/"data":"([^"]*)"/g)].map(([, text]) => text)).toEqual([
      'one',
      'two',
      'thr',
      'three',
      'four',
      'after rotation',
    ]);
  });
});

describe('leat publish --producer after a trim', () => {
  it('adds nothing of an unchanged file, and the new lines of one that has grown', async () => {
    await using leat = await startLeatServer({}, { housekeepingMs: 5 });
    const { events } = leat;
    const address = `127.0.0.1:${leat.grpcPort}`;
    const file = await fileOf('trimmed', numberedLines(3));
    const run = () => runLeat(['publish', 'trimmed', file, '--producer', 'p', '--address', address]);
    const trimAll = async () => {
      const { topic } = await events.getTopic({ topic: 'trimmed' });
      await events.trimTopic({ topic: 'trimmed', beforeOffset: (topic?.headOffset ?? 0n) + 1n });
      await until(async () => (await events.getTopic({ topic: 'trimmed' })).topic?.storedBytes === 0n);
    };
    await run();
    await trimAll();
    expect(await run()).toEqual({
      code: 0,
      stdout: 'nothing new: all 3 events of producer p are on trimmed already\n',
      stderr: 'producer p has 3 events on trimmed; continuing with line 4\n',
    });
    await appendFile(file, numberedLines(2, 4));
    expect(await run()).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('published 2 events to trimmed, offsets 4 to 5'),
    });
    await trimAll();
    await writeFile(file, numberedLines(5).replace('line 5', 'other'));
    expect(await run()).toMatchObject({ code: 5 });
  });
});
