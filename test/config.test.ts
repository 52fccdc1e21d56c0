import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ConfigError, configOptions, isLoopback, loadConfig, type ConfigSources } from '../src/config.js';
import { makeTempDir } from './support/temp-dir.js';

function problemsOf(sources: ConfigSources): readonly string[] {
  try {
    loadConfig(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

async function configFile(content: string) {
  const dir = await makeTempDir();
  const file = path.join(dir.path, 'leat.json');
  await writeFile(file, content);
  return { file, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

describe('loadConfig', () => {
  it('has a default for everything, and cannot be changed afterwards', () => {
    const config = loadConfig();
    expect(Object.keys(config)).toEqual(configOptions.map(({ key }) => key));
    expect(config).toMatchObject({
      listen: { host: '127.0.0.1', port: 50051 },
      httpListen: { host: '127.0.0.1', port: 8080 },
      insecure: false,
      maxEventSize: 256 * 1024,
      maxReceiveMessageSize: 2 * 1024 * 1024,
      window: 1024 * 1024,
      drainTimeout: 10_000,
      sysMaxAge: 30 * 86_400_000,
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('takes flags before the environment, that before the file, that before the default', async () => {
    await using stored = await configFile(
      JSON.stringify({ 'drain-timeout': '1s', 'keepalive-time': '2s', 'keepalive-timeout': '3s', insecure: true }),
    );
    const env = { LEAT_CONFIG: stored.file, LEAT_DRAIN_TIMEOUT: '4s', LEAT_KEEPALIVE_TIME: '5s' };
    const config = loadConfig({ flags: { drainTimeout: '6s' }, env });
    const { drainTimeout, keepaliveTime, keepaliveTimeout, insecure, maxConnectionIdle } = config;
    expect([drainTimeout, keepaliveTime, keepaliveTimeout]).toEqual([6_000, 5_000, 3_000]);
    expect(insecure).toBe(true);
    expect(maxConnectionIdle).toBe(900_000);
  });

  it.each(configOptions.map(({ name, key, env }) => [name, key, env]))(
    'refuses an empty %s, and names where it stands',
    async (name, key, env) => {
      await using stored = await configFile(JSON.stringify({ [name]: '' }));
      const problem = (where: string) => [expect.stringMatching(`^${where}: it is empty; give .*, or leave it out`)];
      expect(problemsOf({ env: { [env]: '' } })).toEqual(problem(env));
      expect(problemsOf({ flags: { [key]: '' } })).toEqual(problem(`--${name}`));
      expect(problemsOf({ file: stored.file })).toEqual(problem(`${stored.file}: ${name}`));
    },
  );

  it('refuses an empty LEAT_CONFIG, which would leave out all that the file says', () => {
    expect(problemsOf({ env: { LEAT_CONFIG: '' } })).toEqual(['LEAT_CONFIG: it is empty; name a file, or unset it']);
  });

  it('takes a file with a byte order mark', async () => {
    await using stored = await configFile(`\ufeff${JSON.stringify({ insecure: true })}\r\n`);
    expect(loadConfig({ file: stored.file }).insecure).toBe(true);
  });

  it.each([
    ['max-event-size', '300000', 300_000],
    ['max-event-size', '512KiB', 512 * 1024],
    ['max-event-size', 1024, 1024],
    ['window', '2MiB', 2 * 1024 * 1024],
    ['drain-timeout', '1500ms', 1_500],
    ['drain-timeout', '5m', 300_000],
    ['drain-timeout', '0s', 0],
    ['max-concurrent-streams', '7', 7],
    ['insecure', true, true],
    ['insecure', '0', false],
    ['listen', '[::1]:50051', { host: '::1', port: 50051 }],
    ['listen', 'localhost:0', { host: 'localhost', port: 0 }],
    ['log-level', 'debug', 'debug'],
  ])('reads --%s %s', (name, written, value) => {
    const { key } = configOptions.find((option) => option.name === name) ?? { key: '' };
    expect(loadConfig({ flags: { [name]: written } })).toHaveProperty(key, value);
  });

  it.each([
    ['max-event-size', '769KiB'],
    ['max-event-size', '-1'],
    ['max-event-size', '1.5KiB'],
    ['max-event-size', '1toString'],
    ['drain-timeout', '10'],
    ['drain-timeout', '2h'],
    ['drain-timeout', '5 fortnights'],
    ['max-concurrent-streams', '0'],
    ['max-concurrent-streams', '1e3'],
    ['insecure', 'yes'],
    ['listen', '127.0.0.1'],
    ['listen', '127.0.0.1:65536'],
    ['listen', '::1:50051'],
    ['listen', { host: 'x' }],
    ['log-level', 'loud'],
    ['data-dir', ' '],
  ])('refuses --%s %s, and says what would be right', (name, written) => {
    const [problem, ...more] = problemsOf({ flags: { [name]: written } });
    expect(more).toEqual([]);
    expect(problem).toMatch(new RegExp(`^--${name}: .* is not .{6,}`));
  });

  it('tells every problem at once, with the place it comes from', async () => {
    await using stored = await configFile(JSON.stringify({ 'keepalive-time': 5, lisen: 'x' }));
    const env = { LEAT_MAX_EVENT_SIZE: 'big', LEAT_CONFIG: stored.file };
    const problems = problemsOf({ flags: { logLevel: 'loud' }, env });
    expect(problems).toEqual([
      `${stored.file}: no option is called lisen`,
      expect.stringMatching(/^--log-level: "loud" is not one of trace, /),
      expect.stringMatching(/^LEAT_MAX_EVENT_SIZE: "big" is not a size .* from 1KiB to 768KiB$/),
      expect.stringMatching(/: keepalive-time: 5 is not a time /),
    ]);
  });

  it.each(['{', '[]', 'null'])('refuses the file %s', async (content) => {
    await using stored = await configFile(content);
    expect(problemsOf({ file: stored.file })).toEqual([expect.stringContaining(stored.file)]);
  });

  it('refuses a file that is not there', () => {
    expect(problemsOf({ file: '/nowhere/leat.json' })).toEqual([expect.stringContaining('ENOENT')]);
  });

  it.each([{}, { insecure: true }])('wants messages that hold the largest event (%o)', (more) => {
    const sizes = (size: number) => ({ 'max-receive-message-size': size, 'max-send-message-size': size });
    const flags = { ...more, 'max-event-size': '512KiB' };
    const problem =
      'cannot hold an event of max-event-size (524288 bytes); it must be at least 128KiB more, 655360 bytes';
    expect(problemsOf({ flags: { ...flags, ...sizes(655_359) } })).toEqual([
      `max-receive-message-size: 655359 bytes ${problem}`,
      `max-send-message-size: 655359 bytes ${problem}`,
    ]);
    expect(loadConfig({ flags: { ...flags, ...sizes(655_360) } }).maxSendMessageSize).toBe(655_360);
  });

  it('serves other machines only if that was said', () => {
    const flags = { listen: '0.0.0.0:50051', 'http-listen': '[::]:8080' };
    expect(problemsOf({ flags })).toEqual([
      expect.stringMatching(/^listen: 0\.0\.0\.0 can be reached .*--insecure/),
      expect.stringMatching(/^http-listen: :: can be reached .*--insecure/),
    ]);
    expect(loadConfig({ flags: { ...flags, insecure: true } }).listen.host).toBe('0.0.0.0');
  });
});

describe('isLoopback', () => {
  it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('accepts %s', (host) => expect(isLoopback(host)).toBe(true));
  it.each(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.org', 'example.org', '128.0.0.1'])('not %s', (host) =>
    expect(isLoopback(host)).toBe(false),
  );
});

describe('configOptions', () => {
  it('can be read by its own options', () => {
    const flags = Object.fromEntries(configOptions.map((option) => [option.name, option.default]));
    expect(loadConfig({ flags })).toEqual(loadConfig());
  });
});
