import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLeatClient, type LeatClient } from '../../src/client/index.js';
import { numberedLines, runLeat, startLeat, startService, type TestService } from './leat-process.js';
import { noTerminal, runInTerminal } from './pseudo-terminal.js';

let service: TestService;
let client: LeatClient;
beforeAll(async () => {
  service = await startService();
  client = createLeatClient({ address: service.address });
});
afterAll(async () => {
  await client.close();
  await service[Symbol.asyncDispose]();
});

const at = (...args: string[]) => [...args, '--address', service.address];
const publish = (topic: string, count: number) =>
  client.publish(
    topic,
    Array.from({ length: count }, (_none, index) => ({ type: `t${index}` })),
  );
const commit = (topic: string, cursor: string, offset: bigint) => client.events.commitCursor({ topic, cursor, offset });

describe('leat topics --long', () => {
  it('tells of each topic how many cursors it has, and how far the last one is behind', async () => {
    await publish('long/none', 1);
    await publish('long/some', 12);
    await commit('long/some', 'first', 12n);
    await commit('long/some', 'last', 5n);
    await client.events.trimTopic({ topic: 'long/some', beforeOffset: 3n });
    const { code, stdout } = await runLeat(at('topics', 'long/', '--long'));
    expect(code).toBe(0);
    const [heading, ...rows] = stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(heading).toEqual([
      ...['TOPIC', 'EVENTS', 'FIRST', 'HEAD', 'SIZE', 'LAST COMMIT', 'AGE'],
      ...['CURSORS', 'MAX LAG'],
    ]);
    const size = expect.stringMatching(/^\d+ B$/);
    const time = expect.stringMatching(/^\d{4}-.*Z$/);
    const age = expect.stringMatching(/^\d+ s$/);
    expect(rows).toEqual([
      ['long/none', '1', '1', '1', size, time, age, '0', '-'],
      ['long/some', '10', '3', '12', size, time, age, '2', '7'],
      [''],
    ]);
  });

  it('has all cursors in its JSON', async () => {
    await publish('json/one', 3);
    await commit('json/one', 'reader', 1n);
    const { stdout } = await runLeat(at('topics', 'json/', '--long', '--json'));
    expect(JSON.parse(stdout)).toMatchObject({
      topic: 'json/one',
      headOffset: '3',
      cursors: [{ cursor: 'reader', offset: '1', lag: '2', commitTime: expect.stringMatching(/Z$/) }],
    });
    const short = await runLeat(at('topics', 'json/', '--json'));
    expect(JSON.parse(short.stdout)).not.toHaveProperty('cursors');
  });
});

describe('leat topics --watch', () => {
  it.each([['0'], ['soon'], ['1e9'], ['-1']])('is wrong usage with an interval of %s', async (interval) => {
    expect(await runLeat(at('topics', '--watch', `--interval=${interval}`))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Give seconds'),
    });
  });

  it('writes lines of JSON into a pipe: what grows has its rates, and the lag of its cursors', async () => {
    await publish('rates/one', 1);
    await commit('rates/one', 'reader', 1n);
    const watch = startLeat(at('topics', 'rates/', '--watch', '--long', '--interval', '0.1'));
    const [first] = await watch.until('stdout', /^\{.*\}\n/);
    expect(JSON.parse(first)).toMatchObject({ topic: 'rates/one', headOffset: '1', at: expect.stringMatching(/Z$/) });
    expect(JSON.parse(first)).not.toHaveProperty('eventsPerSecond');
    await watch.until('stdout', /"eventsPerSecond":0,"bytesPerSecond":0\}/);
    await publish('rates/one', 50);
    await publish('rates/two', 2);
    const [line] = await watch.until('stdout', /\{"topic":"rates\/one".*"headOffset":"51".*\}\n/);
    const grown = JSON.parse(line) as { eventsPerSecond: number; bytesPerSecond: number };
    expect(grown).toMatchObject({ cursors: [{ cursor: 'reader', lag: '50' }] });
    // Over at most as long as the test has taken; and an event has some bytes.
    expect(grown.eventsPerSecond).toBeGreaterThan(50 / 60);
    expect(grown.bytesPerSecond).toBeGreaterThan(grown.eventsPerSecond);
    await watch.until('stdout', /\{"topic":"rates\/two"/);
    await client.events.trimTopic({ topic: 'rates/two', beforeOffset: 3n });
    watch.child.kill('SIGINT');
    expect(await watch.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('goes on when its service comes back, and says that it was away', async () => {
    await using own = await startService();
    await runLeat(['publish', 'back', '--address', own.address], { input: numberedLines(1) });
    const watch = startLeat(['topics', 'back', '--watch', '--interval', '0.1', '--address', own.address]);
    await watch.until('stdout', /"headOffset":"1"/);
    await own.crash();
    await watch.until('stderr', /^connection lost \(.*\); looking again in 0\.1 s\n/);
    await own.restart();
    await runLeat(['publish', 'back', '--address', own.address], { input: numberedLines(1) });
    await watch.until('stdout', /"headOffset":"2"/);
    await watch.until('stderr', /connected again\n$/);
    watch.child.kill('SIGTERM');
    expect(await watch.ended).toMatchObject({ code: 0 });
  });

  it('says that no topic begins with a prefix', async () => {
    const stderr = 'no topic has a name that begins with "nothing/"\n';
    expect(await runLeat(at('topics', 'nothing/'))).toEqual({ code: 0, stdout: '', stderr });
  });

  it('ends at once without a service, and quietly when nobody reads it any more', async () => {
    expect(await runLeat(['topics', '--watch', '--address', '127.0.0.1:1'])).toMatchObject({ code: 3, stdout: '' });
    await publish('read/a', 1);
    const watch = startLeat(at('topics', 'read/', '--watch', '--interval', '0.1'));
    await watch.until('stdout', /"read\/a"/);
    watch.child.stdout.destroy();
    expect(await watch.ended).toMatchObject({ code: 0, stderr: '' });
  });

  const onTerminal = noTerminal === undefined ? it : it.skip;
  onTerminal('draws a table over itself on a terminal, until Ctrl-C', async () => {
    await publish('drawn/a', 3);
    await commit('drawn/a', 'reader', 1n);
    const run = runInTerminal(at('topics', 'drawn/', '-w', '-l', '--interval', '0.1'));
    const columns = 'TOPIC +EVENTS +EVENTS/S +BYTES/S +SIZE +AGE +CURSORS +MAX LAG';
    await run.until(
      new RegExp(
        `\\u001b\\[H\\u001b\\[J1 topic  every 0.1 s  Ctrl-C ends\\r\\n\\S*${columns}\\S*\\r\\ndrawn/a +3 +- +- `,
      ),
    );
    await run.until(/drawn\/a +3 +0 +0 B\/s +\d+ B +\d+ s +1 +2\r\n/);
    await publish('drawn/b', 1);
    await run.until(/2 topics [^]*drawn\/b +1 /);
    run.type('\u0003');
    expect((await run.ended).code).toBe(0);
  });

  onTerminal('is no longer than the terminal', async () => {
    for (let topic = 0; topic < 30; topic++) await publish(`many/${topic}`, 1);
    const run = runInTerminal(at('topics', 'many/', '--watch'));
    await run.until(/and \d+ more: give a prefix\r\n/);
    run.type('\u0003');
    const { screen } = await run.ended;
    expect(screen.split('\r\n').length).toBeLessThanOrEqual(25);
  });
});
