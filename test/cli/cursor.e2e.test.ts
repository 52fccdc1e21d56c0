import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { numberedLines, runLeat, startService, type TestService } from './leat-process.js';

let service: TestService;
beforeAll(async () => {
  service = await startService();
  await leat(['publish', 'orders'], numberedLines(5));
});
afterAll(() => service[Symbol.asyncDispose]());

const leat = (args: readonly string[], input?: string) => runLeat([...args, '--address', service.address], { input });

describe('leat cursor', () => {
  it('sets where a reader stands, and a tail goes on there', async () => {
    expect(await leat(['cursor', 'set', 'orders', 'worker', '3'])).toEqual({
      code: 0,
      stdout: 'cursor worker of orders is at 3, 2 behind the head\n',
      stderr: '',
    });
    const { stdout } = await leat(['tail', 'orders', '--cursor', 'worker']);
    expect(stdout.match(/line \d/g)).toEqual(['line 4', 'line 5']);
    expect((await leat(['cursor', 'get', 'orders', 'worker', '--json'])).stdout).toMatch(/"offset":"5","lag":"0"/);
  });

  it('moves one back only if that is said', async () => {
    await leat(['cursor', 'set', 'orders', 'back', '4']);
    expect(await leat(['cursor', 'set', 'orders', 'back', '2'])).toMatchObject({
      code: 5,
      stdout: '',
      stderr: 'error: cursor "back" stands at 4 already; --rewind moves it back\n',
    });
    expect(await leat(['cursor', 'set', 'orders', 'back', '0', '--rewind'])).toMatchObject({
      code: 0,
      stdout: 'cursor back of orders is at 0, 5 behind the head\n',
    });
  });

  it('lists all of a topic, or one, for people and as JSON', async () => {
    await leat(['publish', 'listed'], numberedLines(4));
    await leat(['cursor', 'set', 'listed', 'b', '1']);
    await leat(['cursor', 'set', 'listed', 'a', '4']);
    const { stdout } = await leat(['cursor', 'list', 'listed']);
    expect(stdout).toMatch(/^CURSOR {2}OFFSET {2}LAG {2}COMMITTED\na {7}4 {7}0 {4}\S+Z\nb {7}1 {7}3 {4}\S+Z\n$/);
    expect((await leat(['cursor', 'get', 'listed', 'b'])).stdout).toMatch(/^CURSOR .*\nb {7}1 {7}3 {4}\S+Z\n$/);
    const json = (await leat(['cursor', 'list', 'listed', '--json'])).stdout.split('\n').slice(0, -1);
    const commitTime = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(json.map((line) => JSON.parse(line) as unknown)).toEqual([
      { cursor: 'a', offset: '4', lag: '0', commitTime },
      { cursor: 'b', offset: '1', lag: '3', commitTime },
    ]);
  });

  it('lists nothing of a topic that has none', async () => {
    await leat(['publish', 'empty'], 'a\n');
    expect(await leat(['cursor', 'list', 'empty'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it.each([
    [['get', 'orders', 'nobody'], 4, /^error: topic "orders" has no cursor "nobody"\n$/],
    [['list', 'no/such/topic'], 4, /^error: .*TOPIC_NOT_FOUND.*\n$/],
    [['set', 'orders', 'worker', '6'], 1, /^error: .*OFFSET_BEYOND_HEAD.*\n$/],
    [['set', 'orders', 'worker', 'far'], 2, /^error: .*Give a whole number.*\n$/],
    [['set', 'orders', '', '1'], 2, /^error: .*Give a name of 1 to 128 characters.*\n$/],
    [['set', 'Bad Topic', 'worker', '1'], 2, /^error: .*topic: .*INVALID_FIELD.*\n$/],
  ])('%j is refused in a line', async (args, code, line) => {
    const ended = await leat(['cursor', ...args]);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toMatch(line);
  });
});
