import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { numberedLines, runLeat, startLeat, startService } from './leat-process.js';

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
