import { describe, expect, it } from '@jest/globals';
import { startExpiry } from '../../src/server/expiry.js';
import { DomainError } from '../../src/domain/errors.js';
import { spawnServer } from '../support/child-server.js';
import { makeTempDir } from '../support/temp-dir.js';
import { until } from '../support/until.js';

/** Something in the server that fails when it gets SIGUSR2, and that nobody expected to. */
const failing = (statement: string) => [
  '--import',
  `data:text/javascript,process.on('SIGUSR2', () => { ${statement} })`,
];

describe('an error that nobody handled', () => {
  it.each([
    ['is thrown', `throw new Error('a defect')`],
    ['is the end of a promise that nobody waits for', `Promise.reject(new Error('a defect'))`],
    ['is thrown again and again', `setInterval(() => { throw new Error('a defect') }, 1)`],
  ])('ends the server with exit code 1 and one line, when it %s', async (_how, statement) => {
    await using dir = await makeTempDir();
    await using server = spawnServer({ 'data-dir': dir.path }, failing(statement));
    const client = await server.connect();
    await client.events.publishEvent({ topic: 't', event: { type: 'a' } });
    await expect(server.kill('SIGUSR2')).resolves.toEqual({ code: 1, signal: null });
    expect(server.lines.filter(({ level }) => Number(level) >= 50)).toEqual([
      expect.objectContaining({ level: 60, msg: 'cannot go on: unexpected error: a defect' }),
    ]);
    expect(server.errors()).toBe('');
    await using again = spawnServer({ 'data-dir': dir.path });
    const { topic } = await (await again.connect()).events.getTopic({ topic: 't' });
    expect(topic?.headOffset).toBe(1n);
  });
});

describe('the expiry of uploads', () => {
  function startFailing(errors: Error[]) {
    let rounds = 0;
    const warnings: string[] = [];
    const fatal: unknown[] = [];
    const expire = async () => {
      rounds++;
      const error = errors.shift();
      if (error) throw error;
    };
    const log = { info: () => undefined, warn: (_values: object, message: string) => void warnings.push(message) };
    const stop = startExpiry({ expire }, { maxIdleMs: 1, log, onFatal: (error) => void fatal.push(error) });
    return { stop, warnings, fatal, rounds: () => rounds };
  }

  it('logs that the store does not answer, and tries again', async () => {
    const expiry = startFailing([new DomainError('unavailable', 'STORE_BUSY', 'busy')]);
    await until(() => expiry.rounds() === 2);
    await expiry.stop();
    expect(expiry.warnings).toEqual(['cannot look for expired uploads, trying again later']);
    expect(expiry.fatal).toEqual([]);
  });

  it('hands an error that nobody expected to the fatal path', async () => {
    const error = new TypeError('a defect');
    const expiry = startFailing([error]);
    await until(() => expiry.fatal.length > 0);
    expect(expiry.fatal).toEqual([error]);
    await expiry.stop();
    expect(expiry.rounds()).toBe(1);
  });
});
