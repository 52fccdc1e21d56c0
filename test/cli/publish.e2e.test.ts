import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { numberedLines, runLeat, startLeat, startService, type TestService } from './leat-process.js';

let service: TestService;
beforeAll(async () => void (service = await startService()));
afterAll(() => service[Symbol.asyncDispose]());

const leat = (args: readonly string[], input?: string | Uint8Array) =>
  runLeat([...args, '--address', service.address], { input });

async function jsonOf(topic: string): Promise<Record<string, unknown>[]> {
  const { stdout } = await leat(['tail', topic, '--json']);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('leat publish', () => {
  it('makes every line an event, as text or as bytes, and tells where they are', async () => {
    const input = Buffer.concat([Buffer.from('one\n\ntwo\r\n'), Buffer.from([0xff, 10]), Buffer.from('no line feed')]);
    const { code, stdout, stderr } = await leat(['publish', 'plain', '--user', 'ada'], input);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: 'published 5 events to plain, offsets 1 to 5\n',
      stderr: '',
    });
    const events = await jsonOf('plain');
    expect(events.map(({ data, data_base64 }) => data ?? data_base64)).toEqual([
      'one',
      '',
      'two\r',
      '/w==',
      'no line feed',
    ]);
    expect(events[0]).toMatchObject({
      type: 'line',
      leatauthor: 'ada',
      leatoffset: '1',
      datacontenttype: 'text/plain',
    });
  });

  it('publishes many megabytes in order over several calls', async () => {
    const padding = 'x'.repeat(200);
    const lines = Array.from({ length: 60_000 }, (_none, index) => `${index} ${padding}`);
    const { stdout } = await leat(['publish', 'large', '-', '--json'], `${lines.join('\n')}\n`);
    expect(JSON.parse(stdout)).toMatchObject({
      accepted: '60000',
      durableLines: '60000',
      firstOffset: '1',
      lastOffset: '60000',
    });
    expect((await jsonOf('large')).map(({ data }) => data)).toEqual(lines);
  });

  it('sends what has come without waiting for more, and reports at Ctrl-C what is durable', async () => {
    const publish = startLeat(['publish', 'live', '--type', 'tick', '--address', service.address]);
    const tail = startLeat(['tail', 'live', '--follow', '--address', service.address]);
    publish.child.stdin.write('first\n');
    await tail.until('stdout', / tick {2}first\n/);
    publish.child.stdin.write('second\nunfinished');
    await tail.until('stdout', / tick {2}second\n/);
    publish.child.kill('SIGINT');
    expect(await publish.ended).toEqual({
      code: 130,
      stdout: '',
      stderr: 'error: interrupted\n  lines 1 to 2 are durable; go on from line 3\n',
    });
    tail.child.kill('SIGINT');
    const stderr = expect.stringMatching(/^(?:topic "live" has no events yet; waiting for the first one\n)?$/);
    expect(await tail.ended).toMatchObject({ code: 0, stderr });
  });

  it('takes envelopes back as it prints them, and recognizes ids that are there already', async () => {
    const envelopes = [
      {
        id: 'a',
        type: 'order.created',
        subject: 'orders/1',
        source: '//shop',
        time: '2026-01-31T12:00:00.123456789Z',
        data: { n: 1 },
      },
      { id: 'b', type: 'order.paid', data: 'text', attributes: { region: 'eu' } },
      { id: 'c', type: 'order.label', datacontenttype: 'image/png', data_base64: 'iVBORw==' },
    ];
    const input = envelopes.map((envelope) => `${JSON.stringify(envelope)}\n`).join('');
    expect(await leat(['publish', 'orders', '--envelope'], input)).toMatchObject({ code: 0 });
    expect(await jsonOf('orders')).toMatchObject(envelopes);
    const again = await leat(['publish', 'orders', '--envelope'], input);
    expect(again.stdout).toBe('published 0 events to orders; 3 were duplicates\n');
    const { stdout } = await leat(['tail', 'orders', '--json']);
    await leat(['publish', 'copy', '--envelope'], stdout);
    expect(await jsonOf('copy')).toMatchObject(envelopes);
  });

  it('publishes what comes before a line that it cannot read, and says which line that is', async () => {
    const { code, stderr } = await leat(
      ['publish', 'broken', '--envelope'],
      '{"type":"a"}\n{"type":"b"}\nnonsense\n{"type":"c"}\n',
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: line 3: not JSON: .*\n {2}lines 1 to 2 are durable; go on from line 3\n$/);
    expect((await jsonOf('broken')).map(({ type }) => type)).toEqual(['a', 'b']);
  });

  it('takes envelopes with a byte order mark, with CRLF and with blank lines between them', async () => {
    const objects = ['{"type":"a","data":{"n":1}}', '{"type":"b","data":[ 1 ]}', '{"type":"c","data":"text\\r"}'];
    const input = `\ufeff${objects[0]}\r\n\r\n \t\n\ufeff${objects[1]}\r\n\n\n${objects[2]}\r\n\r\n`;
    expect(await leat(['publish', 'windows', '--envelope'], input)).toEqual({
      code: 0,
      stdout: 'published 3 events to windows, offsets 1 to 3\n',
      stderr: '',
    });
    expect(await jsonOf('windows')).toMatchObject([
      { type: 'a', data: { n: 1 } },
      { type: 'b', data: [1] },
      { type: 'c', data: 'text\r' },
    ]);
    const asProducer = () => leat(['publish', 'windows', '--envelope', '--producer', 'w'], input);
    expect(await asProducer()).toMatchObject({ code: 0, stdout: 'published 3 events to windows, offsets 4 to 6\n' });
    expect(await asProducer()).toEqual({
      code: 0,
      stdout: 'nothing new: all 3 events of producer w are on windows already\n',
      stderr: 'producer w has 3 events on windows; continuing with event 4\n',
    });
  });

  it.each([[], ['--producer', 'lines']])('counts blank lines between envelopes as lines (%s)', async (...flags) => {
    const topic = `blank-lines${flags.length}`;
    const good = '{"type":"a"}\n\n\n{"type":"b"}\n';
    const unreadable = await leat(['publish', topic, '--envelope', ...flags], `${good}\nnonsense\n`);
    expect(unreadable.code).toBe(2);
    expect(unreadable.stderr).toMatch(
      /error: line 6: not JSON: .*\n {2}lines 1 to 4 are durable; go on from line 5\n$/,
    );
    const big = `{"type":"c","data":"${'x'.repeat(300_000)}"}`;
    const refused = await leat(['publish', `${topic}/refused`, '--envelope', ...flags], `${good}${big}\n`);
    expect(refused.stderr).toMatch(/error: line 5: text: /);
  });

  it('goes on from a line that is named, and passes over those before it', async () => {
    const from = (line: string, topic: string, ...flags: string[]) =>
      leat(['publish', topic, '--from-line', line, ...flags], numberedLines(5));
    expect(await from('4', 'from-line')).toMatchObject({ stdout: 'published 2 events to from-line, offsets 1 to 2\n' });
    expect((await jsonOf('from-line')).map(({ data }) => data)).toEqual(['line 4', 'line 5']);
    expect(await from('9', 'from-line')).toMatchObject({ code: 0, stdout: 'published 0 events to from-line\n' });
    expect(JSON.parse((await from('5', 'from-line', '--json')).stdout)).toMatchObject({ nextLine: '6', accepted: '1' });
    for (const wrong of ['0', '-1', 'x', '1.5']) expect((await from(wrong, 'from-line')).code).toBe(2);
  });

  it('refuses an envelope with an empty id, which would not make it harmless to repeat', async () => {
    const { code, stderr } = await leat(['publish', 'empty-id', '--envelope'], '{"id":"","type":"a"}\n');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: line 1: "id" is empty; /);
  });

  it('says which line the server refuses, and why', async () => {
    const { code, stderr, stdout } = await leat(['publish', 'refused', '--json'], `ok\n${'x'.repeat(300_000)}\nlate\n`);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^error: line 2: text: .*262144 bytes.*INVALID_ARGUMENT.*\n {2}line 1 is durable; go on from line 2\n$/,
    );
    expect(JSON.parse(stdout)).toMatchObject({ durableLines: '1', nextLine: '2' });
  });

  it('lists all that is wrong, a line each', async () => {
    const { code, stderr } = await leat(['publish', 'Bad Topic', '--type', 'x'.repeat(200)], 'a\n');
    expect(code).toBe(2);
    expect(stderr.split('\n').slice(1, 3).join('\n')).toMatch(/^ {2}topic: .*\n {2}line 1: type: /);
  });

  it.each([
    [
      ['publish', 'sys/users'],
      1,
      /^error: topic "sys\/users" is reserved.*PERMISSION_DENIED.*\n {2}nothing was published\n$/,
    ],
    [['publish', 'x', '/does/not/exist'], 2, /^error: .*no such file.*\n {2}nothing was published\n$/],
    [['publish', 'x', '/'], 2, /^error: .*directory.*\n {2}nothing was published\n$/],
  ])('%j is refused in a line', async (args, code, line) => {
    const ended = await leat(args, 'a\n');
    expect(ended.stderr).toMatch(line);
    expect(ended).toMatchObject({ code, stdout: '' });
  });

  it('tells what is durable and what may be when the server goes down', async () => {
    await using own = await startService();
    const publish = startLeat(['publish', 'crash', '--address', own.address]);
    const tail = startLeat(['tail', 'crash', '--follow', '--address', own.address]);
    publish.child.stdin.write(numberedLines(3));
    await tail.until('stdout', /line 3\n/);
    await own.crash();
    publish.child.stdin.write(numberedLines(1, 4));
    const { code, stderr } = await publish.ended;
    expect(code).toBe(3);
    expect(stderr).toMatch(/^error: .*UNAVAILABLE.*\n {2}.*go on from line [14]\b/);
    tail.child.kill('SIGINT');
    expect(await tail.ended).toMatchObject({ code: 0 });
  });
});
