import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runLeat, startLeat, startService, type TestService } from './leat-process.js';

let service: TestService;
beforeAll(async () => void (service = await startService()));
afterAll(() => service[Symbol.asyncDispose]());

const leat = (...args: string[]) => runLeat([...args, '--address', service.address]);

describe('leat user', () => {
  it('creates, finds, changes and deletes a user', async () => {
    const ada = [
      'user',
      'create',
      'Ada Lovelace',
      '--id',
      'ada',
      '--email',
      'Ada@example.com',
      '--attribute',
      'team=x',
    ];
    expect((await leat(...ada)).stdout).toMatch(/^id: ada\nname: Ada Lovelace\nemail: Ada@example.com\nteam: x\n/);
    expect(await leat(...ada)).toMatchObject({ code: 0 });
    const found = JSON.parse((await leat('user', 'get', '--email', 'ada@EXAMPLE.com', '--json')).stdout) as {
      etag: string;
    };
    expect(found).toMatchObject({ userId: 'ada', attributes: { team: 'x' } });
    const change = ['--email', '', '--attribute', 'team=y', '--etag', found.etag];
    expect((await leat('user', 'update', 'ada', ...change, '--json')).stdout).toMatch(/"attributes":\{"team":"y"\}/);
    expect((await leat('user', 'get', 'ada')).stdout).not.toContain('email');
    const stale = await leat('user', 'update', 'ada', ...change);
    expect(stale).toMatchObject({ code: 5, stderr: expect.stringMatching(/^error: .*ABORTED, ETAG_MISMATCH\)\n$/) });
    expect(await leat('user', 'delete', 'ada')).toMatchObject({ code: 0, stdout: 'deleted ada\n' });
    expect(await leat('user', 'get', 'ada')).toMatchObject({ code: 4, stdout: '' });
    expect(await leat('user', 'delete', 'ada', '--allow-missing')).toMatchObject({ code: 0 });
  });

  it('lists users as a table and as JSON, and their changes can be followed', async () => {
    const tail = startLeat(['tail', 'sys/users', '--follow', '--json', '--address', service.address]);
    await leat('user', 'create', 'Grace \u001b[31mHopper', '--id', 'grace');
    await leat('user', 'create', 'Linus', '--id', 'linus');
    const { stdout } = await leat('user', 'list');
    expect(stdout).toMatch(/^ID +NAME +EMAIL +ETAG\ngrace +Grace \\u001b\[31mHopper +- +\d+\nlinus/);
    const ids = (await leat('user', 'list', '--json')).stdout.split('\n').slice(0, -1);
    expect(ids.map((line) => (JSON.parse(line) as { userId: string }).userId)).toEqual(['grace', 'linus']);
    await leat('user', 'delete', 'linus');
    await tail.until('stdout', /user\.deleted/);
    tail.child.kill('SIGINT');
    expect(await tail.ended).toMatchObject({ code: 0 });
  });
});

describe('leat topics', () => {
  it('lists topics by prefix, with int64 as strings', async () => {
    for (const topic of ['b/one', 'b/two', 'c'])
      await runLeat(['publish', topic, '--address', service.address], { input: 'x\n' });
    expect((await leat('topics', 'b/')).stdout).toMatch(
      /^TOPIC +EVENTS +FIRST +HEAD +SIZE +LAST COMMIT +AGE\nb\/one +1 +1 +1 .*\nb\/two .*\n$/,
    );
    const [line = ''] = (await leat('topics', 'c', '--json')).stdout.split('\n');
    expect(JSON.parse(line)).toMatchObject({ topic: 'c', firstOffset: '1', headOffset: '1' });
    expect(await leat('topics', 'nothing/')).toMatchObject({ code: 0, stdout: '' });
  });
});
