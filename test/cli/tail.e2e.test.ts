import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { startSilentServer } from '../support/silent-server.js';
import { numberedLines, runLeat, startLeat, startService, type TestService } from './leat-process.js';

let service: TestService;
beforeAll(async () => void (service = await startService()));
afterAll(() => service[Symbol.asyncDispose]());

const at = (args: readonly string[]) => [...args, '--address', service.address];
const leat = (args: readonly string[], input?: string) => runLeat(at(args), { input });

/** The payloads of what is printed for people. */
function payloads(stdout: string): string[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('  ').slice(3).join('  '));
}

describe('leat tail', () => {
  it('begins and ends where it is told', async () => {
    await leat(['publish', 'range'], numberedLines(9));
    const numbers = async (...flags: string[]) =>
      payloads((await leat(['tail', 'range', ...flags])).stdout).map((text) => Number(text.slice(5)));
    expect(await numbers()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await numbers('--from', '4', '--until', '7')).toEqual([4, 5, 6]);
    expect(await numbers('--last', '2')).toEqual([8, 9]);
    expect(await numbers('--from', 'first', '--limit', '2')).toEqual([1, 2]);
    expect(await numbers('--from', 'now')).toEqual([]);
    expect(await numbers('--from', '2020-01-01', '--limit', '1')).toEqual([1]);
    expect(await numbers('--until', '2020-01-01T00:00:00Z')).toEqual([]);
  });

  it('prints only what its filters let through', async () => {
    const envelopes = [
      { type: 'order.created', subject: 'a', attributes: { region: 'eu' }, data: '1' },
      { type: 'order.paid', subject: 'b', attributes: { region: 'us' }, data: '2' },
      { type: 'refund', subject: 'a', data: '3' },
    ];
    await leat(['publish', 'filtered', '--envelope'], envelopes.map((event) => `${JSON.stringify(event)}\n`).join(''));
    const matching = async (...flags: string[]) =>
      payloads((await leat(['tail', 'filtered', ...flags])).stdout).join('');
    expect(await matching('--type', 'order.*')).toBe('12');
    expect(await matching('--type', 'refund', '--type', 'order.paid')).toBe('23');
    expect(await matching('--subject', 'a')).toBe('13');
    expect(await matching('--attribute', 'region=eu')).toBe('1');
  });

  it('ends quietly when its reader has seen enough', async () => {
    await leat(['publish', 'pipe'], numberedLines(50_000));
    const tail = startLeat(at(['tail', 'pipe']), { readOutput: false });
    await once(tail.child.stdout, 'readable');
    tail.child.stdout.destroy();
    expect(await tail.ended).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('ends quietly when the reader of a followed topic went away', async () => {
    await leat(['publish', 'gone'], 'one\n');
    const tail = startLeat(at(['tail', 'gone', '--follow']));
    await tail.until('stdout', /one\n/);
    tail.child.stdout.destroy();
    await leat(['publish', 'gone'], 'two\n');
    expect(await tail.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends cleanly at %s while it waits for what is new', async (signal) => {
    await leat(['publish', 'stopped'], 'one\n');
    const tail = startLeat(at(['tail', 'stopped', '--follow', '--last', '1']));
    await tail.until('stdout', /one\n/);
    tail.child.kill(signal);
    expect(await tail.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('ends at Ctrl-C while nobody reads its output', async () => {
    await leat(['publish', 'stuck'], numberedLines(50_000));
    const tail = startLeat(at(['tail', 'stuck']), { readOutput: false });
    await once(tail.child.stdout, 'readable');
    tail.child.kill('SIGINT');
    expect(await once(tail.child, 'exit')).toEqual([130, null]);
    tail.child.stdout.resume();
    expect(await tail.ended).toMatchObject({ stderr: '' });
  });

  it('ends at Ctrl-C while a server does not answer', async () => {
    await using silent = await startSilentServer();
    const connected = silent.connected();
    const tail = startLeat(['tail', 'x', '--address', silent.address]);
    await connected;
    tail.child.kill('SIGINT');
    expect(await tail.ended).toEqual({ code: 130, stdout: '', stderr: '' });
  });

  it('goes on over the death of the server with nothing lost and nothing twice', async () => {
    await using own = await startService();
    const publish = (input: string) => runLeat(['publish', 'log', '--address', own.address], { input });
    await publish(numberedLines(1_000));
    const tail = startLeat(['tail', 'log', '--follow', '--address', own.address]);
    await tail.until('stdout', /line 1000\n/);
    await own.crashAndRestart();
    await publish(numberedLines(1_000, 1_001));
    await tail.until('stdout', /line 2000\n/);
    tail.child.kill('SIGINT');
    const { code, stdout, stderr } = await tail.ended;
    expect(code).toBe(0);
    expect(`${payloads(stdout).join('\n')}\n`).toBe(numberedLines(2_000));
    expect(stderr).toMatch(/^(?:connection lost \(.*\); resuming in \d+\.\d s \(try \d+\)\n)+connected again\n$/);
  });

  it.each([[[]], [['--cursor', 'reader']]])(
    'says that a topic has no events, for it may be mistyped: %j',
    async (flags) => {
      expect(await leat(['tail', 'ordres', ...flags])).toEqual({
        code: 0,
        stdout: '',
        stderr: 'topic "ordres" has no events yet; "leat topics" lists those that have\n',
      });
      const tail = startLeat(at(['tail', 'ordres', '--follow', ...flags]));
      await tail.until('stderr', /^topic "ordres" has no events yet; waiting for the first one\n$/);
      tail.child.kill('SIGINT');
      expect((await tail.ended).code).toBe(0);
    },
  );

  it('tells the offset to begin with when it is told to begin beyond the end', async () => {
    await leat(['publish', 'short'], 'one\n');
    const { code, stderr } = await leat(['tail', 'short', '--from', '9']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*OUT_OF_RANGE, OFFSET_BEYOND_HEAD\); start with --from now.*\n$/);
  });
});
