import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { killAfterTest } from '../support/leftovers.js';
import { runLeat, startLeat, startService, type TestService } from './leat-process.js';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
let service: TestService;
beforeAll(async () => {
  service = await startService();
  await runLeat(['publish', 'quiet', '--address', service.address], { input: 'one\n' });
  await runLeat(['chat', 'silent', '--address', service.address], { input: 'one\n' });
});
afterAll(() => service[Symbol.asyncDispose]());

/** Commands that print one line or more at once, and then nothing for a long time. */
const followers = [
  ['tail', 'quiet', '--follow'],
  ['tail', 'quiet', '--follow', '--json'],
  ['tail', 'quiet', '--follow', '--cursor', 'reader', '--from', 'first'],
  ['topics', '--watch', '--interval', '3600'],
  ['chat', 'silent', '--follow', '--from', 'first'],
];

describe('a command that follows, with nothing to print', () => {
  it.each(followers)('ends when the reader of its pipe has gone: %s %s %s', async (...args) => {
    const command = [process.execPath, main, ...args, '--address', service.address].join(' ');
    // The standard input stays open: its end would end a chat.
    const shell = spawn('sh', ['-c', `exec 3<&0; (exec ${command} <&3) | head -n1`], { stdio: 'pipe' });
    killAfterTest(shell);
    const [stdout, stderr] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, 'exit')]);
    expect({ lines: stdout.split('\n').length - 1, stderr }).toEqual({ lines: 1, stderr: '' });
  });

  it.each(followers)('ends when the reader of its socket has gone: %s %s %s', async (...args) => {
    const own = args.map((word) => (word === 'reader' ? 'second-reader' : word));
    const follower = startLeat([...own, '--address', service.address]);
    await follower.until('stdout', /\n/);
    follower.child.stdout.destroy();
    expect(await follower.ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('a command with work to do', () => {
  it('finishes it when nobody reads its output', async () => {
    const publish = startLeat(['publish', 'unread', '--address', service.address]);
    publish.child.stdout.destroy();
    publish.child.stdin.write('one\n');
    publish.child.stdin.end('two\n');
    expect(await publish.ended).toMatchObject({ code: 0 });
    const { stdout } = await runLeat(['tail', 'unread', '--address', service.address]);
    expect(stdout.split('\n').map((line) => line.split('  ')[3])).toEqual(['one', 'two', undefined]);
  });
});
